"""Sampling compared with its definitions in plain Python."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.decoding import Sampler, distribution

# Both sides compute in float64, with some dozens of roundings of 1e-16 in probabilities of at most one.
ROUNDING = 1e-12

Floats = npt.NDArray[np.floating[Any]]

LOGITS = st.lists(st.floats(-30, 30), min_size=1, max_size=12).map(np.array)
TEMPERATURES = st.floats(0.05, 20)


class FixedDraws:
    """A random generator that returns given values."""

    def __init__(self, *values: float) -> None:
        self._values = iter(values)

    def random(self) -> float:
        return next(self._values)


def choose(logits: Floats, sampler: Sampler, draw: float) -> int:
    return sampler.choose(logits, cast("np.random.Generator", FixedDraws(draw)))


def softmax(logits: Floats, temperature: float) -> list[float]:
    weights = [math.exp((z - max(logits)) / temperature) for z in logits]
    return [w / math.fsum(weights) for w in weights]


def most_likely_first(p: list[float]) -> list[int]:
    return sorted(range(len(p)), key=lambda token: (-p[token], token))


def renormalize(p: list[float], tokens: list[int]) -> list[float]:
    total = math.fsum(p[token] for token in tokens)
    return [p[token] / total if token in tokens else 0.0 for token in range(len(p))]


def fewest_reaching(p: list[float], top_p: float) -> list[int]:
    order = most_likely_first(p)
    for count in range(1, len(p) + 1):
        if math.fsum(p[token] for token in order[:count]) >= top_p - ROUNDING:
            return order[:count]
    return order


@settings(deadline=None, derandomize=True, database=None)
@given(LOGITS, TEMPERATURES)
def test_the_distribution_is_the_softmax_of_logits_over_temperature(logits: Floats, temperature: float) -> None:
    p = distribution(logits, Sampler(temperature))
    np.testing.assert_allclose(p, softmax(logits, temperature), rtol=0, atol=ROUNDING)


@settings(deadline=None, derandomize=True, database=None)
@given(LOGITS, st.integers(1, 14))
def test_top_k_keeps_the_k_most_likely_tokens(logits: Floats, k: int) -> None:
    p = softmax(logits, 1.0)
    expected = renormalize(p, most_likely_first(p)[:k])
    actual = distribution(logits, Sampler(top_k=k))
    # sorted, because either of two tokens that differ by a rounding may be kept
    np.testing.assert_allclose(np.sort(actual), np.sort(expected), rtol=0, atol=ROUNDING)
    assert np.count_nonzero(actual) == min(k, len(logits))


def test_top_k_keeps_the_lowest_ids_of_equals() -> None:
    actual = distribution(np.array([0.0, 1.0, 0.0, 1.0, 0.0]), Sampler(top_k=3))
    assert np.flatnonzero(actual).tolist() == [0, 1, 3]


@settings(deadline=None, derandomize=True, database=None)
@given(LOGITS, st.floats(0.01, 1.0), TEMPERATURES)
def test_top_p_keeps_the_fewest_tokens_that_reach_p(logits: Floats, top_p: float, temperature: float) -> None:
    p = softmax(logits, temperature)
    actual = distribution(logits, Sampler(temperature, top_p=top_p))
    tokens = np.flatnonzero(actual)
    # if a sum differs from p by a rounding, the next token may be kept or not
    fewest, most = fewest_reaching(p, top_p), fewest_reaching(p, top_p + 2 * ROUNDING)
    assert len(fewest) <= len(tokens) <= len(most)
    assert sorted(p[token] for token in tokens) == pytest.approx(
        sorted(p[token] for token in most_likely_first(p)[: len(tokens)]), abs=ROUNDING
    )
    np.testing.assert_allclose(actual, renormalize(p, tokens.tolist()), rtol=0, atol=ROUNDING)


def test_top_p_includes_the_token_that_reaches_p_and_no_later_one() -> None:
    logits = np.log([0.5, 0.25, 0.125, 0.125])
    tokens = {p: np.flatnonzero(distribution(logits, Sampler(top_p=p))).tolist() for p in (0.4, 0.6, 0.74, 0.8, 1.0)}
    assert tokens == {0.4: [0], 0.6: [0, 1], 0.74: [0, 1], 0.8: [0, 1, 2], 1.0: [0, 1, 2, 3]}


def test_top_p_is_applied_after_top_k() -> None:
    logits = np.log([0.4, 0.3, 0.2, 0.1])
    actual = distribution(logits, Sampler(top_k=2, top_p=0.5))
    # after top_k, 0.4 / 0.7 = 0.57 reaches 0.5 alone; without top_k, both would be kept
    np.testing.assert_allclose(actual, [1.0, 0.0, 0.0, 0.0], rtol=0, atol=ROUNDING)


def test_temperature_is_applied_before_top_p() -> None:
    logits = np.log([0.4, 0.3, 0.2, 0.1])
    counts = {t: np.count_nonzero(distribution(logits, Sampler(t, top_p=0.6))) for t in (0.1, 1.0, 10.0)}
    assert counts == {0.1: 1, 1.0: 2, 10.0: 3}


@settings(deadline=None, derandomize=True, database=None)
@given(LOGITS, st.integers(0, 2**32))
def test_temperature_zero_takes_the_most_likely_token_the_lowest_id_of_equals(logits: Floats, seed: int) -> None:
    expected = min(token for token in range(len(logits)) if logits[token] == max(logits))
    assert Sampler(0.0).choose(logits, np.random.default_rng(seed)) == expected
    assert distribution(logits, Sampler(0.0)).tolist() == [float(token == expected) for token in range(len(logits))]


@pytest.mark.parametrize("sampler", [Sampler(0.0), Sampler(1e-3), Sampler(1.0, top_k=1), Sampler(50.0, top_p=0.5)])
def test_forbidden_tokens_are_never_chosen(sampler: Sampler) -> None:
    logits = np.array([1e4, -1e4, -1e4, 1e4], np.float32)
    sampler = replace(sampler, forbidden=(0, 3))
    p = distribution(logits, sampler)
    assert p[[0, 3]].tolist() == [0.0, 0.0]
    assert math.fsum(p) == pytest.approx(1.0, abs=ROUNDING)
    for draw in (0.0, 0.5, np.nextafter(1.0, 0.0)):
        assert choose(logits, sampler, draw) in (1, 2)


def test_forbidding_preserves_the_proportions_of_the_others() -> None:
    actual = distribution(np.log([0.5, 0.2, 0.3]), Sampler(forbidden=(0,)))
    np.testing.assert_allclose(actual, [0.0, 0.4, 0.6], rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("temperature", [1e-320, 1e-5, 1.0, 1e5])
def test_extreme_logits_and_temperatures_neither_overflow_nor_warn(temperature: float) -> None:
    logits = np.array([-np.inf, 1e4, -np.inf, -1e4, 1e4 - 1], np.float32)
    p = distribution(logits, Sampler(temperature))
    assert np.isfinite(p).all()
    assert math.fsum(p) == pytest.approx(1.0, abs=ROUNDING)
    assert p[0] == p[2] == 0.0
    assert p[1] >= p[4] >= p[3]
    assert choose(logits, Sampler(temperature), 0.0) == 1


def test_the_logits_do_not_change() -> None:
    logits = np.array([1.0, 2.0, 3.0])
    distribution(logits, Sampler(0.5, top_k=2, top_p=0.5, forbidden=(2,)))
    assert logits.tolist() == [1.0, 2.0, 3.0]


def test_a_draw_selects_the_token_of_its_interval() -> None:
    p = np.array([0.0, 0.125, 0.0, 0.5, 0.375, 0.0])  # sums of powers of two: the bounds are exact
    with np.errstate(divide="ignore"):
        logits = np.log(p)
    draws = [0.0, 0.1249, 0.1251, 0.3, 0.6249, 0.6251, np.nextafter(1.0, 0.0)]
    assert [choose(logits, Sampler(), draw) for draw in draws] == [1, 1, 3, 3, 3, 4, 4]


def test_tokens_are_chosen_with_their_probabilities() -> None:
    logits, rng, n = np.array([0.0, 1.0, -1.0, 2.0, 0.5]), np.random.default_rng(7), 20_000
    expected = n * np.array(softmax(logits, 1.0))
    counts = np.bincount([Sampler().choose(logits, rng) for _ in range(n)], minlength=5)
    # chi-square with 4 degrees of freedom exceeds 18.47 with probability 0.001; the seed is fixed
    assert float(((counts - expected) ** 2 / expected).sum()) < 18.47


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -0.5}, "temperature: given -0.5; expected 0 (greedy) or more"),
        ({"temperature": math.nan}, "temperature: given nan; expected 0 (greedy) or more"),
        ({"temperature": math.inf}, "temperature: given inf; expected 0 (greedy) or more"),
        ({"top_k": 0}, "top_k: given 0; expected 1 or more"),
        ({"top_p": 0.0}, "top_p: given 0.0; expected more than 0 and at most 1"),
        ({"top_p": 1.5}, "top_p: given 1.5; expected more than 0 and at most 1"),
        ({"top_p": math.nan}, "top_p: given nan; expected more than 0 and at most 1"),
    ],
)
def test_invalid_options_raise_errors_that_name_them(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as raised:
        Sampler(**options)
    assert str(raised.value) == message
