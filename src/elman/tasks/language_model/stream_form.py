"""A stream of a language model in JSON: a text or token ids in, the likeliest next tokens out."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from elman.cells.readout import softmax
from elman.tasks.spec import StreamForm

from .predictor import LanguageModelPredictor

TOP_TOKENS = 5


def _read(predictor: LanguageModelPredictor, inputs: str | list[int]) -> Any:
    return predictor.codec.encode_prompt(inputs) if isinstance(inputs, str) else inputs


def _answers(predictor: LanguageModelPredictor, chunk: Any, logits: npt.NDArray[Any]) -> list[dict[str, Any]]:
    """Return each token, and the likeliest ones after it, from logits (T, V)."""
    tokens, answers = predictor.vocabulary.tokens, []
    for token, p in zip(chunk, softmax(logits), strict=True):
        likeliest = np.argsort(-p, kind="stable")[:TOP_TOKENS]
        following = [{"token": tokens[i], "probability": float(p[i])} for i in likeliest]
        answers.append({"token": tokens[token], "next": following})
    return answers


STREAM_FORM = StreamForm(str | Annotated[list[int], Field(fail_fast=True)], _read, _answers)
