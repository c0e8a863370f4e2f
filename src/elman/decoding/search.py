"""Search: the best whole sequence for each of many sources, greedily or by a beam; the sources go side by side.

    log p(y)   = sum over t of log p(y_t | y_1 .. y_(t-1), source)      the end token's included where it ended
    score(y)   = log p(y) / n^a               n: tokens, the end included, at least 1; a: the length penalty, 0 or more

Greedy, a beam of one, takes the likeliest token at each step. A beam of K grows K prefixes of each source: the greedy
one until it ends, and the likeliest others; so its best score is never below greedy's. At each step the ends among the
K likeliest continuations are found hypotheses, and the K likeliest others live on. Log probabilities never rise, so
what a living prefix grows into scores at most log p(prefix) / L^a, L being the source's longest length: a source stops
when it has found K and no living prefix could become its best, or when none lives. What follows its best one is then
what was found, not the K best there are. What reaches L tokens without an end is cut there and kept, as is a prefix
after which no token is possible. Ties go to the lowest row, then to the lowest id.

A step takes tokens (N,), a state whose arrays have N rows and a context whose arrays have B, one a source, and returns
log probabilities (N, V) and the next state. The N / B rows of a source stand together; how many there are may change
from step to step, and so may B: sources that are done leave once they are an eighth. A step need only be row-wise for a
source's result not to depend on the others. Length normalisation: Wu et al. (2016), section 7, without their constant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .generation import State
from .sampling import Floats

Ids = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]
SearchStep = Callable[[Ids, State, State], tuple[Floats, State]]

_LEAVING_SHARE = 8  # sources leave when one in so many is done: to take rows out of the context costs a copy


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A sequence for a source. ids are without start and end; finished: it ended by itself, and was not cut."""

    ids: tuple[int, ...]
    log_probability: float  # in nats
    score: float
    finished: bool


def search(
    step: SearchStep,
    state: State,
    context: State,
    *,
    start: int,
    end: int,
    max_lengths: npt.NDArray[np.integer[Any]],
    beam: int = 1,
    length_penalty: float = 1.0,
    forbidden: Sequence[int] = (),
) -> list[list[Hypothesis]]:
    """Return up to `beam` different hypotheses of each source, best first; at least one.

    state and context are given with one row a source. A hypothesis that has max_lengths (B,) tokens is cut, so one that
    ends has fewer. forbidden ids are never chosen.
    """
    if beam < 1:
        raise ValueError(f"beam: given {beam}, expected 1 or more")
    if not 0.0 <= length_penalty < np.inf:
        raise ValueError(f"length_penalty: given {length_penalty}, expected 0 or more")
    longest = np.maximum(0, np.asarray(max_lengths, np.int64))
    rules = _Rules(start, end, longest, beam, length_penalty, list(forbidden))
    if beam == 1:
        return [[best] for best in _greedy(step, state, context, rules)]
    return _beam(step, state, context, rules)


@dataclass(frozen=True, slots=True)
class _Rules:
    """What a hypothesis may be, and how it is scored."""

    start: int
    end: int
    max_lengths: Ids
    beam: int
    length_penalty: float
    forbidden: list[int]

    def hypothesis(self, ids: Ids, log_probability: float, *, finished: bool) -> Hypothesis:
        count = max(1, len(ids) + finished)
        score = log_probability / count**self.length_penalty
        return Hypothesis(tuple(ids.tolist()), log_probability, score, finished)


def _greedy(step: SearchStep, state: State, context: State, rules: _Rules) -> list[Hypothesis]:
    """Follow the likeliest token of each source. State and context are copied only where sources leave."""
    sources = np.arange(len(rules.max_lengths))  # of each row
    ids = np.zeros((len(sources), int(rules.max_lengths.max(initial=0))), np.int64)
    lengths = np.zeros(len(sources), np.int64)  # tokens that were chosen, the end included
    log_probabilities = np.zeros(len(sources))
    tokens = np.full(len(sources), rules.start)
    living = rules.max_lengths > 0
    for column in range(ids.shape[1]):
        if not living.any():
            break
        if _should_leave(living):
            state, context = _rows(state, living), _rows(context, living)
            sources, tokens, living = sources[living], tokens[living], living[living]
        told, state = step(tokens, state, context)
        tokens, chosen = _likeliest(told, rules.forbidden)
        living = living & (chosen > -np.inf)
        grown = sources[living]
        ids[grown, column] = tokens[living]
        lengths[grown] += 1
        log_probabilities[grown] += chosen[living]
        living &= (tokens != rules.end) & (rules.max_lengths[sources] > column + 1)
    hypotheses = []
    for row, length, log_probability in zip(ids, lengths.tolist(), log_probabilities.tolist(), strict=True):
        finished = length > 0 and bool(row[length - 1] == rules.end)
        hypotheses.append(rules.hypothesis(row[: length - finished], log_probability, finished=finished))
    return hypotheses


