"""/v1/MODEL/predict: inputs in, answers out, as `elman predict` gives them.

An input is a text, or the tokens of a sentence; for a forecaster, it is a series, its columns by name. The options are
those of `elman predict` that concern single inputs. An input without an answer has the key `error`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, get_args

from pydantic import BaseModel, BeforeValidator, Field, create_model

from elman.config import validate_config
from elman.data.readers.inputs import Input
from elman.errors import ConfigError, DataError
from elman.tasks.python_messages import python_messages
from elman.tasks.spec import AnyTask, Prediction

from .batches import Item
from .bodies import Body, with_few_keys
from .limits import Limits

MAX_CHARACTERS = 100_000  # of a text
MAX_COST = 1_000_000  # of an input: characters, times hypotheses
MAX_ROWS, MAX_COLUMNS = 100_000, 1_000  # of a series

Text = Annotated[str, Field(max_length=MAX_CHARACTERS)]
Cell = float | int | str | None
Columns = Annotated[
    dict[str, Annotated[list[Cell], Field(max_length=MAX_ROWS, fail_fast=True)]],
    BeforeValidator(lambda columns: with_few_keys(columns, MAX_COLUMNS)),
]


class Predictions(BaseModel):
    """The answers, in the order of the inputs."""

    model: str
    fingerprint: str = Field(description="The checksum of the weights of the version that answered.")
    predictions: list[dict[str, Any]]


def request_type(spec: AnyTask, limits: Limits) -> type[Body]:
    """Return the type of the body of requests to models of a task."""
    assert spec.prediction is not None
    fields: dict[str, Any] = {}
    for name in spec.prediction.request_options:
        info = spec.prediction.options.model_fields[name]
        upper = Field(le=limits.hypotheses) if _has_int(info.annotation) else Field()
        description = info.description or None
        fields[name] = (Annotated[info.annotation, *info.metadata, upper], Field(info.default, description=description))
    options = create_model(f"{spec.name.capitalize()}Options", __base__=Body, **fields)
    kind: Any = Text if spec.prediction.by_input else Columns
    if spec.prediction.reads_tokens:
        kind = Text | Annotated[list[Text], Field(max_length=MAX_CHARACTERS, fail_fast=True)]
    inputs = (list[kind], Field(min_length=1, max_length=limits.inputs, fail_fast=True))
    default = Field(default_factory=options)
    return create_model(f"{spec.name.capitalize()}Request", __base__=Body, inputs=inputs, options=(options, default))


def options_of(spec: AnyTask, body: Any) -> Any:
    """Return the options of a request as the task has them; values that do not fit together are a ConfigError."""
    assert spec.prediction is not None
    values = {name: value for name, value in body.options.model_dump().items() if value is not None}
    with python_messages(spec.prediction.options, spec.prediction.request_options):
        return validate_config(spec.prediction.options, values)


def predict(prediction: Prediction[Any], predictor: Any, options: Any, inputs: Sequence[Any]) -> list[dict[str, Any]]:
    """Return an answer for each input."""
    if prediction.of_columns is not None:
        return [_forecast(prediction, predictor, columns) for columns in inputs]
    assert prediction.by_input is not None
    answers = prediction.by_input(predictor, options, lambda message: None)
    chunk = [_input(number, item) for number, item in enumerate(inputs)]
    by_number = {answer.number: answer.as_json for answer in [*answers.answer(chunk), *answers.finish()]}
    return [_without_number(by_number[number]) for number in range(len(chunk))]


def items_of(inputs: Sequence[Any], options: Any) -> list[Item]:
    """Return inputs with what they cost; one that costs too much with these options is a ConfigError."""
    hypotheses = max(getattr(options, "beam", None) or 1, getattr(options, "n_best", None) or 1)
    items = []
    for number, value in enumerate(inputs):
        size = _size(value)
        cost = size * hypotheses
        if getattr(options, "explain", False):
            cost = size * size // 2  # every prefix is read
        if cost > MAX_COST:
            problem = f"inputs.{number}: given {size:,} characters, which take too long with these options"
            raise ConfigError(problem, hint="Give a shorter text, or fewer hypotheses")
        items.append(Item(value, cost))
    return items


def _size(value: Any) -> int:
    """Return the number of characters of a text or of tokens, or that of the cells of a series."""
    if isinstance(value, str):
        return len(value)
    return sum(map(len, value)) if isinstance(value, list) else sum(map(len, value.values()))


def _forecast(prediction: Prediction[Any], predictor: Any, columns: Columns) -> dict[str, Any]:
    """Return the forecast of a series, or why there is none."""
    assert prediction.of_columns is not None
    try:
        return prediction.of_columns(predictor, columns)
    except DataError as error:
        return {"error": str(error)}


def finite(value: Any) -> Any:
    """Return a value of JSON with None in the place of numbers that JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    return [finite(item) for item in value] if isinstance(value, list | tuple) else value


def _input(number: int, item: str | list[str]) -> Input:
    if isinstance(item, str):
        return Input(number, item)
    return Input(number, " ".join(item), tokens=tuple(item))


def _without_number(answer: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in answer.items() if key != "line"}


def _has_int(annotation: Any) -> bool:
    """Return whether a type is int, or may be."""
    return annotation is int or any(map(_has_int, get_args(annotation)))
