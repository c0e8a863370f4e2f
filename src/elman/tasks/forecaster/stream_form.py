"""A stream of a forecaster in JSON: rows of numbers in, the quantiles of the next rows out; null is missing."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from elman.tasks.spec import StreamForm

from .predictor import ForecasterPredictor

Row = Annotated[list[float | None], Field(fail_fast=True)]


def _read(predictor: ForecasterPredictor, rows: list[list[float | None]]) -> list[list[float]]:
    return [[np.nan if value is None else value for value in row] for row in rows]


def _answers(predictor: ForecasterPredictor, chunk: Any, quantiles: npt.NDArray[Any]) -> list[dict[str, Any]]:
    """Return the quantiles of the horizon after each row by target and level, from quantiles (T, H, K, Q)."""
    levels, targets = list(map(str, predictor.config.quantiles)), predictor.scales.targets
    return [
        {
            "quantiles": {
                target: {level: of_row[:, k, q].tolist() for q, level in enumerate(levels)}
                for k, target in enumerate(targets)
            }
        }
        for of_row in quantiles
    ]


STREAM_FORM = StreamForm(Annotated[list[Row], Field(fail_fast=True)], _read, _answers)