def _likeliest(log_p: Floats, forbidden: list[int]) -> tuple[Ids, Floats]:
    """Return the likeliest id (N,) that is not forbidden, the lowest among equals, and its log probability (N,)."""
    tokens = np.asarray(log_p.argmax(axis=1), np.int64)
    chosen = log_p[np.arange(len(tokens)), tokens]
    wrong = np.flatnonzero(np.isin(tokens, forbidden))
    if wrong.size:  # seldom many: only these rows are copied, and the step's own array stays as it is
        allowed = log_p[wrong]
        allowed[:, forbidden] = -np.inf
        tokens[wrong] = allowed.argmax(axis=1)
        chosen[wrong] = allowed[np.arange(len(wrong)), tokens[wrong]]
    return tokens, chosen


@dataclass(frozen=True, slots=True)
class _Prefixes:
    """K prefixes of each of B sources, likeliest first, but the greedy one before all.

    ids (B, K, 1 + t) begin with start; log_probabilities (B, K) are -inf where no prefix lives; parents (B, K) are the
    rows that they grew from; greedy (B,): the first prefix is the greedy one.
    """

    sources: Ids
    ids: Ids
    log_probabilities: Doubles
    parents: Ids
    greedy: Bools

    @property
    def living(self) -> Bools:
        return np.asarray(self.log_probabilities > -np.inf)

    @property
    def living_sources(self) -> Bools:
        return np.asarray(self.living.any(axis=1))

    def where(self, kept: Bools) -> _Prefixes:
        """The prefixes of some of the sources."""
        return _Prefixes(
            self.sources[kept], self.ids[kept], self.log_probabilities[kept], self.parents[kept], self.greedy[kept]
        )


@dataclass(frozen=True, slots=True)
class _Continuations:
    """What the living prefixes may grow into: the source and row that each grows from, its token and log probability.

    By source, the greedy one first, then by falling log probability, row and token.
    """

    sources: Ids
    rows: Ids
    tokens: Ids
    log_probabilities: Doubles
    greedy: Bools

    def where(self, kept: npt.NDArray[Any]) -> _Continuations:
        return _Continuations(
            self.sources[kept], self.rows[kept], self.tokens[kept], self.log_probabilities[kept], self.greedy[kept]
        )

    def ranks(self) -> Ids:
        """The place of each in its source, from 0."""
        return np.asarray(np.arange(len(self.sources)) - np.searchsorted(self.sources, self.sources), np.int64)


class _Found:
    """The hypotheses of all sources that have ended or were cut."""

    def __init__(self, rules: _Rules) -> None:
        self._rules = rules
        self._hypotheses: list[list[Hypothesis]] = [[] for _ in rules.max_lengths]
        self.counts = np.zeros(len(rules.max_lengths), np.int64)
        self.best = np.full(len(rules.max_lengths), -np.inf)

    def add(self, source: int, ids: Ids, log_probability: float, *, finished: bool) -> None:
        """Keep a hypothesis, its ids given with the start."""
        hypothesis = self._rules.hypothesis(ids[1:], float(log_probability), finished=finished)
        self._hypotheses[source].append(hypothesis)
        self.counts[source] += 1
        self.best[source] = max(self.best[source], hypothesis.score)

    def ranked(self) -> list[list[Hypothesis]]:
        """The best of each source; among equals, what was found first."""
        return [sorted(each, key=lambda one: -one.score)[: self._rules.beam] for each in self._hypotheses]


def _beam(step: SearchStep, state: State, context: State, rules: _Rules) -> list[list[Hypothesis]]:
    """Grow the likeliest prefixes of all sources together. The state is gathered at every step, the context seldom."""
    found = _Found(rules)
    B = len(rules.max_lengths)
    sources = np.arange(B)
    start = np.full((B, 1, 1), rules.start)
    prefixes = _stopped(_Prefixes(sources, start, np.zeros((B, 1)), sources[:, None], np.ones(B, bool)), found, rules)
    while (living := prefixes.living_sources).any():
        if _should_leave(living):
            prefixes, context = prefixes.where(living), _rows(context, living)
        told, state = step(prefixes.ids[:, :, -1].ravel(), _rows(state, prefixes.parents.ravel()), context)
        continuations = _continuations(told, prefixes, rules)
        _collect(continuations, prefixes, found, rules)
        prefixes = _stopped(_grown(continuations, prefixes, rules), found, rules)
    return found.ranked()


