"""The pictures of a run: training curves and gradient norms of metrics.jsonl, and those of its validation set.

What is drawn of the validation set is the task's own choice (TaskSpec.pictures): a confusion matrix and a reliability
diagram of labels, the fan of a forecast, the attention of pairs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from elman.checkpoint import CONFIG_FILE, is_run_folder
from elman.config import get_table, read_toml
from elman.errors import ConfigError, ModelError
from elman.figures.style import Draw, save_drawings
from elman.figures.training import gradient_norms, training_curves
from elman.tasks.spec import load, task_spec, validation_corpus
from elman.translations import Language

METRICS_FILE = "metrics.jsonl"


def plot_run(run: str | Path, folder: str | Path, *, language: Language | None = None) -> list[Path]:
    """Write the pictures of a run folder to a folder as PNG and SVG, and return the PNG files.

    The language is that of the environment, if none is given.
    """
    return save_drawings(folder, run_drawings(run), language)


def run_drawings(run: str | Path) -> dict[str, Draw]:
    """Return the drawings of a run folder by name."""
    run = Path(run)
    if not is_run_folder(run):
        problem = "not a run folder; expected one, in which training has left metrics.jsonl"
        raise ConfigError(problem, hint="Name a folder that `elman train` has created", where=str(run))
    clip = get_table(read_toml(run / CONFIG_FILE), "training").get("clip_norm")
    drawings = training_drawings(read_metrics(run), clip if isinstance(clip, float | int) else None)
    predictor = load(run)
    spec = task_spec(predictor.task)
    if spec.pictures is not None:
        drawings |= spec.pictures.of_validation_set(predictor, validation_corpus(run, spec))
    return drawings


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """Return the records of metrics.jsonl; a line that is not JSON is a ModelError."""
    path = run / METRICS_FILE
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
    validation = [(record["step"], record["valid"]["loss"]) for record in records if "loss" in record.get("valid", {})]
    norms = [(record["step"], record["gradient_norm"]) for record in records if "gradient_norm" in record]
    drawings: dict[str, Draw] = {}
    if training or validation:
        drawings["training"] = training_curves(training, validation)
    if norms:
        drawings["gradient-norm"] = gradient_norms(norms, clip)
    return drawings
