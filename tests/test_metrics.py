"""Metrics against their definitions, and sums that may be taken in any order."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.metrics import Mean, bits_per_character, perplexity

# A handful of roundings of 1e-16, relative.
ROUNDING = 1e-12

parts = st.lists(st.tuples(st.floats(0, 1e6), st.integers(1, 1000)), min_size=1, max_size=8)


@settings(deadline=None, derandomize=True, database=None)
@given(parts, st.integers(0, 8))
def test_the_mean_of_parts_is_the_mean_of_the_whole_however_it_is_cut(given_parts, cut: int) -> None:
    means = [Mean(total, count) for total, count in given_parts]
    left, right = sum(means[:cut], Mean()), sum(means[cut:], Mean())
    whole = math.fsum(total for total, _ in given_parts) / sum(count for _, count in given_parts)
    assert (left + right).value == pytest.approx(whole, rel=ROUNDING)
    assert (left + right).count == sum(count for _, count in given_parts)


def test_the_mean_weighs_a_part_by_its_count() -> None:
    assert (Mean(6.0, 3) + Mean(10.0, 1)).value == 4.0


def test_the_mean_of_nothing_is_not_a_number() -> None:
    assert math.isnan(Mean().value)
    assert math.isnan((Mean() + Mean()).value)


@pytest.mark.parametrize("choices", [1, 2, 27, 100_000])
def test_the_perplexity_of_a_uniform_guess_is_the_number_of_choices(choices: int) -> None:
    assert perplexity(math.log(choices)) == pytest.approx(choices, rel=ROUNDING)


def test_a_hopeless_loss_has_a_finite_perplexity() -> None:
    assert perplexity(1e6) == math.exp(700)
    assert perplexity(699.0) < perplexity(700.0) == perplexity(701.0)


def test_the_perplexity_of_no_loss_is_not_a_number() -> None:
    assert math.isnan(perplexity(math.nan))


@pytest.mark.parametrize("level", ["characters", "bytes"])
def test_a_uniform_guess_among_256_bytes_costs_eight_bits_each(level: str) -> None:
    bytes_per_character = {"bytes": 1, "characters": 3}[level]
    loss_sum = 3000 * math.log(256)
    assert bits_per_character(loss_sum, 3000 // bytes_per_character) == pytest.approx(8 * bytes_per_character)


def test_bits_for_no_character_are_not_a_number() -> None:
    assert math.isnan(bits_per_character(1.0, 0))
