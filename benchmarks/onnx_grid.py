"""Compare exported ONNX graphs with our predictions over a grid of cells, layers, directions, lengths and batch sizes.

    python benchmarks/onnx_grid.py
    python benchmarks/onnx_grid.py --cells gru --hidden 128 --stream 100000

The grid has taggers with random weights. Each row of the first table is one exported graph, which runs at every length
and batch size, with rows of different lengths: all outputs are compared with the predictor's, the tags with its tags.
`ties` are tags that differ and are equally good to 1e-5. If a difference is above 1e-5, the exit code is 1.

The second table is about streams: language models of two layers read --stream tokens in chunks. One chunk after another
is read by onnxruntime and by Python in turn, and the state moves between them. The logits are compared with those of
one pass of the predictor.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from elman.bench.arguments import at_least, some_of
from elman.cells import CELLS, create
from elman.cells.cell import parameter_shapes, stored_name
from elman.checkpoint import Tensors
from elman.errors import ElmanError
from elman.export.onnx.exported import NEXT, TOLERANCE
from elman.export.onnx.language_model import export_language_model
from elman.export.onnx.tagger import export_tagger
from elman.export.onnx.verification import run_session, session_of, verify
from elman.tasks.language_model.config import LanguageModelConfig, LanguageModelTextConfig
from elman.tasks.language_model.predictor import LanguageModelPredictor
from elman.tasks.tagger.config import TaggerConfig, TaggerTextConfig
from elman.tasks.tagger.predictor import TaggerPredictor
from elman.text import UNKNOWN, Vocabulary

VARIANTS = {name: {"cell": name} for name in CELLS} | {"elman relu": {"cell": "elman", "activation": "relu"}}
LENGTHS, BATCH_SIZES = [1, 2, 3, 7, 16, 50, 128, 200], [1, 2, 3, 5, 8, 17]
CHUNKS = [1, 7, 64]
WORDS, LABELS, INPUTS = 50, 9, 16
VOCABULARY = Vocabulary((UNKNOWN, *(f"w{number}" for number in range(1, WORDS))))


def random_weights(shapes: dict[str, tuple[int, ...]], rng: np.random.Generator) -> Tensors:
    """Return normal weights; those of matrices have a deviation of one over the root of their columns."""
    return {
        name: (rng.standard_normal(shape) / (shape[-1] ** 0.5 if len(shape) > 1 else 1.0)).astype(np.float32)
        for name, shape in shapes.items()
    }


def layer_shapes(values: dict[str, Any], hidden: int, layers: int, directions: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights of a stack of layers."""
    cell = create(values["cell"], values.get("activation", "tanh"))
    shapes, inputs = {}, INPUTS
    for layer, direction in itertools.product(range(layers), range(directions)):
        size = inputs if layer == 0 else hidden * directions
        for name, shape in parameter_shapes(cell, size, hidden).items():
            shapes[f"layers.{layer}.{stored_name(name, reverse=direction == 1)}"] = shape
    return shapes


def random_tagger(values: dict[str, Any], hidden: int, layers: int, directions: int, seed: int) -> TaggerPredictor:
    """Return a tagger of words with random weights."""
    sizes = {"embedding_size": INPUTS, "hidden_size": hidden, "num_layers": layers}
    shapes = {
        "tokens.words.weight": (WORDS, INPUTS),
        **layer_shapes(values, hidden, layers, directions),
        "readout.weight": (LABELS, hidden * directions),
        "readout.bias": (LABELS,),
    }
    weights = random_weights(shapes, np.random.default_rng(seed))
    labels = [f"tag{number}" for number in range(LABELS)]
    config = TaggerConfig(**{**values, **sizes, "bidirectional": directions == 2})
    characters = Vocabulary((UNKNOWN,))
    return TaggerPredictor(config, TaggerTextConfig(), VOCABULARY, characters, labels, weights)


def random_language_model(values: dict[str, Any], hidden: int, seed: int) -> LanguageModelPredictor:
    """Return a language model of two layers with random weights."""
    config = LanguageModelConfig(**{**values, "embedding_size": INPUTS, "hidden_size": (hidden,), "num_layers": 2})
    shapes = {
        "embedding.weight": (WORDS, INPUTS),
        **layer_shapes(values, hidden, 2, 1),
        "readout.weight": (WORDS, hidden),
        "readout.bias": (WORDS,),
    }
    weights = random_weights(shapes, np.random.default_rng(seed))
    return LanguageModelPredictor(config, LanguageModelTextConfig(level="word"), VOCABULARY, weights)


