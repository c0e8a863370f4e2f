"""A stream of a classifier in JSON: tokens in, the label so far and the probabilities of all out."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from elman.tasks.spec import StreamForm

from .predictor import ClassifierPredictor


def _read(predictor: ClassifierPredictor, inputs: list[str]) -> list[str]:
    return inputs


def _answers(predictor: ClassifierPredictor, chunk: list[str], log_p: npt.NDArray[Any]) -> list[dict[str, Any]]:
    """Return the label after each token, from log probabilities (T, C)."""
    answers = []
    for token, p in zip(chunk, np.exp(log_p), strict=True):
        by_label = dict(zip(predictor.labels, map(float, p), strict=True))
        answers.append({"token": token, "label": predictor.labels[p.argmax()], "probabilities": by_label})
    return answers


STREAM_FORM = StreamForm(Annotated[list[str], Field(fail_fast=True)], _read, _answers)
