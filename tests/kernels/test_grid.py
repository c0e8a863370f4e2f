"""The grids of the other tests contain every pair of values, and are small."""

from itertools import combinations, product

import pytest

from .grid import pairwise

OPTIONS: list[list[object]] = [["a", "b", "c"], [1, 2], [True, False], ["x", "y", "z", "w"], [None, 5]]


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_every_pair_of_values_occurs(count: int) -> None:
    options = OPTIONS[:count]
    cases = pairwise(options)
    for first, second in combinations(range(count), 2):
        assert {(case[first], case[second]) for case in cases} == set(product(options[first], options[second]))


def test_a_grid_has_few_more_cases_than_its_two_longest_options_require() -> None:
    assert len(pairwise(OPTIONS)) <= 4 * 3 + 2 < len(list(product(*OPTIONS)))


def test_two_options_need_every_combination() -> None:
    assert sorted(pairwise([["a", "b"], [1, 2]])) == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]
