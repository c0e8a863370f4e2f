"""Import weights of PyTorch, ONNX and Keras, and print how far they are from their library at each of 12 shapes.

    python benchmarks/imported_weights.py
    python benchmarks/imported_weights.py --hidden 128 --sources PyTorch,ONNX

A row is one file: random weights of torch.nn and of ONNX nodes, in one direction and in both, and the files that Keras
has made for the tests. The differences are relative to the largest output of a batch, or to 1. A file that is refused
is an error, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from elman.bench.arguments import at_least, some_of
from elman.errors import ElmanError
from elman.export.weights import import_file
from elman.export.weights.parity import PAIRS

KERAS_FILES = Path(__file__).parent.parent / "tests" / "export" / "weights" / "keras_files" / "files.zip"
SOURCES = ["PyTorch", "ONNX", "Keras"]
NODES: dict[str, tuple[str, int, dict[str, Any]]] = {  # operator, gates, attributes
    "RNN": ("RNN", 1, {}),
    "RNN, Relu": ("RNN", 1, {"activations": ["Relu"]}),
    "GRU, linear_before_reset = 1": ("GRU", 3, {"linear_before_reset": 1}),
    "GRU, linear_before_reset = 0": ("GRU", 3, {"linear_before_reset": 0}),
    "LSTM": ("LSTM", 4, {}),
}
LAYERS: dict[str, Any] = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}
INPUTS, TOKENS = 16, 50


class File(NamedTuple):
    """A file to import, and what it is."""

    source: str
    name: str
    path: Path


def torch_files(folder: Path, hidden: int) -> Iterator[File]:
    """Write state dicts: embedding, two layers in one direction or both, readout."""
    for kind, layer in LAYERS.items():
        for directions in (1, 2):
            torch.manual_seed(0)
            rnn = layer(INPUTS, hidden, 2, bidirectional=directions == 2)
            modules = {
                "embedding": nn.Embedding(TOKENS, INPUTS),
                "rnn": rnn,
                "out": nn.Linear(directions * hidden, TOKENS),
            }
            path = folder / f"{kind}{directions}.pt"
            torch.save(nn.ModuleDict(modules).state_dict(), path)
            yield File("PyTorch", f"{kind}, 2 layers, directions: {directions}", path)


def onnx_files(folder: Path, hidden: int) -> Iterator[File]:
    """Write graphs of one node with random weights."""
    from onnx import TensorProto, helper, numpy_helper

    for number, (name, (operator, gates, attributes)) in enumerate(NODES.items()):
        for D in (1, 2):
            rng, rows = np.random.default_rng(0), gates * hidden
            shapes = {"W": (D, rows, INPUTS), "R": (D, rows, hidden), "B": (D, 2 * rows)}
            arrays = {key: (rng.normal(size=shape) / hidden**0.5).astype("f4") for key, shape in shapes.items()}
            options = {key: value * D if isinstance(value, list) else value for key, value in attributes.items()}
            options |= {"direction": "bidirectional"} if D == 2 else {}
            node = helper.make_node(operator, ["x", *arrays], ["y"], hidden_size=hidden, **options)
            graph = helper.make_graph(
                [node],
                "graph",
                [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["time", "batch", INPUTS])],
                [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
                [numpy_helper.from_array(array, key) for key, array in arrays.items()],
            )
            model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
            path = folder / f"{number}{D}.onnx"
            path.write_bytes(model.SerializeToString())
            yield File("ONNX", f"{name}, directions: {D}", path)


def keras_files(folder: Path, hidden: int) -> Iterator[File]:
    """Unpack the files of Keras, whose sizes are fixed."""
    with zipfile.ZipFile(KERAS_FILES) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith((".keras", ".h5")) and "without_bias.weights" not in name:
                yield File("Keras", name, Path(archive.extract(name, folder)))


FILES = {"PyTorch": torch_files, "ONNX": onnx_files, "Keras": keras_files}


def main(arguments: list[str] | None = None) -> int:
    """Print the table; return 1 if a file is refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=some_of(SOURCES), default=SOURCES, help="PyTorch, ONNX, Keras")
    parser.add_argument("--hidden", type=at_least(1), default=64, help="hidden units")
    options = parser.parse_args(arguments)
    failed = False
    print(f"| source | file | cell | {' | '.join(f'{B}x{T}' for B, T in PAIRS)} | largest |")
    print("|" + "---|" * (len(PAIRS) + 4))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for source in options.sources:
            for file in FILES[source](folder, options.hidden):
                try:
                    result = import_file(file.path, folder / "imported.safetensors")
                except ElmanError as error:
                    failed = True
                    print(f"| {source} | {file.name} | {error.message} |")
                    continue
                cells = [f"{comparison.difference:.0e}" for comparison in result.parity.comparisons]
                largest = f"{result.parity.largest_difference:.1e}"
                print(f"| {source} | {file.name} | {result.source.weights.cell} | {' | '.join([*cells, largest])} |")
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