def _continuations(told: Floats, prefixes: _Prefixes, rules: _Rules) -> _Continuations:
    """Return at least the 2K likeliest continuations of each source; K of them are no ends, where there are so many.

    The order within a row is that of its log probabilities as they came; so 2K of each row are enough.
    """
    V, K = told.shape[1], prefixes.log_probabilities.shape[1]
    least = V - min(V, 2 * rules.beam + len(rules.forbidden))
    possible = told >= np.partition(told, least, axis=1)[:, least, None]  # all equals: the lowest ids are chosen below
    possible[:, rules.forbidden] = False
    possible[~prefixes.living.ravel()] = False
    rows, tokens = np.divmod(np.flatnonzero(possible), V)  # np.nonzero takes ten times as long
    log_probabilities = prefixes.log_probabilities.ravel()[rows] + told[rows, tokens]
    sources = rows // K
    likeliest, _ = _likeliest(told[::K], rules.forbidden)
    greedy = prefixes.greedy[sources] & (rows % K == 0) & (tokens == likeliest[sources])
    order = np.lexsort((-np.where(greedy, np.inf, log_probabilities), sources))  # stable: then by row and token
    every = _Continuations(sources, rows, tokens, log_probabilities, greedy).where(order)
    return every.where(every.log_probabilities > -np.inf)


def _collect(continuations: _Continuations, prefixes: _Prefixes, found: _Found, rules: _Rules) -> None:
    """Keep the ends among the K likeliest continuations, and the prefixes that have none."""
    ids, log_probabilities = prefixes.ids.reshape(-1, prefixes.ids.shape[-1]), prefixes.log_probabilities.ravel()
    ends = continuations.where((continuations.tokens == rules.end) & (continuations.ranks() < rules.beam))
    for source, row, log_p in zip(ends.sources, ends.rows, ends.log_probabilities, strict=True):
        found.add(prefixes.sources[source], ids[row], log_p, finished=True)
    goes_on = np.zeros(len(ids), bool)
    goes_on[continuations.rows] = True
    for row in np.flatnonzero(prefixes.living.ravel() & ~goes_on):
        source = prefixes.sources[row // prefixes.ids.shape[1]]
        found.add(source, ids[row], log_probabilities[row], finished=False)


def _grown(continuations: _Continuations, prefixes: _Prefixes, rules: _Rules) -> _Prefixes:
    """Return the K likeliest continuations that are no ends as prefixes, in as many rows as the source of most has."""
    going_on = continuations.where(continuations.tokens != rules.end)
    going_on = going_on.where(going_on.ranks() < rules.beam)
    B, K, length = prefixes.ids.shape
    places = going_on.sources, going_on.ranks()
    shape = B, int(places[1].max(initial=0)) + 1
    parents = np.repeat(np.arange(B)[:, None] * K, shape[1], axis=1)  # where no prefix is: some row of the source
    tokens, log_probabilities = np.full(shape, rules.end), np.full(shape, -np.inf)
    parents[places], tokens[places] = going_on.rows, going_on.tokens
    log_probabilities[places] = going_on.log_probabilities
    greedy = np.zeros(B, bool)
    greedy[going_on.sources[going_on.greedy]] = True
    ids = np.concatenate([prefixes.ids.reshape(-1, length)[parents], tokens[:, :, None]], axis=2)
    return _Prefixes(prefixes.sources, ids, log_probabilities, parents, greedy)


def _stopped(prefixes: _Prefixes, found: _Found, rules: _Rules) -> _Prefixes:
    """Return the prefixes without those of sources that are done; those that may grow no longer are cut, and found."""
    sources, log_probabilities = prefixes.sources, prefixes.log_probabilities
    longest = rules.max_lengths[sources]
    full = longest < prefixes.ids.shape[2]  # with the start
    for source, row in np.argwhere(full[:, None] & prefixes.living):
        found.add(sources[source], prefixes.ids[source, row], log_probabilities[source, row], finished=False)
    highest = log_probabilities.max(axis=1, initial=-np.inf) / np.maximum(1, longest) ** rules.length_penalty
    done = full | (found.counts[sources] >= rules.beam) & (highest <= found.best[sources])
    left = np.where(done[:, None], -np.inf, log_probabilities)
    return _Prefixes(sources, prefixes.ids, left, prefixes.parents, prefixes.greedy)


def _should_leave(living: Bools) -> bool:
    return int((~living).sum()) * _LEAVING_SHARE >= max(1, len(living))


def _rows(arrays: State, rows: npt.NDArray[Any]) -> State:
    return {name: array[rows] for name, array in arrays.items()}
