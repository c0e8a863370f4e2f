"""Model folders to predictions: NumPy over the cells, no torch. One predictor a task.

`load` is the one way in. PREDICTORS names the tasks: a new one is one file here and one line.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from elman.checkpoint import is_run_folder, read_model
from elman.errors import ModelError
from elman.models.ensemble import Ensemble, Prediction
from elman.models.stack import state_from_bytes, state_to_bytes
from elman.tasks.classifier.predictor import ClassifierPredictor, Explanation
from elman.tasks.forecaster.predictor import Forecast, ForecasterPredictor
from elman.tasks.language_model.predictor import LanguageModelPredictor
from elman.tasks.seq2seq.predictor import Seq2SeqPredictor
from elman.tasks.tagger.predictor import TaggerPredictor

Predictor = LanguageModelPredictor | Seq2SeqPredictor | ClassifierPredictor | TaggerPredictor | ForecasterPredictor
PREDICTORS: dict[str, type[Predictor]] = {
    "lm": LanguageModelPredictor,
    "seq2seq": Seq2SeqPredictor,
    "classify": ClassifierPredictor,
    "tag": TaggerPredictor,
    "forecast": ForecasterPredictor,
}


def load(path: str | Path) -> Any:
    """Return the predictor of a model folder, or of a run folder's best model. Needs no torch."""
    folder = Path(path)
    if not folder.is_dir():
        what = "is a file, expected a folder" if folder.exists() else "no such folder"
        raise ModelError(what, hint="give a run folder or a model folder", where=str(folder))
    if is_run_folder(folder):
        if not (folder / "model").is_dir() and not (folder / ".model.old").is_dir():
            hint = f"wait for its first validation, or go on with `elman resume {folder}`"
            raise ModelError("has no model yet", hint=hint, where=str(folder))
        folder = folder / "model"
    model = read_model(folder)
    task = model.config.get("task")
    if not isinstance(task, str) or task not in PREDICTORS:
        raise ModelError(f"has task {task!r}, expected {', '.join(PREDICTORS)}", where=str(folder / "config.json"))
    return PREDICTORS[task].from_folder(model, where=folder)


__all__ = [
    "PREDICTORS",
    "ClassifierPredictor",
    "Ensemble",
    "Explanation",
    "Forecast",
    "ForecasterPredictor",
    "LanguageModelPredictor",
    "Prediction",
    "Seq2SeqPredictor",
    "TaggerPredictor",
    "load",
    "state_from_bytes",
    "state_to_bytes",
]
