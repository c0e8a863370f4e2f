"""The addresses of the studio: what the page web/studio.html asks for.

    GET  /                  the page                     GET  /trace.html      the page that shows a trace, for a frame
    GET  /api/events        server-sent events: events.py
    POST /api/trace         the trace of an input by a model
    POST /api/trace-page    the same as one HTML file    POST /api/generate    a text by a language model
    POST /api/confusion     the confusion matrix of a run on its validation set
    GET  /api/options       the options of `elman train` for each task
    POST /api/trainings     start a training             POST /api/stop, /api/resume
    POST /api/files         store a data file

error_answers.py has the answers where something is wrong.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from elman.errors import ConfigError, DataError, ElmanError, ResourceError
from elman.explanation import describe_error
from elman.inspect.confusion import run_confusion
from elman.inspect.data_page import data_page
from elman.options import options_of
from elman.tasks.spec import TASKS, task_spec
from elman.translations import Language, translate, use_language

from .error_answers import answer_errors, language_of
from .events import EventSource
from .folders import DATA_ENDINGS, Entry, Folders
from .guard import Guard
from .looking import Look, Models, generate, look_inside, look_inside_series
from .pages import studio_page, trace_page
from .run_status import StatusReader, task_of_model
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
    max_tokens: int = Field(default=200, ge=1)
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
        self._lock = threading.Lock()

    def list_entries(self, language: Language) -> dict[str, Any]:
        """Return the runs with their status, the models, the data files, the folders and the trainings."""
        entries = self.folders.entries()
        runs = [entry for entry in entries if entry.kind == "run"]
        with self._lock, use_language(language):
            self._status = {entry.path: self._status.get(entry.path) or StatusReader(entry.path) for entry in runs}
            return {
                "runs": [self._run(entry) for entry in runs],
                "models": [_model(entry) for entry in entries if entry.kind == "model"],
                "data": [{"name": entry.name, "bytes": _size(entry.path)} for entry in entries if entry.kind == "data"],
                "folders": [entry.name for entry in entries if entry.kind == "folder"],
                "trainings": [training._asdict() for training in self.trainings.all()],
            }

    def _run(self, entry: Entry) -> dict[str, Any]:
        status = self._status[entry.path].read()
        metrics = [
            {"name": translate(name, "words").replace("_", " "), "value": value}
            for name, value in (status.best or {}).items()
            if isinstance(value, int | float) and name not in HIDDEN_METRICS
        ]
        return {"name": entry.name, **status._asdict(), "best": metrics}

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
        names = request.query_params.getlist("run")
        runs = [(name, studio.folders.run(name)) for name in names]
        source = EventSource(lambda: studio.list_entries(language), runs, studio.is_ending)
        return StreamingResponse(source.stream(), media_type="text/event-stream")

    @app.post("/api/trace")
    def trace(request: TraceRequest) -> Response:
        look = studio.look(request)
        headers = {} if look.num_characters is None else {"X-Elman-Characters": str(look.num_characters)}
        return Response(look.trace, media_type="application/json", headers=headers)

    @app.post("/api/trace-page")
    def page_of_trace(request: TraceRequest) -> Response:
        return Response(data_page("trace", studio.look(request).trace), media_type="text/html")

    @app.post("/api/generate")
    def generated(request: GenerationRequest) -> dict[str, str]:
        predictor = studio.models.load(studio.folders.model(request.model))
        values = request.model_dump(include={"max_tokens", "temperature", "seed"})
        return {"text": generate(predictor, request.prompt, **values)}

    @app.post("/api/confusion")
    def confusion(request: ModelRequest) -> dict[str, Any]:
        return run_confusion(studio.folders.run(request.model))


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
    partial = path.with_name(f".{path.name}.part")
    try:
        async with await anyio.open_file(partial, "xb") as stream:
            async for chunk in request.stream():
                await stream.write(chunk)
        partial.rename(path)
    except FileExistsError:
        problem = "a file of this name is on its way"
        raise ConfigError(problem, hint="Wait for it, or choose another name", where=path.name) from None
    except OSError as error:
        raise ResourceError(f"the file could not be stored: {error.strerror}", where=path.name) from None
    except BaseException:  # the page was closed in the middle, or the body is too large
        partial.unlink(missing_ok=True)
        raise


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


def _model(entry: Entry) -> dict[str, Any]:
    try:
        return {"name": entry.name, "task": task_of_model(entry.path), "problem": ""}
    except ElmanError as error:
        return {"name": entry.name, "task": None, "problem": describe_error(error)}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def open_folders(paths: Sequence[Path]) -> Studio:
    """Return the studio for the folders that are named at the start."""
    return Studio(Folders(paths))
