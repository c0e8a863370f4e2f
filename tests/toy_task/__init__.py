"""A sixth task, from outside of elman: add up the digits of a line. It stands for what a stranger would write.

    x_t = one_hot(digit_t);   h_t = cell(x_t, h_(t-1));   y = w h_T + b

Data: lines of DIGITS TAB SUM. This file has the part without torch, training.py the part with torch. Registered by one
call, `elman.tasks.spec.register("digits", "tests.toy_task")`, the task has all commands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import PositiveInt

from elman.cells import create
from elman.checkpoint import ModelFolder
from elman.config import Config, Values, get_table, merge_values, validate_config
from elman.data.corpora.config import RandomSplitConfig, ReaderConfig
from elman.data.corpora.folder import damage_errors, read_examples, source_records, write_examples, write_record
from elman.data.corpora.split import in_random_order, validation_size
from elman.data.readers.encodings import Notify
from elman.data.readers.inputs import Input
from elman.data.readers.text import TextSource, numbered_lines
from elman.data.sources import ExampleSource, FileExamples, SourceArgument, open_text, unsupported_source
from elman.errors import DataError
from elman.models.cell_name import CellName
from elman.models.folder import FolderPredictor, read_config
from elman.models.matrix import take
from elman.models.stack import Stack, State
from elman.options import option
from elman.tasks.descriptions import describe_size, describe_training, model_card
from elman.tasks.sizing import budget_of
from elman.tasks.spec import Answer, DataConfig, Evaluation, Prediction, Report, RunConfig, Scored, TaskSpec
from elman.training.config import TrainingConfig


@dataclass(frozen=True, slots=True)
class Digits:
    """A line of digits and their sum."""

    digits: str
    total: float


class DigitsConfig(Config):
    """The sizes."""

    cell: CellName = option("gru", flag="--cell", help="Recurrent cell")
    hidden_size: PositiveInt = option(16, flag="--hidden", help="Hidden units")


class DigitsDataConfig(RandomSplitConfig, DataConfig):
    """How the examples are split."""


class DigitsRun(RunConfig):
    """What config.toml holds."""

    task: Literal["digits"] = "digits"
    data: DigitsDataConfig
    model: DigitsConfig
    training: TrainingConfig


class PredictOptions(ReaderConfig):
    """An option of `predict`."""

    decimals: int = option(1, ge=0, flag="--decimals", help="Decimals of the sum")


class EvaluateOptions(Config):
    """An option of `evaluate`."""

    tolerance: float = option(0.5, gt=0.0, flag="--tolerance", help="Largest error of a correct sum")


@dataclass(frozen=True, slots=True)
class DigitsCorpus:
    """Both sets as JSON lines."""

    folder: Path
    sources: tuple[Any, ...]
    has_validation_set: bool = True

    @classmethod
    def open(cls, folder: Path) -> DigitsCorpus:
        """Open a corpus folder."""
        from elman.data.checksummed_record import read_record

        with damage_errors(folder):
            return cls(folder, source_records(read_record(folder, "corpus.json")))

    def read(self, name: str) -> list[Digits]:
        """Return the training set or the validation set."""
        return [Digits(**fields) for fields in read_examples(self.folder / f"{name}.jsonl")]


class DigitsPredictor(FolderPredictor):
    """A trained model."""

    task = "digits"

    def __init__(self, config: DigitsConfig, tensors: Any, card: str = "") -> None:
        self.config, self.tensors, self.card = config, tensors, card
        self._stack = Stack(create(config.cell), tensors, 10, [config.hidden_size])
        self._w = take(tensors, "readout.weight", (1, config.hidden_size))
        self._b = take(tensors, "readout.bias", (1,))

    @classmethod
    def from_folder(cls, model: ModelFolder, where: Path) -> DigitsPredictor:
        """Return the predictor of a model folder."""
        return cls(read_config(model, "model", DigitsConfig, where), model.tensors, model.card)

    def configs(self) -> Mapping[str, Config]:
        return {"model": self.config}

    def vocabularies(self) -> Mapping[str, Sequence[str]]:
        return {}

    def step(self, inputs: npt.NDArray[Any], state: State) -> tuple[npt.NDArray[Any], State]:
        """Return the sums (B,) after another digit (B, 10) for each row, and the next state."""
        outputs, state = self._stack.run(inputs[:, None], state)
        return outputs[:, -1] @ self._w[0] + self._b[0], state

    def predict(self, lines: Iterable[str]) -> list[float]:
        """Return the sum of each line."""
        sums = []
        for digits in lines:
            outputs, _ = self._stack.run(one_hot([digits]), self._stack.initial_state(1))
            sums.append(float(outputs[0, -1] @ self._w[0] + self._b[0]))
        return sums

    def evaluate(self, examples: Iterable[Digits], tolerance: float = 0.5) -> dict[str, Any]:
        """Return the mean squared error and the share of correct sums."""
        items = list(examples)
        errors = np.array(self.predict(item.digits for item in items)) - [item.total for item in items]
        correct = float((abs(errors) <= tolerance).mean())
        return {"task": "digits", "count": len(items), "loss": float((errors**2).mean()), "accuracy": correct}


class DigitsAnswers:
    """An InputPredictor."""

    def __init__(self, predictor: DigitsPredictor, options: PredictOptions, notify: Notify) -> None:
        self._predictor, self._decimals = predictor, options.decimals
        self.unknown: dict[str, None] = {}

    def answer(self, chunk: Sequence[Input]) -> Iterator[Answer]:
        for line in chunk:
            if line.error or not line.text.isdecimal():
                error = line.error or "no digits; expected a line of digits"
                yield Answer(line.number, [""], {"line": line.number, "error": error}, error)
                continue
            (total,) = self._predictor.predict([line.text])
            yield Answer(line.number, [f"{total:.{self._decimals}f}"], {"line": line.number, "sum": total})

    def finish(self) -> Iterator[Answer]:
        yield from ()


def one_hot(lines: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return x (B, T, 10) of lines of equal length."""
    return np.eye(10, dtype=np.float32)[[[int(digit) for digit in line] for line in lines]]


