"""/v1/MODEL/streams: a stream is opened, reads inputs as they come, and is closed; its state is a few bytes.

    POST   /v1/MODEL/streams              open a stream, at the beginning or with a state
    POST   /v1/MODEL/streams/STREAM       read inputs, and answer after each
    GET    /v1/MODEL/streams/STREAM       the state as bytes
    DELETE /v1/MODEL/streams/STREAM       close it, and return the state

Any worker answers any request of a stream. Streams that read at the same time are computed as one batch.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, Field, create_model

from elman.errors import ConfigError
from elman.models.streaming import StreamingPredictor
from elman.tasks.spec import StreamForm

from .batches import Batches, Item
from .bodies import Body
from .limits import Limits
from .predictions import finite
from .served_models import ServedModel
from .stream_store import StreamStore

STATE = "base64 of the bytes that the model's state_to_bytes writes"


class OpenRequest(Body):
    """How a stream begins."""

    state: str | None = Field(default=None, max_length=10_000_000, description=f"{STATE}; null: the beginning.")
    series: str | None = Field(
        default=None, max_length=1_000, description="Of a forecaster of several series: which one."
    )


class OpenedStream(BaseModel):
    """A stream that is open."""

    stream: str
    fingerprint: str


class ClosedStream(BaseModel):
    """A stream that is closed."""

    state: str = Field(description=STATE)


class Outputs(BaseModel):
    """What the model says after each input."""

    outputs: list[dict[str, Any]]


class ModelStreams:
    """The streams of a served model."""

    def __init__(self, model: ServedModel, batches: Batches, folder: Path, limits: Limits) -> None:
        form = model.spec.stream_form
        assert form is not None
        self._model, self._batches, self._form = model, batches, form
        self.store = StreamStore(folder, max_streams=limits.streams, max_seconds=limits.stream_seconds)
        self.request_type = _request_type(model, form, limits)

    async def open(self, body: OpenRequest) -> OpenedStream:
        """Open a stream."""
        predictor = self._model.predictor
        if body.series is not None and (body.state is not None or not _has_series(predictor)):
            problem = "series: given with a state, or for a model that does not forecast several series"
            raise ConfigError(f"{problem}; expected none")
        if body.state is not None:
            state = _from_base64(body.state)
            if predictor.state_layout().num_streams(predictor.state_from_bytes(state)) != 1:
                raise ConfigError("state: given that of several streams; expected one")
        else:
            start = {} if body.series is None else {"series": [body.series]}
            state = predictor.state_to_bytes(predictor.initial_state(1, **start))
        return OpenedStream(stream=self.store.open(state), fingerprint=predictor.fingerprint)

    async def read(self, stream: str, inputs: Any) -> list[dict[str, Any]]:
        """Return what the model says after each input."""
        predictor = self._model.predictor
        with self.store.locked(stream) as content:
            state = predictor.state_from_bytes(content)
            chunk = predictor.checked_chunk(self._form.read(predictor, inputs))
            (result,) = await self._batches.results(
                ("stream", id(predictor)), [Item((predictor, chunk, state), len(chunk))], _run_together
            )
            outputs, state = result
            self.store.replace(stream, predictor.state_to_bytes(state))
        answers: list[dict[str, Any]] = finite(self._form.answers(predictor, chunk, outputs))
        return answers

    def state(self, stream: str) -> bytes:
        """Return the state of a stream."""
        with self.store.locked(stream) as content:
            return content

    def close(self, stream: str) -> ClosedStream:
        """Close a stream."""
        return ClosedStream(state=base64.b64encode(self.store.close(stream)).decode())


def reads_streams(model: ServedModel) -> bool:
    """Return whether a model reads step by step."""
    if not isinstance(model.predictor, StreamingPredictor) or model.spec.stream_form is None:
        return False
    try:
        model.predictor.state_layout()
    except ConfigError:  # it is bidirectional
        return False
    return True


def _has_series(predictor: Any) -> bool:
    """Return whether a model forecasts several series, of which a stream is one."""
    return bool(getattr(getattr(predictor, "scales", None), "series", ()))


def _request_type(model: ServedModel, form: StreamForm[Any], limits: Limits) -> type[Body]:
    inputs: Any = (Annotated[form.inputs, Field(max_length=limits.inputs)], ...)
    return create_model(f"{model.spec.name.capitalize()}StreamRequest", __base__=Body, inputs=inputs)


def _run_together(items: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Return outputs (T, ...) and the next state of each (predictor, chunk, state of one stream)."""
    predictor = items[0][0]
    chunks = [chunk for _, chunk, _ in items]
    together = {name: np.concatenate([state[name] for _, _, state in items]) for name in items[0][2]}
    outputs, after = predictor.run_checked(chunks, together)
    return [
        (outputs[i, : len(chunk)], {name: array[i : i + 1] for name, array in after.items()})
        for i, chunk in enumerate(chunks)
    ]


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError("state: given text that is not base64; expected the state of a stream") from None
