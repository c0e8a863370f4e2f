"""A stream of a tagger in JSON: tokens in, the tag of each and its probability out."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from elman.tasks.spec import StreamForm

from .predictor import TaggerPredictor


def _read(predictor: TaggerPredictor, inputs: list[str]) -> list[str]:
    return inputs


def _answers(predictor: TaggerPredictor, chunk: list[str], log_p: npt.NDArray[Any]) -> list[dict[str, Any]]:
    """Return the tag of each token, from log probabilities (T, C)."""
    return [
        {"token": token, "tag": predictor.labels[p.argmax()], "probability": float(p.max())}
        for token, p in zip(chunk, np.exp(log_p), strict=True)
    ]


STREAM_FORM = StreamForm(Annotated[list[str], Field(fail_fast=True)], _read, _answers)
