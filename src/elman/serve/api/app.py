"""The addresses of elman serve. Each model has its own, so the schema of its requests is that of its task.

GET  /v1/models                      POST /v1/MODEL/predict, /v1/MODEL/generate, /v1/MODEL/streams ...
GET  /healthz  the process lives     GET  /readyz  it takes requests
GET  /metrics  for Prometheus        GET  /docs, /openapi.json  this list, with schemas
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from fastapi_offline import FastAPIOffline
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from elman.errors import ElmanError, ModelError, ResourceError
from elman.version import version

from . import generation, predictions
from .batches import Batches
from .bodies import Body, MalformedBodyError, schema_with, with_body
from .gate import error_content
from .limits import Limits
from .served_models import ServedModel, ServedModels
from .stream_store import BusyStreamError, NoSuchStreamError, TooManyStreamsError
from .streams import ClosedStream, ModelStreams, OpenedStream, OpenRequest, Outputs, reads_streams
from .telemetry import Telemetry

STATUS_OF = (  # the first class that fits
    (MalformedBodyError, 400),
    (NoSuchStreamError, 404),
    (BusyStreamError, 409),
    (TooManyStreamsError, 429),
    (ModelError, 409),  # the state of another model
    (ResourceError, 503),
    (ElmanError, 422),
)


STREAM = {  # in OpenAPI
    "parameters": [{"name": "stream", "in": "path", "required": True, "schema": {"type": "string", "title": "Stream"}}]
}


class ErrorBody(BaseModel):
    """What an answer that reports an error contains."""

    error: dict[str, Any]


class ModelInfo(BaseModel):
    """A model that is served."""

    name: str
    task: str
    fingerprint: str
    parameters: int
    endpoints: list[str]


class ModelList(BaseModel):
    """All models."""

    models: list[ModelInfo]


ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": text}
    for status, text in {
        400: "The body is not JSON.",
        401: "The token is missing or wrong.",
        403: "Another Host or Origin.",
        404: "There is no such stream.",
        408: "The request came too slowly.",
        409: "The state is of another model, or the stream is busy.",
        413: "The body is too large.",
        415: "The body is compressed.",
        422: "The inputs or the options are not as expected.",
        429: "Too many requests are in progress, or too many streams are open: try again.",
        503: "The service is ending, or the answer took too long: try again.",
    }.items()
}


class Service:
    """The app, and what it consists of."""

    def __init__(self, models: ServedModels, limits: Limits, telemetry: Telemetry, folder: Path) -> None:
        """Take the models and a folder for the states of streams."""
        self.models, self.limits, self.telemetry = models, limits, telemetry
        self.batches = {
            model.name: Batches(limits.batch_inputs, partial(telemetry.batch, model.name)) for model in models
        }
        self.streams = {
            model.name: ModelStreams(model, self.batches[model.name], folder / model.name, limits)
            for model in models
            if reads_streams(model)
        }
        self.is_ready = True
        self.app = FastAPIOffline(
            title="elman", version=version(), description=__doc__.partition("\n")[0], redoc_url=None, responses=ERRORS
        )
        self._kinds: dict[str, type[Body]] = {}  # of bodies, by the names of their schemas
        self.app.openapi = self._openapi  # type: ignore[method-assign]
        self._add_routes()
        _answer_errors(self.app)

    def load_new_versions(self) -> None:
        """Load what is new of the models, and log what comes of it."""

        def notify(message: str, is_served: bool) -> None:
            self.telemetry.log("version", message=message)
            if is_served:
                self.telemetry.new_version()

        self.models.load_new_versions(notify)

    def close(self) -> None:
        """End the threads that compute."""
        for batches in self.batches.values():
            batches.close()

    def _add_routes(self) -> None:
        app = self.app

        @app.get("/healthz", tags=["service"], summary="The process lives")
        async def healthz() -> dict[str, str]:
            return {"status": "ok"}

        @app.get("/readyz", tags=["service"], summary="The service takes requests")
        async def readyz(response: Response) -> dict[str, str]:
            if not self.is_ready:
                response.status_code = 503
            return {"status": "ok" if self.is_ready else "ending"}

        @app.get("/metrics", tags=["service"], summary="Metrics for Prometheus", response_class=Response)
        async def metrics() -> Response:
            for name, streams in self.streams.items():
                self.telemetry.streams(name, len(streams.store))
            content, media_type = self.telemetry.metrics()
            return Response(content, media_type=media_type)

        @app.get("/v1/models", tags=["models"], summary="The models that are served")
        async def list_models() -> ModelList:
            return ModelList(models=[self._info(model) for model in self.models])

        for model in self.models:
            if model.spec.prediction is not None:
                self._add_predict(model)
            if model.spec.generates:
                self._add_generate(model)
            if model.name in self.streams:
                self._add_streams(model)

    def _add_post(
        self,
        path: str,
        answer: Callable[[Request, Any], Awaitable[Any]],
        kind: type[Body],
        answer_type: Any,
        openapi: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """Add an address whose requests have a body."""
        handler, about_body = with_body(kind, answer)
        self._kinds[kind.__name__] = kind
        extra = {**about_body, **(openapi or {})}
        self.app.add_api_route(
            path, handler, methods=["POST"], response_model=answer_type, openapi_extra=extra, name=path, **options
        )

    def _openapi(self) -> dict[str, Any]:
        if self.app.openapi_schema is None:
            self.app.openapi_schema = schema_with(self.app, self._kinds.values())
        return self.app.openapi_schema

    def _info(self, model: ServedModel) -> ModelInfo:
        endpoints = ["predict"] * (model.spec.prediction is not None) + ["generate"] * model.spec.generates
        return ModelInfo(
            name=model.name,
            task=model.spec.name,
            fingerprint=model.current.fingerprint,
            parameters=model.predictor.num_parameters,
            endpoints=[*endpoints, *(["streams"] if model.name in self.streams else [])],
        )

    def _add_predict(self, model: ServedModel) -> None:
        prediction, batches = model.spec.prediction, self.batches[model.name]
        assert prediction is not None
        request_type = predictions.request_type(model.spec, self.limits)

        async def predict(request: Request, body: Any) -> predictions.Predictions:
            predictor, options = model.predictor, predictions.options_of(model.spec, body)
            compute = partial(predictions.predict, prediction, predictor, options)
            key = ("predict", id(predictor), options.model_dump_json())
            answers = await batches.results(key, predictions.items_of(body.inputs, options), compute)
            return predictions.Predictions(
                model=model.name, fingerprint=predictor.fingerprint, predictions=predictions.finite(list(answers))
            )

        path, summary = f"/v1/{model.name}/predict", f"Predict by the {model.spec.title}"
        self._add_post(path, predict, request_type, predictions.Predictions, tags=[model.name], summary=summary)

    def _add_generate(self, model: ServedModel) -> None:
        batches = self.batches[model.name]

        async def generate(request: Request, body: generation.GenerateRequest) -> StreamingResponse:
            events: AsyncIterator[str] = generation.events(model.predictor, body, batches)
            return StreamingResponse(events, media_type="text/event-stream")

        self._add_post(
            f"/v1/{model.name}/generate",
            generate,
            generation.GenerateRequest,
            None,
            tags=[model.name],
            summary="Continue a text",
            response_class=StreamingResponse,
            responses={200: {"description": "Server-sent events.", "content": {"text/event-stream": {}}}},
        )

    def _add_streams(self, model: ServedModel) -> None:
        streams, path = self.streams[model.name], f"/v1/{model.name}/streams"
        tags: list[str | Enum] = [model.name]

        async def open_stream(request: Request, body: OpenRequest) -> OpenedStream:
            return await streams.open(body)

        async def read_inputs(request: Request, body: Any) -> Outputs:
            return Outputs(outputs=await streams.read(request.path_params["stream"], body.inputs))

        one = f"{path}/{{stream}}"
        self._add_post(
            path, open_stream, OpenRequest, OpenedStream, tags=tags, summary="Open a stream", status_code=201
        )
        self._add_post(
            one, read_inputs, streams.request_type, Outputs, tags=tags, summary="Read inputs", openapi=STREAM
        )

        @self.app.get(one, tags=tags, summary="The state as bytes", response_class=Response)
        async def stream_state(stream: str) -> Response:
            return Response(streams.state(stream), media_type="application/octet-stream")

        @self.app.delete(one, tags=tags, summary="Close a stream")
        async def close_stream(stream: str) -> ClosedStream:
            return streams.close(stream)


def _answer_errors(app: FastAPI) -> None:
    """Add the answers for the errors of elman, of a body that is not as expected, and of HTTP."""

    @app.exception_handler(ElmanError)
    async def failed(request: Request, error: ElmanError) -> Response:
        status = next(status for kind, status in STATUS_OF if isinstance(error, kind))
        more = {name: value for name in ("hint", "where") if (value := getattr(error, name))}
        return _json(error_content(error.code, error.message, **more), status)

    @app.exception_handler(OSError)
    async def failed_disk(request: Request, error: OSError) -> Response:
        return _json(error_content("resource", f"the service cannot use its disk: {error.strerror}"), 503)

    @app.exception_handler(MemoryError)
    async def out_of_memory(request: Request, error: MemoryError) -> Response:
        return _json(error_content("resource", "out of memory; expected a shorter input"), 503)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        return _json(error_content("request", str(error.detail)), error.status_code, dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def mistake(request: Request, error: Exception) -> Response:
        return _json(error_content("internal", type(error).__name__), 500)


def _json(content: bytes, status: int, headers: dict[str, str] | None = None) -> Response:
    if status in (429, 503):
        headers = {"Retry-After": "1", **(headers or {})}
    return Response(content, status, headers, "application/json")
