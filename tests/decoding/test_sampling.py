"""Sampling against the definitions, written out in plain Python: sort, cut, sum, divide."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.decoding import Sampler, distribution

# float64 on both sides: some dozens of roundings of 1e-16 in probabilities of at most one.
ROUNDING = 1e-12

LOGITS = st.lists(st.floats(-30, 30), min_size=1, max_size=12).map(np.array)
TEMPERATURES = st.floats(0.05, 20)


class Draws:
    """A generator whose draws are known."""

    def __init__(self, *values: float) -> None:
        self._values = iter(values)

    def random(self) -> float:
        return next(self._values)


def chosen(logits: np.ndarray, sampler: Sampler, draw: float) -> int:
    return sampler.choose(logits, Draws(draw))  # type: ignore[arg-type]


def softmax(logits: np.ndarray, temperature: float) -> list[float]:
    weights = [math.exp((z - max(logits)) / temperature) for z in logits]
    return [w / math.fsum(weights) for w in weights]


def by_likelihood(p: list[float]) -> list[int]:
    return sorted(range(len(p)), key=lambda token: (-p[token], token))


def cut(p: list[float], kept: list[int]) -> list[float]:
    total = math.fsum(p[token] for token in kept)
    return [p[token] / total if token in kept else 0.0 for token in range(len(p))]


def fewest_reaching(p: list[float], top_p: float) -> list[int]:
    order = by_likelihood(p)
    for count in range(1, len(p) + 1):
        if math.fsum(p[token] for token in order[:count]) >= top_p - ROUNDING:
            return order[:count]
    return order


@settings(deadline=None, derandomize=True, database=None)
@given(LOGITS, TEMPERATURES)
def test_the_distribution_is_the_softmax_of_logits_over_temperature(logits: np.ndarray, temperature: float) -> None:
    p = distribution(logits, Sampler(temperature))
    np.testing.assert_allclose(p, softmax(logits, temperature), rtol=0, atol=ROUNDING)


@settings(deadline=None, derandomize=True, database=None)
@given(LOGITS, st.integers(1, 14))
def test_top_k_keeps_the_k_likeliest(logits: np.ndarray, k: int) -> None:
    p = softmax(logits, 1.0)
    expected = cut(p, by_likelihood(p)[:k])
    found = distribution(logits, Sampler(top_k=k))
    # sorted: of two that differ by a rounding either may be kept
    np.testing.assert_allclose(np.sort(found), np.sort(expected), rtol=0, atol=ROUNDING)
    assert np.count_nonzero(found) == min(k, len(logits))


def test_top_k_keeps_the_lowest_ids_among_equals() -> None:
    found = distribution(np.array([0.0, 1.0, 0.0, 1.0, 0.0]), Sampler(top_k=3))
    assert np.flatnonzero(found).tolist() == [0, 1, 3]


@settings(deadline=None, derandomize=True, database=None)
@given(LOGITS, st.floats(0.01, 1.0), TEMPERATURES)
def test_top_p_keeps_the_fewest_that_reach_p(logits: np.ndarray, top_p: float, temperature: float) -> None:
    p = softmax(logits, temperature)
    found = distribution(logits, Sampler(temperature, top_p=top_p))
    kept = np.flatnonzero(found)
    # a sum within a rounding of p may fall either way: then the next token is kept too, or not
    surely, perhaps = fewest_reaching(p, top_p), fewest_reaching(p, top_p + 2 * ROUNDING)
    assert len(surely) <= len(kept) <= len(perhaps)
    assert sorted(p[token] for token in kept) == pytest.approx(
        sorted(p[token] for token in by_likelihood(p)[: len(kept)]), abs=ROUNDING
    )
    np.testing.assert_allclose(found, cut(p, kept.tolist()), rtol=0, atol=ROUNDING)


def test_top_p_includes_the_token_that_crosses_and_none_after_one_that_reaches() -> None:
    logits = np.log([0.5, 0.25, 0.125, 0.125])
    kept = {p: np.flatnonzero(distribution(logits, Sampler(top_p=p))).tolist() for p in (0.4, 0.6, 0.74, 0.8, 1.0)}
    assert kept == {0.4: [0], 0.6: [0, 1], 0.74: [0, 1], 0.8: [0, 1, 2], 1.0: [0, 1, 2, 3]}


def test_top_p_looks_at_what_top_k_has_left() -> None:
    logits = np.log([0.4, 0.3, 0.2, 0.1])
    found = distribution(logits, Sampler(top_k=2, top_p=0.5))
    # of the two, 0.4 / 0.7 = 0.57 reaches 0.5 by itself; top_p first would have kept both
    np.testing.assert_allclose(found, [1.0, 0.0, 0.0, 0.0], rtol=0, atol=ROUNDING)


def test_temperature_comes_before_top_p() -> None:
    logits = np.log([0.4, 0.3, 0.2, 0.1])
    kept = {t: np.count_nonzero(distribution(logits, Sampler(t, top_p=0.6))) for t in (0.1, 1.0, 10.0)}
    assert kept == {0.1: 1, 1.0: 2, 10.0: 3}


@settings(deadline=None, derandomize=True, database=None)
@given(LOGITS, st.integers(0, 2**32))
def test_temperature_zero_takes_the_likeliest_the_lowest_id_among_equals(logits: np.ndarray, seed: int) -> None:
    expected = min(token for token in range(len(logits)) if logits[token] == max(logits))
    assert Sampler(0.0).choose(logits, np.random.default_rng(seed)) == expected
    assert distribution(logits, Sampler(0.0)).tolist() == [float(token == expected) for token in range(len(logits))]


@pytest.mark.parametrize("sampler", [Sampler(0.0), Sampler(1e-3), Sampler(1.0, top_k=1), Sampler(50.0, top_p=0.5)])
def test_what_is_forbidden_is_never_chosen_however_likely(sampler: Sampler) -> None:
    logits = np.array([1e4, -1e4, -1e4, 1e4], np.float32)
    forbidding = replace(sampler, forbidden=(0, 3))
    p = distribution(logits, forbidding)
    assert p[[0, 3]].tolist() == [0.0, 0.0]
    assert math.fsum(p) == pytest.approx(1.0, abs=ROUNDING)
    for draw in (0.0, 0.5, np.nextafter(1.0, 0.0)):
        assert chosen(logits, forbidding, draw) in (1, 2)


def test_forbidding_leaves_the_others_in_proportion() -> None:
    found = distribution(np.log([0.5, 0.2, 0.3]), Sampler(forbidden=(0,)))
    np.testing.assert_allclose(found, [0.0, 0.4, 0.6], rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("temperature", [1e-320, 1e-5, 1.0, 1e5])
def test_extreme_logits_and_temperatures_neither_overflow_nor_warn(temperature: float) -> None:
    logits = np.array([-np.inf, 1e4, -np.inf, -1e4, 1e4 - 1], np.float32)
    p = distribution(logits, Sampler(temperature))
    assert np.isfinite(p).all()
    assert math.fsum(p) == pytest.approx(1.0, abs=ROUNDING)
    assert p[0] == p[2] == 0.0
    assert p[1] >= p[4] >= p[3]
    assert chosen(logits, Sampler(temperature), 0.0) == 1


def test_the_logits_are_left_as_they_were() -> None:
    logits = np.array([1.0, 2.0, 3.0])
    distribution(logits, Sampler(0.5, top_k=2, top_p=0.5, forbidden=(2,)))
    assert logits.tolist() == [1.0, 2.0, 3.0]


def test_a_draw_falls_into_the_interval_of_its_token() -> None:
    p = np.array([0.0, 0.125, 0.0, 0.5, 0.375, 0.0])  # sums of powers of two: the bounds are exact
    with np.errstate(divide="ignore"):
        logits = np.log(p)
    draws = [0.0, 0.1249, 0.1251, 0.3, 0.6249, 0.6251, np.nextafter(1.0, 0.0)]
    assert [chosen(logits, Sampler(), draw) for draw in draws] == [1, 1, 3, 3, 3, 4, 4]


def test_tokens_are_chosen_as_often_as_they_are_likely() -> None:
    logits, rng, n = np.array([0.0, 1.0, -1.0, 2.0, 0.5]), np.random.default_rng(7), 20_000
    expected = n * np.array(softmax(logits, 1.0))
    counts = np.bincount([Sampler().choose(logits, rng) for _ in range(n)], minlength=5)
    # chi-square with 4 degrees of freedom exceeds 18.47 once in a thousand; the seed is fixed
    assert float(((counts - expected) ** 2 / expected).sum()) < 18.47


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -0.5}, "temperature: given -0.5, expected 0 (greedy) or more"),
        ({"temperature": math.nan}, "temperature: given nan, expected 0 (greedy) or more"),
        ({"temperature": math.inf}, "temperature: given inf, expected 0 (greedy) or more"),
        ({"top_k": 0}, "top_k: given 0, expected 1 or more"),
        ({"top_p": 0.0}, "top_p: given 0.0, expected more than 0 and at most 1"),
        ({"top_p": 1.5}, "top_p: given 1.5, expected more than 0 and at most 1"),
        ({"top_p": math.nan}, "top_p: given nan, expected more than 0 and at most 1"),
    ],
)
def test_impossible_options_are_refused_by_name(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError) as raised:
        Sampler(**options)  # type: ignore[arg-type]
    assert str(raised.value) == message
