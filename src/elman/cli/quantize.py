"""elman quantize: a smaller copy of a model. Needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from elman.translations import pad

from .console import print_json, say
from .options import Json, Run


def quantize_command(
    run: Run,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FOLDER", help="The model folder to write.")],
    weights: Annotated[
        Literal["int8", "bfloat16"],
        typer.Option(help="int8: a quarter of the size, and faster; bfloat16: half of the size."),
    ] = "int8",
    as_json: Json = False,
) -> None:
    """Write a smaller copy of a model, and measure it on the validation set of the run."""
    from elman.tasks.quantization import quantize

    result = quantize(run, out, weights, say)
    if as_json:
        print_json({"folder": str(out), **result.as_json()})
        return
    for name, before, after in [("", "float32", weights), *result.rows()]:
        print(f"{pad(name, 20)}{before:>16}   {after}")
    say(str(out))
