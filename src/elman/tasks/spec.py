"""TaskSpec: what elman needs to know of a task; and TASKS, the only registry of tasks.

A task is a folder. Its `__init__.py` has a function `spec()` that returns its TaskSpec: a table of the functions in the
folder's modules. The command line, the experiment, `elman.load` and the estimators know a task by its TaskSpec alone.
A new task is one folder and one line in TASKS; a task from outside the package is one call of `register`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypeVar

from elman.checkpoint import ModelFolder
from elman.checkpoint.serialization import shown
from elman.config import Config, Values
from elman.data.corpora.config import ReaderConfig, SplitConfig
from elman.data.readers.encodings import Notify
from elman.data.readers.inputs import Input, InputReader
from elman.data.sources import ExampleSource, SourceArgument
from elman.errors import ModelError
from elman.figures.style import Draw
from elman.models.folder import FolderPredictor
from elman.options import option
from elman.training.config import TrainingConfig


class Registered(NamedTuple):
    """A line of TASKS: the package that holds the task, and its line in `elman train --help`."""

    package: str
    summary: str


TASKS: dict[str, Registered] = {
    "lm": Registered("elman.tasks.language_model", "Train a language model, which continues a text."),
    "classify": Registered("elman.tasks.classifier", "Train a classifier, which gives a text its label."),
    "tag": Registered("elman.tasks.tagger", "Train a tagger, which gives each token of a sentence its tag."),
    "seq2seq": Registered(
        "elman.tasks.seq2seq", "Train an encoder-decoder, which turns one sequence into another of any length."
    ),
    "forecast": Registered("elman.tasks.forecaster", "Train a forecaster, which predicts the next rows of a series."),
}


class DataConfig(ReaderConfig, SplitConfig):
    """The data options that every task has."""


class RunConfig(Config):
    """What config.toml of a run folder holds. Each task narrows the types of data, model and training."""

    task: str
    seed: int = option(0, ge=0, lt=2**63, flag="--seed", help="Seed of weights, order and dropout")
    data: DataConfig
    model: Config
    training: TrainingConfig


R = TypeVar("R", bound=RunConfig)
C = TypeVar("C")  # the corpus: the data of a run on disk
E = TypeVar("E")  # an example, as readers yield it
P = TypeVar("P", bound=FolderPredictor)

Columns = Mapping[str, Any]  # the cells of columns by their names: texts and numbers, and lists in JSON


@dataclass(frozen=True, slots=True)
class Answer:
    """The output for an input: the lines that are printed, the object that --json prints, and an error.

    columns are what is added to a row of a table or an object, by the names that the task's Prediction declares; if
    the input comes from several rows of a table, columns_of_rows are those of each row that is not blank.
    """

    number: int
    lines: Sequence[str]
    as_json: dict[str, Any]
    error: str | None = None  # a line without a prediction
    columns: Columns = field(default_factory=dict)
    columns_of_rows: Sequence[Columns] = ()


class InputPredictor(Protocol):
    """Predictions for inputs, which arrive in chunks."""

    unknown: dict[str, None]  # the tokens that the model does not know, in the order of appearance

    def answer(self, chunk: Sequence[Input]) -> Iterable[Answer]:
        """Yield answers, in the order of the inputs; inputs may be held back until more are there."""

    def finish(self) -> Iterable[Answer]:
        """Yield the answers for inputs that were held back."""


class FilePrediction(NamedTuple):
    """The prediction for a whole file: what is printed, the object that --json prints, and messages for stderr."""

    text: str
    as_json: dict[str, Any]
    messages: tuple[str, ...] = ()


class Scored(NamedTuple):
    """A model to score: the predictor, the run or model folder it came from, and where messages go."""

    predictor: Any
    run: Path
    notify: Notify


class InputOptions(NamedTuple):
    """How inputs are read, and what is added to a table of them."""

    reader: InputReader
    format: str  # a format of the reader, or `auto`
    name: str  # of the column of the inputs
    added: tuple[str, ...]  # names of the columns; () if the options print what is no column


@dataclass(frozen=True, slots=True)
class Prediction(Generic[P]):
    """How `elman predict` and `elman serve` use a model: input by input, or a whole file at once.

    Either by_input is given, or by_file and of_columns. Without `inputs`, each line of a text is an input.
    """

    options: type[ReaderConfig]
    by_input: Callable[[P, Any, Notify], InputPredictor] | None = None
    by_file: Callable[[P, Any, str, Notify], FilePrediction] | None = None
    of_columns: Callable[[P, Columns], dict[str, Any]] | None = None  # what --json prints, for columns by name
    inputs: Callable[[P, Any], InputOptions] | None = None
    request_options: tuple[str, ...] = ()  # of the options: those that a request over HTTP may have
    reads_tokens: bool = False  # an input may be tokens instead of a text


@dataclass(frozen=True, slots=True)
class StreamForm(Generic[P]):
    """How the inputs and outputs of a stream look in JSON, as requests over HTTP have them."""

    inputs: Any  # the type of the inputs of a request, for pydantic
    read: Callable[[P, Any], Any]  # inputs of a request -> a chunk, as the predictor's `run` takes it
    answers: Callable[[P, Any, Any], list[dict[str, Any]]]  # a chunk and its outputs (T, ...) -> one for each input


class ErrorRow(NamedTuple):
    """A wrong prediction: its columns by name, and the other columns of the data, which are the same in all rows.

    `predicted` is None where the model abstains.
    """

    columns: Mapping[str, str | float | None]
    other_columns: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Errors(Generic[C]):
    """The wrong predictions of a model, on what `validation_examples` returns or on examples, with the options.

    open_source is that of the task, with the other columns of the data as well; None: the task's own.
    """

    validation_examples: Callable[[C], Any]
    wrong_predictions: Callable[[Scored, Any, Any], Iterator[ErrorRow]]
    open_source: Callable[[SourceArgument, Any, Notify], ExampleSource[Any]] | None = None


class Decision(NamedTuple):
    """A label that a model predicts for a text, or for a token between others, and the expected label."""

    expected: str
    predicted: str
    probability: float  # of the predicted label
    text: str
    before: str = ""  # the tokens before and after it
    after: str = ""
    place: str = ""  # in the data, such as file:line


@dataclass(frozen=True, slots=True)
class Decisions(Generic[C, E, P]):
    """The labels that a model predicts, for what `validation_examples` returns or for examples."""

    validation_examples: Callable[[C], Iterable[E]]
    of_examples: Callable[[P, Iterable[E]], Iterator[Decision]]


@dataclass(frozen=True, slots=True)
class Comparison(Generic[C, P]):
    """How the current model of a run is compared with a new one, on the validation set of the new one's run."""

    better: Mapping[str, Literal["lower", "higher"]]  # values of each metric that can be compared
    require_comparable: Callable[
        [P, P, str], None
    ]  # of the new model, the current one and the metric; else ConfigError
    # the metrics of the current model, beside the new model and its corpus; None: those of score_validation_set
    score_current: Callable[[P, P, C], dict[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Evaluation(Generic[C, E]):
    """How `elman evaluate` scores a model, on the validation set of its run or on examples, with these options."""

    options: type[Config]  # beside those of the reader
    score_validation_set: Callable[[Scored, C, Any], dict[str, Any]]
    score: Callable[[Scored, Iterable[E], Any], dict[str, Any]]
    tables: Callable[[dict[str, Any]], list[str]] | None = None  # lines for metrics that are not single numbers
    reader_options: type[ReaderConfig] | None = None  # if the model sets some options of the reader: the others
    errors: Errors[C] | None = None
    decisions: Decisions[C, E, Any] | None = None  # None: the model predicts no labels
    comparison: Comparison[C, Any] | None = None  # None: models are not compared


@dataclass(frozen=True, slots=True)
class Pictures(Generic[C, E, P]):
    """What is drawn of a model's predictions, by name: for the validation set of its run, or for examples."""

    of_validation_set: Callable[[P, C], dict[str, Draw]]
    of_examples: Callable[[P, Iterable[E]], dict[str, Draw]]


@dataclass(frozen=True, slots=True)
class Report(Generic[R, C, P]):
    """What the task writes for people."""

    describe_run: Callable[[R, C], Iterable[str]]  # before training starts, automatic choices included
    measure_speed: Callable[[P, C], str]  # how fast the model predicts here and now
    model_card: Callable[[P, dict[str, Any], C, str], str]  # of predictor, validation metrics, corpus and speed
    summary: Callable[[dict[str, Any]], str]  # of the validation metrics, on one line
    next_commands: Callable[[str], str]  # what a user may do next with a run


@dataclass(frozen=True, slots=True)
class Continuation(Generic[R, C, E, P]):
    """How the training of a model continues on other data: with its sizes, its tokens and its labels."""

    values: Callable[[P], Values]  # the config values that the model determines, with None for those without a value
    # as `prepare` of the task, with the vocabularies and labels of the model, which is the last argument
    prepare: Callable[[Path, Values, R, Sequence[ExampleSource[E]], Sequence[ExampleSource[E]], Notify, P], C]


def no_reader_defaults(predictor: FolderPredictor) -> Values:
    """Return no reader options: files are read with the defaults of the task."""
    return {}


@dataclass(frozen=True, slots=True)
class TaskSpec(Generic[R, C, E, P]):
    """A task. The type parameters are its run config, its corpus, its examples and its predictor.

    What needs torch is not in the table: the module `training` of the task's package has `build_task` and
    `count_operations` (experiment/training_module.py), and is imported when a model is trained.
    """

    name: str  # in config.toml and on the command line
    title: str  # in messages: "RUN is a classifier"
    package: str
    data_help: str  # for the argument DATA of `elman train`
    single_file: bool  # DATA is one file
    parallel_files: bool  # sources and targets may be files of their own
    generates: bool  # the model continues a text, by `elman generate`
    run_config: type[R]
    reader_config: type[ReaderConfig]

    resolve: Callable[[Values, C | None, float], R]  # values given, corpus or None before it is read, FLOP/s
    open_source: Callable[[SourceArgument, Any, Notify], ExampleSource[E]]
    # writes a corpus folder: folder, values given, config, sources of training and validation set, messages
    prepare: Callable[[Path, Values, R, Sequence[ExampleSource[E]], Sequence[ExampleSource[E]], Notify], C]
    open_corpus: Callable[[Path], C]

    load: Callable[[ModelFolder, Path], P]
    prediction: Prediction[P] | None  # None: the model has no `elman predict`
    evaluation: Evaluation[C, E]
    report: Report[R, C, P]
    pictures: Pictures[C, E, P] | None = None
    continuation: Continuation[R, C, E, P] | None = None  # None: a model is always trained from the beginning
    stream_form: StreamForm[P] | None = None  # None: no model of the task reads step by step
    reader_defaults: Callable[[P], Values] = no_reader_defaults  # reader options of a model, such as its columns


AnyTask = TaskSpec[Any, Any, Any, Any]


def register(name: str, package: str, summary: str = "") -> None:
    """Add a task from outside of elman: a package whose function `spec` returns its TaskSpec."""
    if name in TASKS and TASKS[name].package != package:
        raise ValueError(f"task {name!r} is already registered by {TASKS[name].package}; choose another name")
    TASKS[name] = Registered(package, summary)


def task_spec(name: str) -> AnyTask:
    """Return the TaskSpec of a registered task."""
    spec: AnyTask = importlib.import_module(TASKS[name].package).spec()
    return spec


def spec_of(name: object, where: Path) -> AnyTask:
    """Return the TaskSpec that a run folder or a model folder names; a name that is not registered is a ModelError."""
    if not isinstance(name, str) or name not in TASKS:
        raise ModelError(f"has task {shown(repr(name))}; expected {', '.join(TASKS)}", where=str(where))
    return task_spec(name)
