"""The confusion matrix of a classifier or a tagger, with examples behind each cell, as data and as one HTML file.

`confusion` returns what the page (web/pages/confusion) reads, as a dict of JSON:

    format, task, count        the version of this form, "classify" or "tag", and the number of decisions
    correct                    decisions whose predicted label is the expected one
    labels                     of the rows and columns: names, or null for all labels that have no row of their own
    labels_left_out            how many labels that row and that column stand for
    counts                     (rows, columns): expected labels in rows, predicted labels in columns
    examples_per_cell          the largest number of examples of a cell
    cells                      for every cell with examples: row, column, and examples, the most probable ones first:
                               text, before and after (the tokens around a token), place, probability, expected,
                               predicted

With more than MAX_LABELS labels, the most frequent ones (expected or predicted) have a row and a column, and all
others have one in common. Texts are cut at MAX_CHARACTERS, contexts at MAX_CONTEXT.
"""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from elman.checkpoint import current_run
from elman.errors import ConfigError, DataError
from elman.tasks.loading import load, validation_corpus
from elman.tasks.spec import Decision, task_spec

from .data_page import write_data_page

FORMAT = 1
MAX_LABELS = 40
MAX_EXAMPLES = 20  # of a cell
MAX_CHARACTERS, MAX_CONTEXT = 400, 160  # of a text, and of the tokens before or after one
ELLIPSIS = "…"

Cell = tuple[Any, Any]  # an expected and a predicted label, or their rows and columns
Ranked = tuple[float, int, Decision]  # probability and negative number: the first of equal examples is the larger one


def confusion(predictor: Any, examples: Iterable[Any]) -> dict[str, Any]:
    """Return the confusion matrix of a predictor on examples; a model that predicts no labels is a ConfigError.

    Examples are what `evaluate` of the predictor takes, as pairs: (text, label), or (tokens, tags).
    """
    return tabulate(_decisions_of(predictor).of_examples(predictor, examples), predictor.labels, predictor.task)


def run_confusion(run: str | Path) -> dict[str, Any]:
    """Return the confusion matrix of a run folder's best model on the validation set of the run."""
    run = current_run(Path(run))  # one version, whatever becomes current
    predictor = load(run)
    kind = _decisions_of(predictor)
    corpus = validation_corpus(run, task_spec(predictor.task))
    return tabulate(kind.of_examples(predictor, kind.validation_examples(corpus)), predictor.labels, predictor.task)


def _decisions_of(predictor: Any) -> Any:
    spec = task_spec(predictor.task)
    if spec.evaluation.decisions is None:
        problem = f"the model is a {spec.title}, which predicts no labels; expected a classifier or a tagger"
        raise ConfigError(problem)
    return spec.evaluation.decisions


def tabulate(decisions: Iterable[Decision], labels: Sequence[str], task: str) -> dict[str, Any]:
    """Return the confusion matrix of decisions. `labels`: those of the model; others that occur follow them."""
    counts, examples = _count(decisions)
    if not counts:
        raise DataError("no examples to count; expected at least one")
    known = list(dict.fromkeys([*labels, *(label for cell in counts for label in cell)]))
    names = _with_rows(known, counts)
    other = len(names)  # the row of all other labels
    rows = {label: row for row, label in enumerate(names)}
    size = other + (len(known) > other)
    matrix = [[0] * size for _ in range(size)]
    merged: dict[Cell, list[Ranked]] = {}
    for (expected, predicted), count in counts.items():
        row, column = rows.get(expected, other), rows.get(predicted, other)
        matrix[row][column] += count
        merged.setdefault((row, column), []).extend(examples[expected, predicted])
    return {
        "format": FORMAT,
        "task": task,
        "count": counts.total(),
        "correct": sum(count for (expected, predicted), count in counts.items() if expected == predicted),
        "labels": [*names, *[None] * (size - other)],
        "labels_left_out": len(known) - other,
        "counts": matrix,
        "examples_per_cell": MAX_EXAMPLES,
        "cells": [
            {"row": row, "column": column, "examples": _best(merged[row, column])} for row, column in sorted(merged)
        ],
    }


def _count(decisions: Iterable[Decision]) -> tuple[Counter[Cell], dict[Cell, list[Ranked]]]:
    """Return the number of decisions of every cell, and a heap of the most probable ones."""
    counts: Counter[Cell] = Counter()
    examples: dict[Cell, list[Ranked]] = {}
    for number, decision in enumerate(decisions):
        cell = decision.expected, decision.predicted
        counts[cell] += 1
        heap = examples.setdefault(cell, [])
        ranked = (decision.probability, -number, decision)
        if len(heap) < MAX_EXAMPLES:
            heapq.heappush(heap, ranked)
        elif ranked[:2] > heap[0][:2]:
            heapq.heapreplace(heap, ranked)
    return counts, examples


def _with_rows(labels: Sequence[str], counts: Counter[Cell]) -> list[str]:
    """Return the labels that have a row: all in their order, or the most frequent ones, most frequent first."""
    if len(labels) <= MAX_LABELS:
        return list(labels)
    frequency: Counter[str] = Counter()
    for (expected, predicted), count in counts.items():
        frequency[expected] += count
        frequency[predicted] += count
    return sorted(labels, key=lambda label: -frequency[label])[:MAX_LABELS]


def _best(ranked: list[Ranked]) -> list[dict[str, Any]]:
    """Return the JSON of the most probable examples, most probable first."""
    return [_as_json(decision) for _, _, decision in heapq.nlargest(MAX_EXAMPLES, ranked)]


def _as_json(decision: Decision) -> dict[str, Any]:
    values = decision._asdict()
    if len(decision.text) > MAX_CHARACTERS:
        values["text"] = decision.text[: MAX_CHARACTERS - 1] + ELLIPSIS
    if len(decision.before) > MAX_CONTEXT:
        values["before"] = ELLIPSIS + decision.before[1 - MAX_CONTEXT :]
    if len(decision.after) > MAX_CONTEXT:
        values["after"] = decision.after[: MAX_CONTEXT - 1] + ELLIPSIS
    return values


def write_confusion_page(data: dict[str, Any], path: str | Path) -> None:
    """Write one HTML file that shows what `confusion` returned in a browser, replacing an existing file."""
    write_data_page("confusion", json.dumps(data, ensure_ascii=False, allow_nan=False), path)
