"""What a classifier writes for people: descriptions of a run, the tables of `evaluate`, and the model card."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from elman.tasks.descriptions import (
    LEVEL_NOUNS,
    describe_size,
    describe_training,
    describe_validation_set,
    items_per_second,
    scored_set,
    scores_row,
    table_cell,
)
from elman.tasks.descriptions import (
    model_card as card_of,
)
from elman.translations import pad, translate

from .config import ClassifierRun
from .corpus import ClassifierCorpus
from .predictor import ClassifierPredictor

SPEED_TEXTS = 500  # classified at once to measure the speed
MAX_LABELS_ACROSS = 12  # columns of a confusion matrix on a terminal; --json has all
CELL_WIDTH = 8
THRESHOLD_WIDTH = 12


def describe_run(config: ClassifierRun, corpus: ClassifierCorpus) -> Iterator[str]:
    """Yield the data, the model and the training in one line each."""
    model, train = config.model, corpus.train_set
    noun = LEVEL_NOUNS[corpus.text.level]
    validation_set = describe_validation_set(corpus, f"{corpus.valid_set.count:,} texts")
    yield (
        f"training set: {train.count:,} texts, {train.tokens:,} {noun}; {validation_set}; "
        f"{len(corpus.vocabulary):,} different {noun}, {len(corpus.labels):,} labels"
    )
    yield (
        f"{model.num_layers} x {model.cell} {model.hidden_size}, {model.directions_described}, {model.pooling} pooling"
        f"; inputs: {model.inputs_described}; dropout {model.dropout:g}"
    )
    yield describe_training(config.training, "texts")


def summary(metrics: dict[str, Any]) -> str:
    """Return the metrics on one line."""
    return (
        f"{metrics['accuracy']:.2%} of {metrics['count']:,} labels correct, macro F1 {metrics['macro_f1']:.4f}, "
        f"expected calibration error {metrics['ece']:.4f}"
    )


def next_commands(run: str) -> str:
    """Return what a user may do next with a run."""
    return f"elman predict {run} texts.txt   or   elman predict {run} texts.txt --explain"


def measure_speed(predictor: ClassifierPredictor, corpus: ClassifierCorpus) -> str:
    """Return how many texts a second are classified here."""
    texts = [example.text for example in corpus.valid()[:SPEED_TEXTS]]
    rate = items_per_second(lambda: len(predictor.predict(texts)))
    return f"{rate:,.0f} texts a second, where it was trained"


def tables(metrics: dict[str, Any]) -> list[str]:
    """Return F1 for each label, the confusion matrix (a row for each label, a column for each prediction), and the
    thresholds for a wanted precision or recall.
    """
    from rich.cells import cell_len, set_cell_size  # a Chinese character is two cells wide

    labels, counts = metrics["confusion"]["labels"], metrics["confusion"]["counts"]
    heading = translate("label", "words")
    width = max(map(cell_len, [heading, translate("all labels", "words"), *labels])) + 2
    with_matrix = len(labels) <= MAX_LABELS_ACROSS
    names = [set_cell_size(name, CELL_WIDTH - 1) if cell_len(name) >= CELL_WIDTH else name for name in labels]
    header = "".join(" " * (CELL_WIDTH - cell_len(name)) + name for name in names) if with_matrix else ""
    lines = ["", f"{set_cell_size(heading, width)}{'f1':>{CELL_WIDTH}}{header}"]
    for label, row in zip(labels, counts, strict=True):
        f1 = metrics["f1"][label]
        cells = "".join(f"{count:>{CELL_WIDTH}}" for count in row) if with_matrix else ""
        score = "" if f1 is None else format(f1, ".4f")
        lines.append(f"{set_cell_size(label, width)}{score:>{CELL_WIDTH}}{cells}")
    for wanted, table in metrics.get("thresholds", {}).items():
        lines += ["", *_threshold_lines(wanted, table, width)]
    return lines


def _threshold_lines(wanted: str, table: dict[str, Any], width: int) -> Iterator[str]:
    """Yield the threshold of each label for a wanted precision or recall, and what it gives."""
    least = f"{table['at_least']:g}"
    precision, recall = f"thresholds for a precision of {least} or more", f"thresholds for a recall of {least} or more"
    yield translate(precision if wanted == "precision" else recall)
    names = ("threshold", "precision", "lower bound", "recall", "coverage")
    columns = [translate(name, "words") for name in names]
    yield pad(translate("label", "words"), width) + "".join(pad(name, THRESHOLD_WIDTH, right=True) for name in columns)
    rows = {translate("all labels", "words"): table["all_labels"]} if "all_labels" in table else {}
    for label, scores in (*rows.items(), *table["labels"].items()):
        cells = [translate("not reached", "words")] if scores is None else [_rounded_down(v) for v in scores.values()]
        yield pad(label, width) + "".join(pad(cell, THRESHOLD_WIDTH, right=True) for cell in cells)


def _rounded_down(value: float) -> str:
    """Return four decimals that are not above the value, so that a threshold includes the text that it comes from."""
    return f"{math.floor(value * 1e4) / 1e4:.4f}"


def model_card(predictor: ClassifierPredictor, valid: dict[str, Any], corpus: ClassifierCorpus, speed: str) -> str:
    """Return the text of the model folder's README.md."""
    config, text = predictor.config, predictor.text
    f1 = {label: "" if value is None else f"{value:.4f}" for label, value in valid["f1"].items()}
    labels = "".join(
        f"| {table_cell(label)} | {count:,} | {f1[label]} |\n"
        for label, count in zip(corpus.labels, corpus.label_counts, strict=True)
    )
    return card_of(
        title="Classifier",
        summary=f"Gives a text one of {len(predictor.labels)} labels.",
        rows=[
            ("cell", f"{config.num_layers} x {config.cell} {config.hidden_size}, {config.directions_described}"),
            ("inputs", config.inputs_described),
            ("pooling", config.pooling),
            ("size", describe_size(predictor.num_parameters)),
            ("speed", speed),
            (
                "text",
                f"{text.level} level, {len(predictor.vocabulary):,} tokens in the vocabulary, "
                f"normalization: {text.normalize}",
            ),
            ("training set", f"{corpus.train_set.count:,} texts"),
            (
                scores_row(corpus),
                f"{valid['count']:,} texts: accuracy {valid['accuracy']:.4f}, macro F1 {valid['macro_f1']:.4f}, "
                f"loss {valid['loss']:.4f} nats",
            ),
            (
                "probabilities",
                f"temperature {predictor.calibration.temperature:.4f}; on the {scored_set(corpus)}: mean of the "
                f"predictions {valid['mean_confidence']:.4f}, expected calibration error {valid['ece']:.4f}, Brier "
                f"score {valid['brier']:.4f}",
            ),
        ],
        tables=f"\n| label | training texts | F1 on the {scored_set(corpus)} |\n|---|---|---|\n{labels}",
        sources=corpus.sources,
        commands=[
            "elman predict FOLDER texts.txt",
            "elman predict FOLDER texts.txt --explain",
            "elman predict FOLDER texts.txt --threshold 0.9",
            "elman evaluate FOLDER labelled.tsv",
        ],
        code='print(model.predict(["..."]))\nprint(model.predict_proba(["..."]))',
        limits="It knows only these labels, and gives one of them to every text, unless --threshold makes it abstain.",
    )
