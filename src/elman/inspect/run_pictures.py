"""The pictures of a run: training curves and gradient norms of metrics.jsonl, and those of its validation set.

Several runs are compared in one picture, by their validation losses.

What is drawn of the validation set is the task's own choice (TaskSpec.pictures): a confusion matrix and a reliability
diagram of labels, the fan of a forecast, the attention of pairs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from elman.checkpoint import current_run, is_run_folder
from elman.config import get_table
from elman.errors import ConfigError, ModelError
from elman.figures.style import Draw, save_drawings
from elman.figures.training import gradient_norms, training_curves, validation_curves
from elman.tasks.loading import load, read_run_config, validation_corpus
from elman.tasks.spec import task_spec
from elman.translations import Language

METRICS_FILE = "metrics.jsonl"


def plot_run(run: str | Path, folder: str | Path, *, language: Language | None = None) -> list[Path]:
    """Write the pictures of a run folder to a folder as PNG and SVG, and return the PNG files.

    The language is that of the environment, if none is given.
    """
    return save_drawings(folder, run_drawings(run), language)


def compare_runs(runs: Sequence[str | Path], folder: str | Path, *, language: Language | None = None) -> list[Path]:
    """Draw the validation losses of runs of one task in one picture, as PNG and SVG, and return the PNG file.

    The language is that of the environment, if none is given.
    """
    return save_drawings(folder, comparison_drawings(compared(runs)), language)


class RunSummary(NamedTuple):
    """A run among others: what tells it from them, its updates, the lowest validation loss, and all of them by step."""

    run: str
    name: str
    steps: int
    best_step: int
    best_loss: float
    losses: tuple[tuple[int, float], ...]

    @property
    def as_json(self) -> dict[str, Any]:
        """What `elman plot --json` prints of a run."""
        return {"run": self.run, "steps": self.steps, "best_step": self.best_step, "best_loss": self.best_loss}


def compared(runs: Sequence[str | Path]) -> list[RunSummary]:
    """Return the summaries of runs of one task; runs of several tasks, and a run given twice, are a ConfigError."""
    paths = list(map(Path, runs))
    tasks = {}
    for path in paths:
        _require_run_folder(path)
        if paths.count(path) > 1:
            raise ConfigError("given twice; expected different runs", hint="Name each run once", where=str(path))
        tasks[read_run_config(path).get("task")] = path
    if len(tasks) > 1:
        (first, a), (second, b), *_ = tasks.items()
        problem = f"{a} has the task {first}, and {b} the task {second}; expected runs of one task"
        raise ConfigError(problem, hint="Losses of different tasks cannot be compared")
    common = Path(os.path.commonpath([path.absolute().parent for path in paths]))
    return [_summary(path, path.absolute().relative_to(common).as_posix()) for path in paths]


def _summary(run: Path, name: str) -> RunSummary:
    records = read_metrics(run)
    losses = _validation_losses(records)
    if not losses:
        problem = "the run has no validation loss; expected a run that was validated at least once"
        raise ConfigError(problem, hint="Continue it with `elman resume`, or leave it out", where=str(run))
    best_step, best_loss = min(losses, key=lambda point: point[1])
    steps = max(record["step"] for record in records if "step" in record)
    return RunSummary(str(run), name, steps, best_step, best_loss, tuple(losses))


def comparison_drawings(runs: Sequence[RunSummary]) -> dict[str, Draw]:
    """Return the drawing of several runs by name."""
    return {"runs": validation_curves({run.name: run.losses for run in runs})}


def _require_run_folder(run: Path) -> None:
    if not is_run_folder(run):
        problem = "not a run folder; expected one, in which training has left metrics.jsonl"
        raise ConfigError(problem, hint="Name a folder that `elman train` has created", where=str(run))


def run_drawings(run: str | Path) -> dict[str, Draw]:
    """Return the drawings of a run folder by name."""
    _require_run_folder(Path(run))
    run = current_run(Path(run))  # one version, whatever becomes current
    clip = get_table(read_run_config(run), "training").get("clip_norm")
    drawings = training_drawings(read_metrics(run), clip if isinstance(clip, float | int) else None)
    predictor = load(run)
    spec = task_spec(predictor.task)
    if spec.pictures is not None:
        drawings |= spec.pictures.of_validation_set(predictor, validation_corpus(run, spec))
    return drawings


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """Return the records of metrics.jsonl; a line that is not JSON is a ModelError."""
    path = current_run(run) / METRICS_FILE
    records = []
    for number, line in enumerate(path.read_text("utf-8").splitlines() if path.is_file() else (), start=1):
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            raise ModelError("the line is not a JSON object", hint="The run is damaged", where=f"{path}:{number}")
        records.append(record)
    return records


def training_drawings(records: Sequence[Mapping[str, Any]], clip: float | None = None) -> dict[str, Draw]:
    """Return the drawings of the records of metrics.jsonl: losses, and gradient norms where they were recorded."""
    training = [(record["step"], record["loss"]) for record in records if "loss" in record]
    validation = _validation_losses(records)
    norms = [(record["step"], record["gradient_norm"]) for record in records if "gradient_norm" in record]
    drawings: dict[str, Draw] = {}
    if training or validation:
        drawings["training"] = training_curves(training, validation)
    if norms:
        drawings["gradient-norm"] = gradient_norms(norms, clip)
    return drawings


def _validation_losses(records: Sequence[Mapping[str, Any]]) -> list[tuple[int, float]]:
    return [(record["step"], record["valid"]["loss"]) for record in records if "loss" in record.get("valid", {})]
