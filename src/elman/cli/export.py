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
        typer.Argument(metavar="FILE", help="The file to write. Its ending is the format: .onnx or .safetensors."),
    ],
    as_json: Json = False,
) -> None:
    """Write a model to a file for another program, after a comparison: ONNX, or weights for torch.nn."""
    from elman.export import export

    result = export(run, file)
    say(result.summary)
    if as_json:
        print_json(result.as_json())
        return
    for path in result.files:
        print(path)
