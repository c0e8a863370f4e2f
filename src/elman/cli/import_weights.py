"""elman import: weights of PyTorch, Keras and ONNX files, compared with the library that they come from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elman.errors import ConfigError

from .console import print_json, say
from .options import Json

if TYPE_CHECKING:
    from elman.export.weights import ImportResult

TASKS = ("lm", "classify", "tag")


def import_command(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Weights: .safetensors, .pt, .pth, .onnx, .keras or .h5.")
    ],
    out: Annotated[
        Path,
        typer.Option("-o", "--out", metavar="OUT", help="Weights file (NAME.safetensors) or model folder to write."),
    ],
    cell: Annotated[str | None, typer.Option(metavar="CELL", help="Expected cell; the file decides.")] = None,
    activation: Annotated[
        str | None, typer.Option(metavar="NAME", help="Activation of torch.nn.RNN: tanh or relu.  [default: tanh]")
    ] = None,
    names: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="OURS=THEIRS", help="Name in the file of a tensor; repeatable."),
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(metavar="NAME,...", help="Recurrent modules of a state dict to stack, in order.  [default: all]"),
    ] = None,
    examples: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Compare with inputs and outputs of the original, .npz or .safetensors."),
    ] = None,
    task: Annotated[str, typer.Option(metavar="TASK", help="Task of the model folder: lm, classify or tag.")] = "lm",
    vocabulary: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="Tokens of the model folder, in the order of the embedding."),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Labels or tags, in the order of the readout.")
    ] = None,
    level: Annotated[
        str | None, typer.Option(metavar="LEVEL", help="Tokens of a text: char or word.  [default: by the vocabulary]")
    ] = None,
    normalize: Annotated[
        str, typer.Option(metavar="KIND", help="Normalization of a text: none, nfc or lower.")
    ] = "none",
    unknown: Annotated[
        str | None, typer.Option(metavar="TOKEN", help="Token for unknown ones; <unk>, [UNK] and the like are found.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Import weights of PyTorch, Keras or ONNX, and compare them with the original at 12 shapes."""
    from elman.cells import require_cell
    from elman.export.weights import ImportOptions, import_file

    if task not in TASKS:
        raise ConfigError(f"--task {task!r}; expected one of {', '.join(TASKS)}")
    if activation not in (None, "tanh", "relu"):
        raise ConfigError(f"--activation {activation!r}; expected tanh or relu")
    try:
        expected = None if cell is None else require_cell(cell)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    options = ImportOptions(
        cell=expected,
        activation=activation,
        renamed=_parse_names(names or ()),
        layers=tuple(layers.split(",")) if layers else (),
        examples=examples,
        task=task,  # type: ignore[arg-type]
        vocabulary=vocabulary,
        labels=labels,
        level=level,
        normalize=normalize,
        unknown=unknown,
    )
    result = import_file(file, out, options)
    if as_json:
        print_json(result.as_json())
        return
    _describe(result)


def _parse_names(names: list[str] | tuple[()]) -> dict[str, str]:
    """Return {name of elman: name in the file} from OURS=THEIRS."""
    renamed = {}
    for name in names:
        ours, equals, theirs = name.partition("=")
        if not (ours and equals and theirs):
            hint = "For example: --map embedding.weight=encoder.weight"
            raise ConfigError(f"--map {name!r}; expected OURS=THEIRS", hint=hint)
        renamed[ours] = theirs
    return renamed


def _describe(result: ImportResult) -> None:
    """Print what was mapped to what, and the comparison."""
    for mapped in result.source.mapping:
        print(f"{mapped.ours}\t{mapped.theirs}" + f"\t{mapped.change}" * bool(mapped.change))
    for comparison in result.parity.comparisons:
        shape = f"{comparison.batch_size} x {comparison.length}"
        print(f"{shape}\t{comparison.difference:.2e}")
    parity = result.parity
    say(f"compared with {parity.reference}: the largest difference is {parity.largest_difference:.2e}")
    if result.examples is not None:
        say(f"equal to the {result.examples:,} outputs of the examples")
    for note in result.notes:
        say(note)
    if result.source.ignored:
        say(f"not imported: {', '.join(result.source.ignored)}")
    say(f"written: {result.out}")
