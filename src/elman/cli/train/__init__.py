"""elman train: one sub-command a task, one file each; and elman resume."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand

from ..options import FLAGS
from .classifier import classify
from .forecaster import forecast
from .language_model import lm
from .running import resume
from .seq2seq import seq2seq
from .tagger import tag


class TrainCommand(TyperCommand):
    """A sub-command whose help lists the cells: they are imported, and NumPy with them, only when help is printed."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        from elman.cells import CELLS

        for parameter in self.params:
            if parameter.name == "cell":
                option: Any = parameter
                option.help = option.help.replace("{cells}", ", ".join(CELLS))
        super().format_options(ctx, formatter)


app = typer.Typer(help="Train a model on your own file.", no_args_is_help=True, rich_markup_mode=None)
app.command("lm", cls=TrainCommand)(lm)
app.command("seq2seq", cls=TrainCommand)(seq2seq)
app.command("classify", cls=TrainCommand)(classify)
app.command("tag", cls=TrainCommand)(tag)
app.command("forecast", cls=TrainCommand)(forecast)

__all__ = ["FLAGS", "app", "classify", "forecast", "lm", "resume", "seq2seq", "tag"]