def resolve(values: Values, corpus: DigitsCorpus | None = None, flops: float = 1e11) -> DigitsRun:
    """Return the whole config."""
    training = {**budget_of(get_table(values, "training"), 0.1), "batch_size": 8, "learning_rate": 0.01}
    return validate_config(DigitsRun, merge_values({"data": {}, "model": {}, "training": training}, values))


def open_source(source: SourceArgument, reader: ReaderConfig, notify: Notify) -> ExampleSource[Digits]:
    """Return the examples of a file."""
    if not isinstance(source, str | Path):
        raise unsupported_source(source, "a file of DIGITS TAB SUM")
    return FileExamples(open_text(source, reader.encoding, notify), _parse)


def _parse(file: TextSource) -> Iterator[Digits]:
    for where, line in numbered_lines(file):
        digits, _, total = line.partition("\t")
        if not digits.isdecimal() or not total.isdecimal():
            raise DataError(f"has {line!r}; expected DIGITS TAB SUM", where=where)
        yield Digits(digits, float(total))


def prepare(
    folder: Path,
    values: Values,
    run: DigitsRun,
    train_sources: Sequence[ExampleSource[Digits]],
    valid_sources: Sequence[ExampleSource[Digits]],
    notify: Notify,
) -> DigitsCorpus:
    """Read, split and write the examples."""
    train, valid = ([item for source in part for item in source.examples()] for part in (train_sources, valid_sources))
    if not valid_sources:
        mixed = in_random_order(train, np.random.default_rng(run.data.split_seed))
        size = validation_size(len(mixed), run.data.valid_fraction)
        train, valid = mixed[size:], mixed[:size]
    folder.mkdir(parents=True, exist_ok=True)
    for name, examples in (("train", train), ("valid", valid)):
        write_examples(folder / f"{name}.jsonl", ({"digits": e.digits, "total": e.total} for e in examples))
    sources = [source.record for source in (*train_sources, *valid_sources)]
    write_record(folder, "corpus.json", {}, sources, ["train.jsonl", "valid.jsonl"])
    return DigitsCorpus.open(folder)


def score_validation_set(scored: Scored, corpus: DigitsCorpus, options: EvaluateOptions) -> dict[str, Any]:
    """Return the metrics on the validation set."""
    return score(scored, corpus.read("valid"), options)


def score(scored: Scored, examples: Iterable[Digits], options: EvaluateOptions) -> dict[str, Any]:
    """Return the metrics on examples."""
    metrics: dict[str, Any] = scored.predictor.evaluate(examples, options.tolerance)
    return metrics


def describe_run(config: DigitsRun, corpus: DigitsCorpus) -> Iterator[str]:
    """Yield the data and the training."""
    yield f"training set: {len(corpus.read('train')):,} lines; validation set: {len(corpus.read('valid')):,} lines"
    yield describe_training(config.training, "lines")


def card(predictor: DigitsPredictor, valid: dict[str, Any], corpus: DigitsCorpus, speed: str) -> str:
    """Return the model card."""
    return model_card(
        title="Digits",
        summary="Adds up digits.",
        rows=[("size", describe_size(predictor.num_parameters)), ("loss", f"{valid['loss']:.4f}")],
        tables="",
        sources=corpus.sources,
        commands=["elman predict FOLDER lines.txt"],
        code='print(model.predict(["123"]))',
        limits="It knows nothing else.",
    )


def spec() -> TaskSpec[DigitsRun, DigitsCorpus, Digits, DigitsPredictor]:
    """Return the table of the functions above."""
    return TaskSpec(
        name="digits",
        title="digits model",
        package=__name__,
        data_help="Files of DIGITS TAB SUM.",
        single_file=False,
        parallel_files=False,
        generates=False,
        run_config=DigitsRun,
        reader_config=ReaderConfig,
        resolve=resolve,
        open_source=open_source,
        prepare=prepare,
        open_corpus=DigitsCorpus.open,
        load=DigitsPredictor.from_folder,
        prediction=Prediction(PredictOptions, by_input=DigitsAnswers),
        evaluation=Evaluation(EvaluateOptions, score_validation_set=score_validation_set, score=score),
        report=Report(
            describe_run=describe_run,
            measure_speed=lambda predictor, corpus: "not measured",
            model_card=card,
            summary=lambda metrics: f"{metrics['accuracy']:.2%} of {metrics['count']:,} sums correct",
            next_commands=lambda run: f"elman predict {run} lines.txt",
        ),
    )
