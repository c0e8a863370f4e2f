"""Suggestion compared with all words up to a length, each with its own probability."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.decoding import suggest, suggestion
from elman.decoding.generation import State
from elman.text.words import WordMasks

from .machines import Floats, Machine

# Sums of a dozen logarithms in float64, and matrix products of one or sixteen rows: 1e-15 each.
ROUNDING = 1e-12

Words = list[tuple[tuple[int, ...], float]]

# ids 0 and 4 end a word; 1, 2 and 5 are letters; 3 is an ideograph
MASKS = WordMasks(
    inside=np.array([False, True, True, False, False, True]), whole=np.array([False, False, False, True, False, False])
)


def brute_force(machine: Machine, masks: WordMasks, max_length: int, *, inside_word: bool) -> Words:
    """Return all words up to max_length, most likely first, with P(its tokens) * P(the next token ends the word)."""
    letters, ends = np.flatnonzero(masks.inside).tolist(), np.flatnonzero(~masks.inside).tolist()
    words: Words = (
        []
        if inside_word
        else [((token,), _probability(machine, (token,))) for token in np.flatnonzero(masks.whole).tolist()]
    )
    for length in range(0 if inside_word else 1, max_length + 1):
        for ids in itertools.product(letters, repeat=length):
            words.append((ids, math.fsum(_probability(machine, (*ids, end)) for end in ends)))
    return sorted(words, key=lambda word: -word[1])


def _probability(machine: Machine, ids: tuple[int, ...]) -> float:
    (logits, state), p = machine.start(), 1.0
    for token in ids:
        weights = [math.exp(z) for z in logits]
        p *= weights[token] / math.fsum(weights)
        rows, state = machine.step(np.array([token]), state)
        logits = rows[0]
    return p


def assert_same(actual: Words, expected: Words) -> None:
    assert [p for _, p in actual] == pytest.approx([p for _, p in expected], rel=0, abs=ROUNDING)
    different = [(a, b) for (a, _), (b, _) in zip(actual, expected, strict=True) if a != b]
    assert not different


@pytest.mark.parametrize("width", [1, 3, 16])
@pytest.mark.parametrize("inside_word", [False, True], ids=["at_a_word_start", "inside_a_word"])
@pytest.mark.parametrize("k", [1, 3, 12])
def test_the_k_most_likely_words_are_returned_with_their_probabilities(k: int, inside_word: bool, width: int) -> None:
    for seed in range(4):
        machine = Machine(seed, 6)
        expected = brute_force(machine, MASKS, 4, inside_word=inside_word)[:k]
        words = suggest(
            machine.step, *machine.start(), MASKS, k, inside_word=inside_word, max_length=4, max_steps=400, width=width
        )
        assert_same(words, expected)


@pytest.mark.parametrize("inside_word", [False, True], ids=["at_a_word_start", "inside_a_word"])
def test_a_large_k_returns_every_word_once(inside_word: bool) -> None:
    machine = Machine(9, 6)
    expected = brute_force(machine, MASKS, 3, inside_word=inside_word)
    words = suggest(machine.step, *machine.start(), MASKS, 1000, inside_word=inside_word, max_length=3, max_steps=400)
    assert_same(words, expected)
    assert len(words) == 3 + 9 + 27 + 1  # the words of letters, and the ideograph or the empty completion


def test_an_ideograph_is_a_word_at_the_start_and_ends_a_word_inside() -> None:
    machine = Machine(1, 6)
    at_start = suggest(machine.step, *machine.start(), MASKS, 100, max_length=2)
    inside = suggest(machine.step, *machine.start(), MASKS, 100, inside_word=True, max_length=2)
    assert (3,) in dict(at_start)
    assert () not in dict(at_start)
    assert (3,) not in dict(inside)
    p_end = sum(_probability(machine, (token,)) for token in (0, 3, 4))
    assert dict(inside)[()] == pytest.approx(p_end, rel=0, abs=ROUNDING)


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(st.integers(0, 10_000), st.integers(1, 8), st.booleans())
def test_the_width_of_the_search_does_not_change_the_result(seed: int, k: int, inside_word: bool) -> None:
    results = []
    for width in (1, 16):
        machine = Machine(seed, 6, scale=3.0)
        results.append(
            suggest(
                machine.step,
                *machine.start(),
                MASKS,
                k,
                inside_word=inside_word,
                max_length=3,
                max_steps=400,
                width=width,
            )
        )
        assert max(map(len, machine.inputs), default=0) <= width
    assert_same(results[0], results[1])


def test_if_a_complete_word_is_the_most_likely_no_step_is_needed() -> None:
    machine = Machine(0, 6)
    logits = np.array([0.0, 0.0, 0.0, 9.0, 0.0, 0.0])
    ((ids, p),) = suggest(machine.step, logits, machine.start()[1], MASKS, 1)
    assert ids == (3,)
    assert p == pytest.approx(math.exp(9) / (math.exp(9) + 5), abs=ROUNDING)
    assert machine.inputs == []


@pytest.mark.parametrize("width", [1, 4])
def test_max_steps_limits_a_search_without_complete_words(width: int) -> None:
    machine = Machine(0, 6)

    def step(tokens: npt.NDArray[np.int64], state: State) -> tuple[Floats, State]:
        rows, state = machine.step(tokens, state)
        return np.where(MASKS.inside, rows, -60.0), state

    words = suggest(step, *machine.start(), MASKS, 3, inside_word=False, max_steps=7, width=width)
    assert len(machine.inputs) == 7
    assert [ids for ids, _ in words] in ([], [(3,)])  # at most the ideograph, from the first logits


def test_words_end_at_max_length() -> None:
    machine = Machine(2, 6)
    words = suggest(machine.step, *machine.start(), MASKS, 1000, max_length=2, max_steps=400)
    assert max(len(ids) for ids, _ in words) == 2


def test_the_queue_keeps_no_more_candidates_than_the_search_can_use(monkeypatch: pytest.MonkeyPatch) -> None:
    letters = 400
    masks = WordMasks(inside=np.arange(letters) > 0, whole=np.zeros(letters, bool))
    lengths: list[int] = []

    class Queue(suggestion._Queue):
        def extend(
            self, ids: tuple[int, ...], cost: float, logits: npt.NDArray[np.floating[Any]], state: State
        ) -> None:
            super().extend(ids, cost, logits, state)
            lengths.append(len(self._heap))

    def step(tokens: npt.NDArray[np.int64], state: State) -> tuple[Floats, State]:
        rows = np.random.default_rng(tokens.tolist()).normal(size=(len(tokens), letters)) * 1e-3
        return rows, state

    def words(most: int | None) -> Words:
        queue = Queue if most is None else lambda *args, **more: Queue(*args, **{**more, "most": most})
        monkeypatch.setattr(suggestion, "_Queue", queue)
        return suggest(step, np.zeros(letters), {"h": np.zeros((1, 1))}, masks, 3, max_length=4, max_steps=20, width=4)

    found = words(None)
    assert max(lengths) <= 2 * (20 * 4 + 3)
    lengths.clear()
    assert words(10**9) == found
    assert max(lengths) > 10_000
