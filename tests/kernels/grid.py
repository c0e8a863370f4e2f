"""Grids of options in which every pair of values occurs, instead of every combination.

Most errors need one option or two together. A full grid of six cells, three instruction sets, two precisions and two
numbers of threads has 72 points; 18 contain every pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product
from typing import Any

import pytest

from elman import kernels

from ..cells.problems import COMPILED_NAMES
from .answers import DTYPES


def pairwise(options: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Return combinations of one value of each option, so that each pair of values of two options occurs in one.

    Greedy: takes the combination with the most pairs that are still missing, the first one of several.
    """
    candidates = list(product(*(range(len(values)) for values in options)))
    missing = set().union(*map(_pairs, candidates)) if candidates else set()
    chosen = []
    while missing:
        best = max(candidates, key=lambda candidate: len(_pairs(candidate) & missing))
        missing -= _pairs(best)
        chosen.append(tuple(values[i] for values, i in zip(options, best, strict=True)))
    return chosen


def _pairs(candidate: tuple[int, ...]) -> set[tuple[tuple[int, int], ...]]:
    """Return the pairs of (option, index of its value)."""
    return set(combinations(enumerate(candidate), 2))


def pairwise_grid(**options: Sequence[Any]) -> pytest.MarkDecorator:
    """Parametrize a test by instruction set, cell (`name`), precision (`dtype`) and further options, pairwise."""
    grid: dict[str, Sequence[Any]] = {
        "instruction_set": kernels.instruction_sets() or ["none"],
        "name": COMPILED_NAMES,
        "dtype": DTYPES,
        **options,
    }
    cases = pairwise(list(grid.values()))
    return pytest.mark.parametrize(list(grid), cases, ids=map(_case_id, cases), indirect=["instruction_set"])


def _case_id(case: tuple[Any, ...]) -> str:
    return "-".join(value.__name__ if isinstance(value, type) else str(value) for value in case)
