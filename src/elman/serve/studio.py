"""The addresses of the studio: what the page web/studio.html asks for.

    GET  /                  the page                     GET  /trace.html      the page that shows a trace, for a frame
    GET  /api/events        server-sent events: events.py
    POST /api/trace         the trace of an input by a model
    POST /api/generate      a text by a language model
    POST /api/confusion     the confusion matrix of a run on its validation set
    GET  /api/options       the options of `elman train` for each task
    POST /api/trainings     start a training             POST /api/stop, /api/resume
    POST /api/files         store a data file

error_answers.py has the answers where something is wrong.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from elman.errors import ConfigError, DataError, ResourceError
from elman.explanation import describe_error
from elman.inspect.confusion import run_confusion
from elman.options import options_of
from elman.tasks.spec import TASKS, task_spec
from elman.translations import Language, translate, use_language

from .error_answers import answer_errors, json_answer, language_of
from .events import EventSource
from .folders import DATA_ENDINGS, Entry, Folders
from .guard import Guard
from .input_traces import Look, Models, generate, look_inside, look_inside_series
from .model_status import ModelReader
from .pages import studio_page, trace_page
from .run_status import StatusReader, damaged_status
from .trainings import Trainings, training_arguments

HIDDEN_METRICS = ("loss_error",)  # which measure no quality
MAX_TEXT = 1_000_000  # characters of an input


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TraceRequest(_Body):
    """An input of a model: a text, or the name of a data file for a forecaster."""

    model: str
    input: str = Field(default="", max_length=MAX_TEXT)
    data: str | None = None
    gradients: bool = False
    target: str | None = Field(default=None, max_length=MAX_TEXT)
    beam: int | None = Field(default=None, ge=1, le=100)
    attribution: str | None = None
    position: int | None = Field(default=None, ge=1)


class ModelRequest(_Body):
    """A run, whose model is evaluated."""

    model: str


class GenerationRequest(_Body):
    """A prompt of a language model."""

    model: str
    prompt: str = Field(default="", max_length=MAX_TEXT)
    max_tokens: int = Field(default=200, ge=1, le=5_000)
    temperature: float = Field(default=1.0, ge=0.0, le=100.0)
    seed: int = Field(default=1, ge=0, lt=2**63)


class TrainingRequest(_Body):
    """A training to start: the data is a name of the list, and options have the keys of /api/options."""

    task: str
    data: str
    folder: str
    name: str
    options: dict[str, str] = {}


class RunRequest(_Body):
    """A run to stop or to resume, with minutes to add to its budget."""

    run: str
    minutes: float | None = Field(default=None, gt=0.0, le=1e6)


class Studio:
    """What the addresses share: the folders, the trainings, the models that are loaded."""

    def __init__(self, folders: Folders) -> None:
        self.folders = folders
        self.trainings = Trainings()
        self.models = Models()
        self.is_ending: Callable[[], bool] = lambda: False
        self._status: dict[Path, StatusReader] = {}
        self._model_status: dict[Path, ModelReader] = {}
        self._lock = threading.Lock()

    def list_entries(self, language: Language) -> dict[str, Any]:
        """Return the runs with their status, the models, the data files, the folders and the trainings."""
        entries, is_complete = self.folders.scan()
        runs, models = ([entry for entry in entries if entry.kind == kind] for kind in ("run", "model"))
        with self._lock, use_language(language):
            self._status = {entry.path: self._status.get(entry.path) or StatusReader(entry.path) for entry in runs}
            self._model_status = {
                entry.path: self._model_status.get(entry.path) or ModelReader(entry.path) for entry in models
            }
            return {
                "is_complete": is_complete,
                "runs": [self._run(entry) for entry in runs],
                "models": [self._model(entry) for entry in models],
                "data": [{"name": entry.name, "bytes": _size(entry.path)} for entry in entries if entry.kind == "data"],
                "folders": [entry.name for entry in entries if entry.kind == "folder"],
                "trainings": [training._asdict() for training in self.trainings.all()],
            }

    def _run(self, entry: Entry) -> dict[str, Any]:
        try:
            status = self._status[entry.path].read()
        except Exception as error:  # a damaged run is a line of the list, and does not end it
            status = damaged_status(f"{type(error).__name__}: {error}")
        metrics = [
            {"name": translate(name, "words").replace("_", " "), "value": value}
            for name, value in (status.best or {}).items()
            if isinstance(value, int | float) and name not in HIDDEN_METRICS
        ]
        return {"name": entry.name, **status._asdict(), "best": metrics}

    def _model(self, entry: Entry) -> dict[str, Any]:
        task, error = self._model_status[entry.path].read()
        return {"name": entry.name, "task": task, "problem": "" if error is None else describe_error(error)}

    def look(self, request: TraceRequest) -> Look:
        """Return the trace that a request asks for."""
        predictor = self.models.load(self.folders.model(request.model))
        if predictor.task == "forecast":
            if request.data is None:
                raise ConfigError("a forecaster reads a data file", hint="Choose a data file")
            path = self.folders.data_file(request.data)
            return look_inside_series(predictor, path, gradients=request.gradients)
        options = request.model_dump(include={"target", "beam", "attribution", "position"})
        return look_inside(predictor, request.input, options, gradients=request.gradients)


def create_app(studio: Studio, *, token: str, port: int) -> FastAPI:
    """Return the studio as an ASGI application, with its guard."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Guard, token=token, port=port)
    answer_errors(app)
    _add_pages(app)
    _add_looking(app, studio)
    _add_trainings(app, studio)
    return app


