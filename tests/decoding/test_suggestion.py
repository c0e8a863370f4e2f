"""Suggestion against every word there is, up to a length, each scored by itself."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.decoding import WordTokens, suggest

from .machines import Machine

# Sums of a dozen logarithms in float64, and matrix products of one row or of sixteen: 1e-15 each.
ROUNDING = 1e-12

Found = list[tuple[tuple[int, ...], float]]

# id 0 ends a word, 1 and 2 are letters, 3 is an ideograph, 4 ends a word too, 5 is another letter
TOKENS = WordTokens(
    inside=np.array([False, True, True, False, False, True]), whole=np.array([False, False, False, True, False, False])
)


def brute_force(machine: Machine, tokens: WordTokens, max_length: int, *, inside_word: bool) -> Found:
    """Every word up to max_length, likeliest first: P(its tokens) * P(the next one is not inside a word)."""
    letters, ends = np.flatnonzero(tokens.inside).tolist(), np.flatnonzero(~tokens.inside).tolist()
    words: Found = [] if inside_word else [((token,), _p(machine, (token,))) for token in np.flatnonzero(tokens.whole)]
    for length in range(0 if inside_word else 1, max_length + 1):
        for ids in itertools.product(letters, repeat=length):
            words.append((ids, math.fsum(_p(machine, (*ids, end)) for end in ends)))
    return sorted(words, key=lambda word: -word[1])


def _p(machine: Machine, ids: tuple[int, ...]) -> float:
    (logits, state), p = machine.start(), 1.0
    for token in ids:
        weights = [math.exp(z) for z in logits]
        p *= weights[token] / math.fsum(weights)
        rows, state = machine.step(np.array([token]), state)
        logits = rows[0]
    return p


def assert_same(found: Found, expected: Found) -> None:
    assert [p for _, p in found] == pytest.approx([p for _, p in expected], rel=0, abs=ROUNDING)
    different = [(a, b) for (a, _), (b, _) in zip(found, expected, strict=True) if a != b]
    assert not different


@pytest.mark.parametrize("width", [1, 3, 16])
@pytest.mark.parametrize("inside_word", [False, True], ids=["at_a_word_start", "inside_a_word"])
@pytest.mark.parametrize("k", [1, 3, 12])
def test_the_k_likeliest_words_of_all_are_found_with_their_probabilities(k: int, inside_word: bool, width: int) -> None:
    for seed in range(4):
        machine = Machine(seed, 6)
        expected = brute_force(machine, TOKENS, 4, inside_word=inside_word)[:k]
        found = suggest(
            machine.step, *machine.start(), TOKENS, k, inside_word=inside_word, max_length=4, max_steps=400, width=width
        )
        assert_same(found, expected)


@pytest.mark.parametrize("inside_word", [False, True], ids=["at_a_word_start", "inside_a_word"])
def test_more_than_there_are_gives_every_word_once(inside_word: bool) -> None:
    machine = Machine(9, 6)
    expected = brute_force(machine, TOKENS, 3, inside_word=inside_word)
    found = suggest(machine.step, *machine.start(), TOKENS, 1000, inside_word=inside_word, max_length=3, max_steps=400)
    assert_same(found, expected)
    assert len(found) == 3 + 9 + 27 + 1  # the words of letters, and the ideograph or the empty completion


def test_an_ideograph_is_a_word_at_a_word_start_and_the_end_of_one_inside() -> None:
    machine = Machine(1, 6)
    at_start = suggest(machine.step, *machine.start(), TOKENS, 100, max_length=2)
    inside = suggest(machine.step, *machine.start(), TOKENS, 100, inside_word=True, max_length=2)
    assert (3,) in dict(at_start)
    assert () not in dict(at_start)
    assert (3,) not in dict(inside)
    p_ends = sum(_p(machine, (token,)) for token in (0, 3, 4))
    assert dict(inside)[()] == pytest.approx(p_ends, rel=0, abs=ROUNDING)


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(st.integers(0, 10_000), st.integers(1, 8), st.booleans())
def test_how_many_are_grown_at_once_never_changes_the_answer(seed: int, k: int, inside_word: bool) -> None:
    found = []
    for width in (1, 16):
        machine = Machine(seed, 6, scale=3.0)
        found.append(
            suggest(
                machine.step,
                *machine.start(),
                TOKENS,
                k,
                inside_word=inside_word,
                max_length=3,
                max_steps=400,
                width=width,
            )
        )
        assert max(map(len, machine.fed), default=0) <= width
    assert_same(found[0], found[1])


def test_what_cannot_be_told_from_the_first_logits_takes_no_step_where_a_whole_word_is_likeliest() -> None:
    machine = Machine(0, 6)
    logits = np.array([0.0, 0.0, 0.0, 9.0, 0.0, 0.0])
    ((ids, p),) = suggest(machine.step, logits, machine.start()[1], TOKENS, 1)
    assert ids == (3,)
    assert p == pytest.approx(math.exp(9) / (math.exp(9) + 5), abs=ROUNDING)
    assert machine.fed == []


@pytest.mark.parametrize("width", [1, 4])
def test_max_steps_ends_a_search_in_which_no_word_ends(width: int) -> None:
    endless = Machine(0, 6)

    def step(tokens: np.ndarray, state: dict[str, np.ndarray]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        rows, state = endless.step(tokens, state)
        return np.where(TOKENS.inside, rows, -60.0), state

    found = suggest(step, *endless.start(), TOKENS, 3, inside_word=False, max_steps=7, width=width)
    assert len(endless.fed) == 7
    assert [ids for ids, _ in found] in ([], [(3,)])  # the ideograph at most, which the first logits gave


def test_words_end_at_max_length() -> None:
    machine = Machine(2, 6)
    found = suggest(machine.step, *machine.start(), TOKENS, 1000, max_length=2, max_steps=400)
    assert max(len(ids) for ids, _ in found) == 2
