"""A forecast: the next rows of a series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Forecast:
    """The next rows: the median (H, K) and all quantiles (H, K, Q) of the targets."""

    targets: tuple[str, ...]
    levels: tuple[float, ...]
    median: Array
    quantiles: Array
    dates: tuple[str, ...]
