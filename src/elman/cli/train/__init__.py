"""elman train: one sub-command a task, one file each; and elman resume."""

from __future__ import annotations

import typer

from ..options import FLAGS
from .classifier import classify
from .forecaster import forecast
from .language_model import lm
from .running import resume
from .seq2seq import seq2seq
from .tagger import tag

app = typer.Typer(help="Train a model on your own file.", no_args_is_help=True, rich_markup_mode=None)
app.command("lm")(lm)
app.command("seq2seq")(seq2seq)
app.command("classify")(classify)
app.command("tag")(tag)
app.command("forecast")(forecast)

__all__ = ["FLAGS", "app", "classify", "forecast", "lm", "resume", "seq2seq", "tag"]
