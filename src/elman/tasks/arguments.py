"""The arguments of `fit`, `predict` and `evaluate` in Python: lists, arrays and DataFrames, checked and as pairs.

Each task's arguments.py makes a source of examples from them, for its estimator and its predictor alike.
"""

from __future__ import annotations

from typing import Any

from elman.errors import ArgumentError


def paired(left: Any, right: Any, names: str) -> list[tuple[Any, Any]]:
    """Return two collections of equal length as pairs; other lengths are an ArgumentError."""
    first, second = list(left), list(right)
    if len(first) != len(second):
        raise ArgumentError(f"{names}: given {len(first):,} and {len(second):,}; expected as many of each")
    return list(zip(first, second, strict=True))


def one_for_each(values: Any, name: str) -> Any:
    """Return values, of which each example has one, without the second axis of an array (N, 1).

    An array of other shapes, such as (N, 3), is an ArgumentError.
    """
    shape: tuple[int, ...] = getattr(values, "shape", ())
    if len(shape) == 2 and shape[1] == 1 and hasattr(values, "reshape"):
        return values.reshape(-1)
    if len(shape) > 1 and not hasattr(values, "columns"):
        problem = f"{name}: given an array of the shape {tuple(shape)}; expected one for each example"
        raise ArgumentError(problem, hint="Examples with several of them are not supported; use a model for each")
    return values


def rows_of(pairs: Any, columns: tuple[str, str]) -> list[Any]:
    """Return the rows of a list of pairs, or of two columns of a DataFrame."""
    if not hasattr(pairs, "itertuples"):
        return [tuple(row.tolist()) if hasattr(row, "tolist") else row for row in pairs]
    names = list(pairs.columns)
    if not set(columns) <= set(names):
        message = f"given a DataFrame with the columns {', '.join(map(str, names))}; expected {' and '.join(columns)}"
        raise ArgumentError(message, hint='Rename the columns, or give two of them: fit(frame["a"], frame["b"])')
    return list(pairs[list(columns)].itertuples(index=False, name=None))
