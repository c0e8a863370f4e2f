"""elman export: a trained model as a file for another program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import print_json, say
from .options import Json, Run


def export_command(
    run: Run,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="The file to write. Its ending is the format: .onnx, .c or .safetensors."),
    ],
    max_length: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="C: the most tokens of a model that reads whole sequences.  [default: 128]"
        ),
    ] = None,
    max_bytes: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="C: the largest size of the weights.  [default: 32 MiB]")
    ] = None,
    self_test: Annotated[
        bool, typer.Option("--self-test", help="C: write a program, too, that compares the C file with the model.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a model to a file for another program: ONNX, C for microcontrollers, or weights for torch.nn."""
    from elman.export import export

    result = export(run, file, max_length=max_length, max_bytes=max_bytes, self_test=self_test)
    say(result.summary)
    for note in result.details.get("notes", ()):
        say(note)
    if as_json:
        print_json(result.as_json())
        return
    for path in result.files:
        print(path)