def grid_rows(arguments: argparse.Namespace) -> Iterator[tuple[str, bool]]:
    """Yield a row of the table for each graph of the grid, and whether the graph is equal."""
    pairs = list(itertools.product(arguments.batch_size, arguments.length))
    for name, layers, directions in itertools.product(arguments.cells, arguments.layers, arguments.directions):
        model = random_tagger(VARIANTS[name], arguments.hidden, layers, directions, arguments.seed)
        export = export_tagger(model)
        row = f"| {name} | {layers} | {directions} |"
        try:
            result = verify(export, export.contents(), pairs, seed=arguments.seed)
        except ElmanError as error:
            yield f"{row} {error.message} |", False
            continue
        counts = f"{result.pairs} | {result.numbers:,} | {result.choices:,} | {result.ties}"
        yield f"{row} {counts} | {result.largest_difference:.1e} |", result.largest_difference <= TOLERANCE


def stream_rows(arguments: argparse.Namespace) -> Iterator[tuple[str, bool]]:
    """Yield a row of the table for each cell and length of chunks, and whether the logits are equal."""
    for name in arguments.cells:
        model = random_language_model(VARIANTS[name], arguments.hidden, arguments.seed)
        session = session_of(export_language_model(model).contents()[""])
        ids = np.random.default_rng(arguments.seed).integers(0, WORDS, arguments.stream)
        expected, _ = model.run([ids], model.initial_state(1))
        for chunk in arguments.chunk:
            difference = stream_difference(model, session, ids, chunk, expected[0])
            yield f"| {name} | {chunk} | {len(ids):,} | {difference:.1e} |", difference <= TOLERANCE


def stream_difference(model: LanguageModelPredictor, session: Any, ids: Any, chunk: int, expected: Any) -> float:
    """Return the largest difference of the logits of chunks, read by onnxruntime and Python in turn."""
    state, largest = model.initial_state(1), 0.0
    for number, begin in enumerate(range(0, len(ids), chunk)):
        part = ids[None, begin : begin + chunk]
        if number % 2:
            logits, state = model.run(part, state)
        else:
            inputs = {"tokens": part, "lengths": np.array([part.shape[1]]), **state}
            outputs = run_session(session, inputs)
            logits, state = outputs["logits"], {key: outputs[NEXT + key] for key in state}
        largest = max(largest, float(np.abs(logits[0] - expected[begin : begin + chunk]).max()))
    return largest


def main() -> int:
    """Print both tables; return 1 if a graph differs."""
    arguments = parse_arguments()
    tables = [
        ("cell | layers | directions | batches | numbers | tags | ties | largest difference", grid_rows(arguments)),
        ("cell, 2 layers | chunk | tokens | largest difference of logits", stream_rows(arguments)),
    ]
    is_equal = True
    for number, (heading, rows) in enumerate(tables):
        print(f"{chr(10) * bool(number)}| {heading} |\n|{' --- |' * len(heading.split('|'))}", flush=True)
        for row, row_is_equal in rows:
            print(row, flush=True)
            is_equal &= row_is_equal
    return int(not is_equal)


def integers(text: str) -> list[int]:
    """Return the integers of a comma-separated list."""
    return [int(part) for part in text.split(",")]


def parse_arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=some_of(list(VARIANTS)), default=list(VARIANTS))
    parser.add_argument("--layers", type=integers, default=[1, 2, 3])
    parser.add_argument("--directions", type=integers, default=[1, 2])
    parser.add_argument("--length", type=integers, default=LENGTHS)
    parser.add_argument("--batch-size", type=integers, default=BATCH_SIZES)
    parser.add_argument("--hidden", type=at_least(1), default=64)
    parser.add_argument("--stream", type=at_least(1), default=10_000, help="tokens of the streams")
    parser.add_argument("--chunk", type=integers, default=CHUNKS, help="tokens of a chunk")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
