"""elman evaluate: the metrics of a model, on data of the user's or on the run's own held-out part. Needs no torch.

What differs from task to task is in one file each: data to metrics, and metrics to lines.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from elman.errors import ConfigError, DataError
from elman.tasks.classifier import evaluate_command as classifier
from elman.tasks.forecaster import evaluate_command as forecaster
from elman.tasks.language_model import evaluate_command as language_model
from elman.tasks.seq2seq import evaluate_command as seq2seq
from elman.tasks.tagger import evaluate_command as tagger

from ..console import print_json
from ..options import Json, Run, first_given, refuse_options_of_others

MEASURES: dict[str, Callable[[Any, Path, dict[str, Any]], dict[str, Any]]] = {
    "lm": language_model.measured,
    "seq2seq": seq2seq.measured,
    "classify": classifier.measured,
    "tag": tagger.measured,
    "forecast": forecaster.measured,
}
TABLES: dict[str, Callable[[dict[str, Any]], None]] = {  # of metrics that are no single numbers
    "classify": classifier.print_tables,
    "tag": tagger.print_tables,
    "forecast": forecaster.print_tables,
}
OPTIONS = {  # of a task, beside those of all
    "lm": (),
    "seq2seq": ("beam", "columns", "format", "target_file", "ensemble"),
    "classify": ("text", "label", "columns", "format"),
    "tag": ("column", "words", "format"),
    "forecast": ("context", "from_date"),
}
OF_DATA = (  # that say how DATA is read
    *("encoding", "columns", "format", "target_file", "text", "label", "column", "words", "context", "from_date"),
)


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
        str | None,
        typer.Option(
            metavar="NAME", help="tsv or jsonl; classify: csv too; tag: conllu, columns, lines or jsonl.  [auto]"
        ),
    ] = None,
    target_file: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help="seq2seq: the targets, where DATA holds sources alone.")
    ] = None,
    ensemble: Annotated[
        list[Path] | None, typer.Option(metavar="RUN", help="seq2seq: average with this model too; repeatable.")
    ] = None,
    text: Annotated[str | None, typer.Option(metavar="NAME", help="classify: the column of texts.  [text]")] = None,
    label: Annotated[str | None, typer.Option(metavar="NAME", help="classify: the column of labels.  [label]")] = None,
    column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="tag: the column of tags, or its number.  [upos, tags or the last]"),
    ] = None,
    words: Annotated[
        str | None, typer.Option(metavar="NAME", help="tag: the column of tokens, or its number.  [form, tokens or 1]")
    ] = None,
    context: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="forecast: the first N rows are history, not scored.")
    ] = None,
    from_date: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="forecast: rows before it are history, not scored.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure a model: perplexity of a text, error rates of pairs, accuracy of decisions."""
    options = locals()
    from elman.runtime import load

    predictor = load(run)
    refuse_options_of_others(predictor.task, OPTIONS, options)
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
        if value is not None and not isinstance(value, dict):
            print(f"{name:<20}{value:,.4f}" if isinstance(value, float) else f"{name:<20}{value}")
    if predictor.task in TABLES:
        TABLES[predictor.task](metrics)


__all__ = ["evaluate"]
