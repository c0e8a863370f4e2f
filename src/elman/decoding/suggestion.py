"""Suggestion: the most likely next words and their probabilities, from a model of characters.

P(word) = P(its characters) * P(a word ends here). The K largest are found exactly by best-first search: the beginning
of a word is at least as likely as every word that continues it. So when a complete word is the most likely candidate in
the queue, no other candidate can lead to a more likely word (Dijkstra, 1959).
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from elman.cells.readout import log_softmax
from elman.text.words import WordMasks

from .generation import State, Step
from .sampling import Floats

Suggestion = tuple[tuple[int, ...], float]  # the ids of a word, and its probability


@dataclass(order=True, slots=True)
class _Candidate:
    """A complete word or the beginning of one; the most likely one is first in the queue, then the earliest."""

    cost: float  # -log probability
    number: int
    ids: tuple[int, ...] = field(compare=False)
    is_complete: bool = field(compare=False)
    state: State = field(compare=False)


class _Queue:
    """The candidates of a search.

    No more than `most` of them are ever taken out, so those behind the `most` first ones are left out.
    """

    def __init__(self, masks: WordMasks, *, inside_word: bool, max_length: int, most: int) -> None:
        self._masks = masks
        self._inside_word = inside_word
        self._max_length = max_length
        self._numbers = itertools.count()
        self._heap: list[_Candidate] = []
        self._most = most
        self._highest_cost = np.inf  # of a candidate that may still be taken out

    def extend(self, ids: tuple[int, ...], cost: float, logits: Floats, state: State) -> None:
        """Add the candidates that continue a beginning of a word, `ids`, after which the logits are (V,)."""
        log_p = log_softmax(logits.astype(np.float64))
        if ids or self._inside_word:
            ends = log_p[~self._masks.inside]
            end_cost = -float(np.logaddexp.reduce(ends)) if ends.size else np.inf
            self._push(ids, cost + end_cost, state, is_complete=True)
        else:
            self._push_tokens((), self._masks.whole, cost, log_p, state, is_complete=True)
        if len(ids) < self._max_length:
            self._push_tokens(ids, self._masks.inside, cost, log_p, state, is_complete=False)
        if len(self._heap) > 2 * self._most:
            self._heap = heapq.nsmallest(self._most, self._heap)  # a sorted list is a heap
            self._highest_cost = self._heap[-1].cost

    def pop_words(self, beginnings: list[_Candidate], width: int) -> Iterator[Suggestion]:
        """Yield complete words until a beginning is more likely; collect up to `width` such beginnings to extend."""
        while self._heap and len(beginnings) < width and not (self._heap[0].is_complete and beginnings):
            candidate = heapq.heappop(self._heap)
            if candidate.is_complete:
                yield candidate.ids, float(np.exp(-candidate.cost))
            else:
                beginnings.append(candidate)

    def _push_tokens(
        self,
        ids: tuple[int, ...],
        mask: npt.NDArray[np.bool_],
        cost: float,
        log_p: Floats,
        state: State,
        *,
        is_complete: bool,
    ) -> None:
        for token in np.flatnonzero(mask & (cost - log_p <= self._highest_cost)):
            self._push((*ids, int(token)), cost - float(log_p[token]), state, is_complete=is_complete)

    def _push(self, ids: tuple[int, ...], cost: float, state: State, *, is_complete: bool) -> None:
        heapq.heappush(self._heap, _Candidate(cost, next(self._numbers), ids, is_complete, state))


def suggest(
    step: Step,
    logits: Floats,
    state: State,
    masks: WordMasks,
    k: int,
    *,
    inside_word: bool = False,
    max_length: int = 32,
    max_steps: int = 200,
    width: int = 16,
) -> list[Suggestion]:
    """Return up to k suggestions after a prompt with these logits (V,) and state (a batch of one), most likely first.

    inside_word: the prompt ends inside a word, which is completed; empty ids mean that the word is already complete.
    Each step extends up to `width` beginnings of words. After max_steps steps, return the words of the search so far.
    """
    queue = _Queue(masks, inside_word=inside_word, max_length=max_length, most=max_steps * width + k)
    queue.extend((), 0.0, logits, state)
    words: list[Suggestion] = []
    for _ in range(max_steps):
        beginnings: list[_Candidate] = []
        for word in queue.pop_words(beginnings, width):
            words.append(word)
            if len(words) == k:
                return words
        if not beginnings:
            break
        last_tokens = np.array([candidate.ids[-1] for candidate in beginnings])
        rows, states = step(last_tokens, _stack_states([candidate.state for candidate in beginnings]))
        for row, candidate in enumerate(beginnings):
            row_state: State = {name: array[row : row + 1] for name, array in states.items()}
            queue.extend(candidate.ids, candidate.cost, rows[row], row_state)
    return words


def _stack_states(states: list[State]) -> State:
    return {name: np.concatenate([state[name] for state in states]) for name in states[0]}
