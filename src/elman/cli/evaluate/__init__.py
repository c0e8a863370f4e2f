"""elman evaluate: the metrics of a model, on data of the user's or on the run's own held-out part. Needs no torch.

What differs from task to task is in one file each: data to metrics, and metrics to lines.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from elman.errors import ConfigError, DataError

from ..console import print_json
from ..options import Json, Run, first_given
from . import classifier, language_model, seq2seq

MEASURES: dict[str, Callable[[Any, Path, dict[str, Any]], dict[str, Any]]] = {
    "lm": language_model.measured,
    "seq2seq": seq2seq.measured,
    "classify": classifier.measured,
}
OPTIONS = {  # of a task, beside those of all
    "lm": (),
    "seq2seq": ("beam", "columns", "format", "target_file", "ensemble"),
    "classify": ("text", "label", "columns", "format"),
}
OF_DATA = ("encoding", "columns", "format", "target_file", "text", "label")  # that say how DATA is read


def evaluate(
    run: Run,
    data: Annotated[list[str] | None, typer.Argument(metavar="[DATA]...", help="Files.  [the held-out part]")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of the text.")] = None,
    beam: Annotated[int | None, typer.Option(min=1, help="seq2seq: hypotheses kept; 1 is greedy.  [1]")] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="S,T",
            help="seq2seq: columns.  [1,2; more are references]  classify: names of all, where no header has them.",
        ),
    ] = None,
    format: Annotated[  # noqa: A002
        str | None, typer.Option(metavar="NAME", help="seq2seq, classify: tsv, csv (classify) or jsonl.  [auto]")
    ] = None,
    target_file: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help="seq2seq: the targets, where DATA holds sources alone.")
    ] = None,
    ensemble: Annotated[
        list[Path] | None, typer.Option(metavar="RUN", help="seq2seq: average with this model too; repeatable.")
    ] = None,
    text: Annotated[str | None, typer.Option(metavar="NAME", help="classify: the column of texts.  [text]")] = None,
    label: Annotated[str | None, typer.Option(metavar="NAME", help="classify: the column of labels.  [label]")] = None,
    as_json: Json = False,
) -> None:
    """Measure a model: perplexity of a text, error rates of pairs, accuracy of decisions."""
    options = locals()
    from elman.runtime import load

    predictor = load(run)
    own = OPTIONS[predictor.task]
    for task, names in OPTIONS.items():
        if flag := first_given([name for name in names if name not in own], options):
            given = "language model" if predictor.task == "lm" else f"model of {predictor.task}"
            raise ConfigError(f"{flag} is for {task}, given a {given}")
    if not data and (flag := first_given(OF_DATA, options)):
        raise ConfigError(f"{flag} says how DATA is read, and none is given", hint=f"elman evaluate {run} DATA")
    try:
        metrics = MEASURES[predictor.task](predictor, run, options)
    except DataError as error:
        raise DataError(error.message, hint=error.hint, where=error.where or ", ".join(data or [str(run)])) from None
    if as_json:
        print_json(metrics)
        return
    for name, value in metrics.items():
        if not isinstance(value, dict):
            print(f"{name:<20}{value:,.4f}" if isinstance(value, float) else f"{name:<20}{value}")
    if predictor.task == "classify":
        classifier.print_tables(metrics)


__all__ = ["evaluate"]