def _add_pages(app: FastAPI) -> None:
    app.get("/")(studio_page)
    app.get("/trace.html")(trace_page)


def _add_looking(app: FastAPI, studio: Studio) -> None:
    @app.get("/api/events")
    def events(request: Request) -> Response:
        language = language_of(request)
        paths = {entry.name: entry.path for entry in studio.folders.entries() if entry.kind == "run"}
        runs = {name: paths.get(name) for name in request.query_params.getlist("run")}
        source = EventSource(lambda: studio.list_entries(language), runs, studio.is_ending)
        return StreamingResponse(source.stream(), media_type="text/event-stream")

    @app.post("/api/trace")
    def trace(request: TraceRequest) -> Response:
        look = studio.look(request)
        headers = {} if look.num_characters is None else {"X-Elman-Characters": str(look.num_characters)}
        content = look.trace.encode("utf-8", "backslashreplace")  # lone surrogates, as JSON escapes them
        return Response(content, media_type="application/json", headers=headers)

    @app.post("/api/generate")
    def generated(request: GenerationRequest) -> Response:
        predictor = studio.models.load(studio.folders.model(request.model))
        values = request.model_dump(include={"max_tokens", "temperature", "seed"})
        return json_answer({"text": generate(predictor, request.prompt, **values)})

    @app.post("/api/confusion")
    def confusion(request: ModelRequest) -> Response:
        return json_answer(run_confusion(studio.folders.run(request.model)))


def _add_trainings(app: FastAPI, studio: Studio) -> None:
    @app.get("/api/options")
    def options(request: Request) -> dict[str, Any]:
        with use_language(language_of(request)):
            return {name: _task_options(name) for name in TASKS}

    @app.post("/api/trainings")
    def start(body: TrainingRequest, request: Request) -> dict[str, str]:
        run = studio.folders.new_path(body.folder, body.name)
        data = studio.folders.data_file(body.data)
        arguments = training_arguments(body.task, data, run, body.options, language=language_of(request))
        name = f"{body.folder.rstrip('/')}/{body.name}"
        studio.trainings.start(name, arguments)
        return {"run": name}

    @app.post("/api/stop")
    def stop(body: RunRequest) -> dict[str, str]:
        studio.trainings.stop(body.run)
        return {"run": body.run}

    @app.post("/api/resume")
    def resume(body: RunRequest, request: Request) -> dict[str, str]:
        path = studio.folders.run(body.run)
        more = [] if body.minutes is None else [f"--minutes=+{body.minutes:g}"]
        language = language_of(request)
        studio.trainings.start(body.run, ["resume", str(path.absolute()), f"--lang={language}", *more])
        return {"run": body.run}

    @app.post("/api/files")
    async def store(folder: str, name: str, request: Request) -> dict[str, str]:
        path = await anyio.to_thread.run_sync(studio.folders.new_path, folder, name)
        await _store(request, path)
        return {"data": f"{folder.rstrip('/')}/{name}"}


async def _store(request: Request, path: Path) -> None:
    """Write the body of a request to a new file, which appears when it is complete."""
    if not path.name.removesuffix(".gz").endswith(DATA_ENDINGS):
        problem = f"{path.name}: the ending is not that of a data file; expected one of {', '.join(DATA_ENDINGS)}"
        raise DataError(problem, hint="Rename the file")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        async with await anyio.open_file(partial, "xb") as stream:
            async for chunk in request.stream():
                await stream.write(chunk)
        if path.exists():
            raise ConfigError("the name is taken", hint="Choose another name", where=path.name)
        partial.rename(path)
    except OSError as error:
        raise ResourceError(f"the file could not be stored: {error.strerror}", where=path.name) from None
    finally:
        partial.unlink(missing_ok=True)


def _task_options(name: str) -> dict[str, Any]:
    spec = task_spec(name)
    return {
        "title": translate(spec.title, "words"),
        "options": [
            {
                "key": option.key,
                "flag": option.flag,
                "help": option.meaning,
                "default": option.described_default,
                "choices": ["yes", "no"] if option.kind is bool else list(option.choices),
            }
            for option in options_of(spec.run_config)
        ],
    }


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def open_folders(paths: Sequence[Path]) -> Studio:
    """Return the studio for the folders that are named at the start."""
    return Studio(Folders(paths))
