"""The combinations of options that the suites use instead of all of them."""

from __future__ import annotations

import itertools

from .pairwise import pairwise


def test_any_two_values_of_two_options_are_in_one_of_few_combinations() -> None:
    options = [("a", "b", "c"), (1, 2), (None, [0]), (True, False), ("x", "y", "z", "w")]
    rows = pairwise(*options)
    for i, j in itertools.combinations(range(len(options)), 2):
        for a, b in itertools.product(options[i], options[j]):
            assert any(row[i] == a and row[j] == b for row in rows)
    assert len(rows) <= 14 < 96
    assert rows[0] == ("c", 2, [0], False, "w")
    assert rows == pairwise(*options)


def test_one_option_has_all_its_values() -> None:
    assert pairwise([1, 2, 3]) == [(1,), (2,), (3,)]
