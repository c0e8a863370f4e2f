"""Few combinations of options in which every two values of two options still meet."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any


def pairwise(*options: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return combinations, one value of each option, such that any two values of two options are in one of them.

    Greedy, and the same at every call; the first combination has the last value of each option.
    """
    if len(options) == 1:
        return [(value,) for value in options[0]]
    sizes = [len(values) for values in options]
    missing = {
        ((i, a), (j, b))
        for i, j in itertools.combinations(range(len(sizes)), 2)
        for a, b in itertools.product(range(sizes[i]), range(sizes[j]))
    }
    rows = [tuple(size - 1 for size in sizes)]
    missing -= _pairs(rows[0])
    while missing:
        row = dict(min(missing))
        for i, size in enumerate(sizes):
            if i not in row:
                gains = [_new_pairs({**row, i: a}, missing) for a in range(size)]
                row[i] = gains.index(max(gains))
        rows.append(tuple(row[i] for i in range(len(sizes))))
        missing -= _pairs(rows[-1])
    return [tuple(values[a] for values, a in zip(options, row, strict=True)) for row in rows]


def _pairs(row: Sequence[int]) -> set[Any]:
    return set(itertools.combinations(enumerate(row), 2))


def _new_pairs(row: dict[int, int], missing: set[Any]) -> int:
    return sum(pair in missing for pair in itertools.combinations(sorted(row.items()), 2))
