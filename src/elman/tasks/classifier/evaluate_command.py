"""The metrics of a classifier on labelled texts, and its tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.cli.console import say
from elman.cli.evaluate.held_out import data_of

if TYPE_CHECKING:
    from elman.runtime import ClassifierPredictor
    from elman.tasks.classifier.corpus import LabelledText

MOST_LABELS_SHOWN = 30  # of a confusion matrix on a terminal; --json has all
CELL = 7  # characters


def measured(predictor: ClassifierPredictor, run: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics of the files that the options name, or of the run's held-out part."""
    from elman.tasks.classifier.corpus import LabelledCorpus

    data: list[str] | None = options["data"]
    examples = _labelled(data, options) if data else iter(LabelledCorpus.open(data_of(run)).valid())
    return predictor.evaluate(examples)


def print_tables(metrics: dict[str, Any]) -> None:
    """Print F1 of each label, and the confusion matrix: labels down, decisions across."""
    from rich.cells import cell_len, set_cell_size  # a Chinese character is two cells wide

    labels, counts = metrics["confusion"]["labels"], metrics["confusion"]["counts"]
    width = max(map(cell_len, ["label", *labels])) + 2
    shown = len(labels) <= MOST_LABELS_SHOWN
    names = [set_cell_size(label, CELL - 1) if cell_len(label) >= CELL else label for label in labels]
    across = "".join(" " * (CELL - cell_len(name)) + name for name in names) if shown else ""
    print(f"\n{set_cell_size('label', width)}{'f1':>{CELL}}{across}")
    for label, row in zip(labels, counts, strict=True):
        f1 = metrics["f1"][label]
        told = "".join(f"{count:>{CELL}}" for count in row) if shown else ""
        print(f"{set_cell_size(label, width)}{'' if f1 is None else format(f1, '.4f'):>{CELL}}{told}")


def _labelled(paths: list[str], options: dict[str, Any]) -> Iterator[LabelledText]:
    from elman.config import validated
    from elman.tasks.classifier.corpus import LabelledText
    from elman.tasks.classifier.defaults import LabelDataConfig
    from elman.tasks.classifier.readers import read_any

    reading = {"text_column": options["text"], "label_column": options["label"], "format": options["format"]}
    reading["columns"] = options["columns"].split(",") if options["columns"] is not None else None
    how = validated(LabelDataConfig, {key: value for key, value in reading.items() if value is not None})
    columns, encoding = how.where_they_stand(), options["encoding"]
    for path in paths:
        for each in read_any(path, columns=columns, format=how.format, encoding=encoding, notify=say):
            yield LabelledText(each.text, each.label)
