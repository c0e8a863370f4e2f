"""What streams read and answer over HTTP: inputs of JSON as a model's `run` takes them, and its outputs as JSON.

language model    a text, or numbers of tokens     the likeliest next tokens after each
classifier        tokens                           the label so far, and the probabilities of all
tagger            tokens                           the tag of each, and its probability
forecaster        rows of numbers, null if missing the quantiles of the next rows
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from elman.cells.readout import softmax
from elman.tasks.spec import AnyTask

Array = npt.NDArray[Any]
TOP_TOKENS = 5
Row = Annotated[list[float | None], Field(fail_fast=True)]


class StreamForm(NamedTuple):
    """How streams of a task look in JSON."""

    inputs: Any  # the type of the inputs of a request
    read: Callable[[Any, Any], Any]  # predictor, inputs -> a chunk
    answer: Callable[
        [Any, Any, Array], list[dict[str, Any]]
    ]  # predictor, chunk, outputs (T, ...) -> one for each input


def _read_text(predictor: Any, inputs: str | list[int]) -> Any:
    return predictor.codec.encode_prompt(inputs) if isinstance(inputs, str) else inputs


def _next_tokens(predictor: Any, chunk: Any, logits: Array) -> list[dict[str, Any]]:
    tokens = predictor.vocabulary.tokens
    answers = []
    for token, p in zip(chunk, softmax(logits), strict=True):
        likeliest = np.argsort(-p, kind="stable")[:TOP_TOKENS]
        following = [{"token": tokens[i], "probability": float(p[i])} for i in likeliest]
        answers.append({"token": tokens[token], "next": following})
    return answers


def _labels(predictor: Any, chunk: Any, log_p: Array) -> list[dict[str, Any]]:
    answers = []
    for token, p in zip(chunk, np.exp(log_p), strict=True):
        by_label = dict(zip(predictor.labels, map(float, p), strict=True))
        answers.append({"token": token, "label": predictor.labels[p.argmax()], "probabilities": by_label})
    return answers


def _tags(predictor: Any, chunk: Any, log_p: Array) -> list[dict[str, Any]]:
    return [
        {"token": token, "tag": predictor.labels[p.argmax()], "probability": float(p.max())}
        for token, p in zip(chunk, np.exp(log_p), strict=True)
    ]


def _read_rows(predictor: Any, rows: Sequence[Sequence[float | None]]) -> Any:
    return [[np.nan if value is None else value for value in row] for row in rows]


def _quantiles(predictor: Any, chunk: Any, quantiles: Array) -> list[dict[str, Any]]:
    levels, targets = map(str, predictor.config.quantiles), predictor.scales.targets
    names = list(levels)
    return [
        {
            "quantiles": {
                target: {level: of_row[:, k, q].tolist() for q, level in enumerate(names)}
                for k, target in enumerate(targets)
            }
        }
        for of_row in quantiles
    ]


def _as_they_are(predictor: Any, inputs: Any) -> Any:
    return inputs


_FORMS = {
    "lm": StreamForm(str | Annotated[list[int], Field(fail_fast=True)], _read_text, _next_tokens),
    "classify": StreamForm(Annotated[list[str], Field(fail_fast=True)], _as_they_are, _labels),
    "tag": StreamForm(Annotated[list[str], Field(fail_fast=True)], _as_they_are, _tags),
    "forecast": StreamForm(Annotated[list[Row], Field(fail_fast=True)], _read_rows, _quantiles),
}


def stream_form(spec: AnyTask) -> StreamForm | None:
    """Return how streams of a task look in JSON; None for a task without streams."""
    return _FORMS.get(spec.name)
