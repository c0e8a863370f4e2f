"""elman predict: a line in, a line out, by the model of any task that has one. Needs no torch.

Lines are read and answered in chunks, in order, so a file larger than memory is no trouble; on a terminal, one by one.
A line that cannot be read gives an empty line, a message with its number, and exit code 3 at the end; the rest is done.
Line ends and tabs that a model writes are shown as spaces; --json has them as they are. What differs from task to task
is in a job, one file each: it answers chunks of lines, and in the end what it held back. Of a line with tabs, the first
column is the source of seq2seq and the sentence of tag. A forecast is of a whole file: CSV in, CSV out.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from elman.errors import ConfigError
from elman.tasks.classifier.predict_command import ClassifierJob
from elman.tasks.forecaster.predict_command import forecast
from elman.tasks.seq2seq.predict_command import Seq2SeqJob
from elman.tasks.tagger.predict_command import TaggerJob

from ..console import print_json, printable
from ..options import Json, Run, refuse_options_of_others
from .lines import Answer, Lines

JOBS: dict[str, type[ClassifierJob] | type[Seq2SeqJob] | type[TaggerJob]] = {
    "seq2seq": Seq2SeqJob,
    "classify": ClassifierJob,
    "tag": TaggerJob,
}
OPTIONS = {  # of a task, beside those of all
    "seq2seq": ("beam", "n_best", "length_penalty", "attention", "ensemble"),
    "classify": ("probabilities", "explain"),
    "tag": ("probabilities", "format", "words"),
    "forecast": ("plot",),
}


def predict(
    run: Run,
    data: Annotated[str, typer.Argument(metavar="[FILE]", help="A text a line; .gz too.  [- : standard input]")] = "-",
    beam: Annotated[
        int | None, typer.Option(min=1, help="seq2seq: hypotheses kept; 1 is greedy.  [1, or --n-best]")
    ] = None,
    n_best: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="seq2seq: print LINE TAB TARGET TAB SCORE of the N best.")
    ] = None,
    length_penalty: Annotated[
        float | None,
        typer.Option(min=0.0, metavar="P", help="seq2seq: a score is a log probability over length to the P.  [1]"),
    ] = None,
    attention: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json", help="seq2seq: write what each target token looked at; of an ensemble, in RUN."
        ),
    ] = None,
    ensemble: Annotated[
        list[Path] | None, typer.Option(metavar="RUN", help="seq2seq: average with this model too; repeatable.")
    ] = None,
    probabilities: Annotated[
        bool | None,
        typer.Option(
            "--probabilities",
            help="classify: print LABEL TAB PROBABILITY, likeliest first.  tag: the probability of each tag.",
        ),
    ] = None,
    explain: Annotated[
        bool | None,
        typer.Option("--explain", help="classify: the decision after every token, and each token's share in it."),
    ] = None,
    format: Annotated[  # noqa: A002
        str | None,
        typer.Option(
            metavar="NAME", help="tag: lines (a sentence a line), conllu, columns (a token a line) or jsonl.  [auto]"
        ),
    ] = None,
    words: Annotated[
        str | None, typer.Option(metavar="NAME", help="tag: the column of tokens, or its number.  [form, tokens or 1]")
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="forecast: draw the series, the forecast and its band (extra plot)."),
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Of the text.")] = None,
    as_json: Json = False,
) -> None:
    """Turn each line into what the model was trained to give for it."""
    options: dict[str, Any] = locals()
    from elman.runtime import load

    predictor = load(run)
    if predictor.task == "lm":
        hint = f'elman generate {run} --prompt "..."'
        raise ConfigError("a language model continues text, and turns nothing into something else", hint=hint)
    refuse_options_of_others(predictor.task, OPTIONS, options)
    if predictor.task == "forecast":  # of a whole series, and not line by line
        forecast(predictor, options)
        return
    lines = Lines(data, encoding)
    job = JOBS[predictor.task](predictor, lines, options)
    predictions: list[dict[str, Any]] = []
    for answers in itertools.chain(map(job.answers, lines.chunks()), (finish() for finish in (job.finish,))):
        if as_json:
            predictions += [answer.as_json for answer in answers]
        else:
            _write(answers)
    if as_json:
        print_json({"task": predictor.task, "count": len(predictions), "predictions": predictions})
    raise typer.Exit(lines.close())


def _write(answers: Iterable[Answer]) -> None:
    shown = printable if sys.stdout.isatty() else str
    for answer in answers:
        for line in answer.lines:
            sys.stdout.write(shown(line) + "\n")
    sys.stdout.flush()


__all__ = ["predict"]
