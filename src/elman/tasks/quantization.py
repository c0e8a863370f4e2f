"""Quantize a trained model: a smaller model folder, whose model card says what that changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elman.checkpoint import is_run_folder
from elman.checkpoint.weight_formats import weight_names
from elman.data.readers.encodings import Notify
from elman.errors import ConfigError
from elman.models.folder import FolderPredictor
from elman.translations import translate

from .descriptions import scored_set
from .loading import load
from .spec import Scored, task_spec

_UNCOUNTED_FILES = ("README.md", "manifest.json")  # of the size of a folder: a user may edit the card
_SCORES = {
    "validation set": "The metrics are those of the validation set.",
    "training set": "The metrics are those of the training set: there is no validation set.",
}

Metrics = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Quantization:
    """What quantization did: sizes in bytes, and metrics of the scored set, if there is one."""

    task: str
    weights: str  # int8 or bfloat16
    bytes_before: int
    bytes_after: int
    parameters: int
    float32_parameters: int  # that were not quantized
    scored_set: str | None
    before: Metrics | None
    after: Metrics | None

    @property
    def ratio(self) -> float:
        """The size afterwards, divided by the size before."""
        return self.bytes_after / self.bytes_before

    def as_json(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "task": self.task,
            "weights": self.weights,
            "bytes_before": self.bytes_before,
            "bytes_after": self.bytes_after,
            "ratio": self.ratio,
            "parameters": self.parameters,
            "float32_parameters": self.float32_parameters,
            "scored_set": self.scored_set,
            "before": self.before,
            "after": self.after,
        }

    def rows(self) -> list[tuple[str, str, str]]:
        """Return rows of name, before and after: the size, and the metrics that are single numbers."""
        rows = [(translate("size", "words"), f"{self.bytes_before:,}", f"{self.bytes_after:,} ({self.ratio:.3f})")]
        for name, value in (self.before or {}).items():
            after = (self.after or {}).get(name)
            if isinstance(value, float) and isinstance(after, float):
                change = f" ({after / value - 1.0:+.2%})" if value else ""
                rows.append((translate(name, "words"), f"{value:.4f}", f"{after:.4f}{change}"))
        return rows

    def card_section(self) -> str:
        """Return the section of the model card, in the current language."""
        table = "".join(f"| {name} | {before} | {after} |\n" for name, before, after in self.rows())
        facts = translate(
            f"The matrices are {self.weights}; {self.float32_parameters:,} of the {self.parameters:,} weights stay "
            "float32. Sizes are in bytes, without this file."
        )
        scores = translate(_SCORES[self.scored_set]) if self.scored_set else ""
        return (
            f"\n## {translate('Quantized weights')}\n\n| | float32 | {self.weights} |\n|---|---|---|\n{table}\n"
            f"{facts}{' ' if scores else ''}{scores}\n"
        )


def quantize(run: Path, out: Path, weights: str, notify: Notify) -> Quantization:
    """Write a quantized model to the folder `out`, and return what changed; the model of `run` stays as it is."""
    predictor = load(run)
    source = run / "model" if is_run_folder(run) else run
    if out.exists() and out.resolve() == source.resolve():
        problem = "this is the folder of the model itself; expected a new folder"
        raise ConfigError(problem, hint="Choose another name with -o", where=str(out))
    quantized = predictor.quantized(weights)
    corpus = task_spec(predictor.task).open_corpus(run / "data") if is_run_folder(run) else None
    before = None if corpus is None else _metrics(predictor, run, corpus, notify)
    after = None if corpus is None else _metrics(quantized, run, corpus, lambda message: None)
    quantized.save(out)
    result = Quantization(
        task=predictor.task,
        weights=weights,
        bytes_before=_folder_bytes(source),
        bytes_after=_folder_bytes(out),
        parameters=predictor.num_parameters,
        float32_parameters=_float32_parameters(quantized),
        scored_set=None if corpus is None else scored_set(corpus),
        before=before,
        after=after,
    )
    quantized.save(out, card=predictor.card + result.card_section())
    return result


def _metrics(predictor: Any, run: Path, corpus: Any, notify: Notify) -> Metrics:
    evaluation = task_spec(predictor.task).evaluation
    metrics = evaluation.score_validation_set(Scored(predictor, run, notify), corpus, evaluation.options())
    return {name: value for name, value in metrics.items() if isinstance(value, int | float) and name != "task"}


def _float32_parameters(predictor: FolderPredictor) -> int:
    tensors = predictor.tensors
    return sum(tensors[name].size for name in weight_names(tensors) if tensors[name].dtype == np.float32)


def _folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.name not in _UNCOUNTED_FILES)
