"""elman train: one sub-command a task, one file each; and elman resume."""

from __future__ import annotations

import typer

from elman.tasks.classifier.train_command import classify
from elman.tasks.forecaster.train_command import forecast
from elman.tasks.language_model.train_command import lm
from elman.tasks.seq2seq.train_command import seq2seq
from elman.tasks.tagger.train_command import tag

from ..options import FLAGS
from .running import resume

app = typer.Typer(help="Train a model on your own file.", no_args_is_help=True, rich_markup_mode=None)
app.command("lm")(lm)
app.command("seq2seq")(seq2seq)
app.command("classify")(classify)
app.command("tag")(tag)
app.command("forecast")(forecast)

__all__ = ["FLAGS", "app", "classify", "forecast", "lm", "resume", "seq2seq", "tag"]
