"""How labs write the numbers of several seeds: their mean and their range."""

from __future__ import annotations

from typing import Any


def mean_and_range(values: Any, digits: str = ".3f") -> str:
    """Return `mean (smallest - largest)` of an array, each number in a format."""
    return f"{values.mean():{digits}} ({values.min():{digits}} - {values.max():{digits}})"
