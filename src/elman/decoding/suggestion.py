"""Suggestion: the likeliest next words, with their probabilities, from a model of words or of characters.

From characters, P(word) = P(its characters) * P(a word ends here), and the K largest are found exactly by best-first
search: a beginning of a word is never less likely than any word it grows into, so when a finished word is the likeliest
thing in the queue, nothing that is still to come can beat it (Dijkstra, 1959).
"""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.cells.readout import log_softmax

from .generation import State, Step
from .sampling import Floats

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class WordTokens:
    """What each token (V,) is to words: it goes on inside one, it is a whole one, or (neither) it ends one."""

    inside: Bools
    whole: Bools


@dataclass(order=True, slots=True)
class _Candidate:
    """A word or the beginning of one; the likeliest first, then the earliest."""

    cost: float  # -log probability
    number: int
    ids: tuple[int, ...] = field(compare=False)
    finished: bool = field(compare=False)
    state: State = field(compare=False)


def suggest(
    step: Step,
    logits: Floats,
    state: State,
    tokens: WordTokens,
    k: int,
    *,
    inside_word: bool = False,
    max_length: int = 32,
    max_steps: int = 200,
    width: int = 16,
) -> list[tuple[tuple[int, ...], float]]:
    """Return up to k (ids, probability) after what gave logits (V,) and state (a batch of one), likeliest first.

    inside_word: the text ends within a word, which is what is completed; ids may then be empty: the word ends as it is.
    Up to `width` beginnings are grown in one step; the search gives up after max_steps steps with what it has found.
    """
    numbers = itertools.count()
    queue: list[_Candidate] = []

    def push(ids: tuple[int, ...], cost: float, state: State, *, finished: bool) -> None:
        heapq.heappush(queue, _Candidate(cost, next(numbers), ids, finished, state))

    def grow(ids: tuple[int, ...], cost: float, logits: Floats, state: State) -> None:
        log_p = log_softmax(logits.astype(np.float64))
        if ids or inside_word:
            ends = log_p[~tokens.inside]
            push(ids, cost - (float(np.logaddexp.reduce(ends)) if ends.size else -np.inf), state, finished=True)
        else:
            for token in np.flatnonzero(tokens.whole):
                push((int(token),), cost - log_p[token], state, finished=True)
        if len(ids) < max_length:
            for token in np.flatnonzero(tokens.inside):
                push((*ids, int(token)), cost - log_p[token], state, finished=False)

    grow((), 0.0, logits, state)
    found: list[tuple[tuple[int, ...], float]] = []
    for _ in range(max_steps):
        front: list[_Candidate] = []
        while queue and len(front) < width and not (queue[0].finished and front):
            candidate = heapq.heappop(queue)
            if not candidate.finished:
                front.append(candidate)
                continue
            found.append((candidate.ids, float(np.exp(-candidate.cost))))
            if len(found) == k:
                return found
        if not front:
            break
        rows, states = step(np.array([c.ids[-1] for c in front]), _stacked([c.state for c in front]))
        for row, candidate in enumerate(front):
            one: dict[str, npt.NDArray[Any]] = {name: array[row : row + 1] for name, array in states.items()}
            grow(candidate.ids, candidate.cost, rows[row], one)
    return found


def _stacked(states: list[State]) -> State:
    return {name: np.concatenate([state[name] for state in states]) for name in states[0]}
