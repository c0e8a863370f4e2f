"""Measure what int8 and bfloat16 weights change: size, quality on the validation set, and speed, all in one process.

    python benchmarks/quantized.py RUN [RUN ...] --threads 1 --seconds 4
    python benchmarks/quantized.py --layers 256,512,1024 --threads 1

RUN is a run folder: of a language model, a classifier, a tagger or an encoder-decoder. Its model and the quantized ones
take turns. `one` is a single prediction: a step of a language model, or one text, sentence or source; `many` are up to
256 of them in one call, of a language model 32 streams of 64 tokens. With --layers, single steps of one LSTM layer with
random weights are measured by the kernels alone: batch 1, 64 inputs.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from elman import kernels
from elman.bench.arguments import at_least
from elman.bench.timing import median_seconds
from elman.cells import LSTM, LayerParameters
from elman.cells.quantized import QuantizedLayer, quantize_matrix
from elman.checkpoint.serialization import tensor_bytes
from elman.tasks.loading import load, validation_corpus
from elman.tasks.spec import Scored, task_spec

MANY, STREAMS, STREAM_TOKENS = 256, 32, 64
INPUTS = 64  # of a layer
QUALITY = ("perplexity", "accuracy", "sequence_error_rate", "token_error_rate", "loss")

Call = Callable[[], object]


def main() -> None:
    """Print a table for each run, and one of layers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="*", metavar="RUN")
    parser.add_argument("--layers", default="", help="hidden sizes, with commas between them")
    parser.add_argument("--threads", type=at_least(1), default=1)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each comparison")
    arguments = parser.parse_args()
    kernels.set_num_threads(arguments.threads)
    names = ", ".join(kernels.quantized_instruction_sets()[:1]) or "NumPy"
    print(f"{arguments.threads} threads, int8 by {names}, load average {os.getloadavg()[0]:.1f}", flush=True)
    for run in arguments.runs:
        compare_models(run, arguments.seconds)
    if arguments.layers:
        compare_layers([int(size) for size in arguments.layers.split(",")], arguments.seconds)


def compare_models(run: Path, seconds: float) -> None:
    """Print size, quality and speed of the three types of weights."""
    model = load(run)
    spec = task_spec(model.task)
    corpus = validation_corpus(run, spec)
    models = {"float32": model, **{weights: model.quantized(weights) for weights in ("int8", "bfloat16")}}
    options = spec.evaluation.options()
    metrics = {
        name: spec.evaluation.score_validation_set(Scored(one, run, lambda message: None), corpus, options)
        for name, one in models.items()
    }
    calls = {name: prediction_calls(one, corpus) for name, one in models.items()}
    times = [median_seconds({name: calls[name][kind] for name in models}, seconds) for kind in (0, 1)]
    quality = [name for name in QUALITY if name in metrics["float32"]]
    print(f"{run}: {model.task}, {model.num_parameters:,} weights")
    for name, one in models.items():
        size, full_size = (len(tensor_bytes(m.tensors)) for m in (one, model))
        scores = ", ".join(
            f"{metric.replace('_', ' ')} {metrics[name][metric]:.4f}"
            f" ({metrics[name][metric] / metrics['float32'][metric] - 1.0:+.2%})"
            for metric in quality
        )
        speed = ", ".join(
            f"{kind} {taken[name] * 1e6:,.1f} us ({taken['float32'] / taken[name]:.2f}x)"
            for kind, taken in zip(("one", "many"), times, strict=True)
        )
        print(f"  {name:9}{size / 1e6:6.2f} MB ({size / full_size:.3f}); {scores}; {speed}", flush=True)


def prediction_calls(model: Any, corpus: Any) -> tuple[Call, Call]:
    """Return a single prediction, and many of them in one call."""
    if model.task == "lm":
        return language_model_calls(model, corpus)
    inputs = [next(iter(vars_of(example).values())) for example in list(corpus.valid())[:MANY]]
    one = inputs[len(inputs) // 2 : len(inputs) // 2 + 1]
    return lambda: model.predict(one), lambda: model.predict(inputs)


def language_model_calls(model: Any, corpus: Any) -> tuple[Call, Call]:
    """Return a step of one token, and the steps of many streams."""
    ids = corpus.ids("valid").rows([0], 1)[0]
    state = model.initial_state(1)

    def step() -> None:
        nonlocal state
        _, state = model.step(ids, state)

    streams = np.random.default_rng(0).integers(len(model.vocabulary), size=(STREAMS, STREAM_TOKENS))
    return step, lambda: model.run(streams, model.initial_state(STREAMS))


def vars_of(example: Any) -> Mapping[str, Any]:
    """Return the fields of an example by name, the input first."""
    return {name: getattr(example, name) for name in type(example).__dataclass_fields__}


def compare_layers(sizes: list[int], seconds: float) -> None:
    """Print the time of one step of an LSTM layer with each of the sizes."""
    rng = np.random.default_rng(0)
    for H in sizes:
        W, U, (b_ih, b_hh) = (
            (rng.normal(size=shape) / H**0.5).astype(np.float32) for shape in ((4 * H, INPUTS), (4 * H, H), (2, 4 * H))
        )
        full = kernels.Stack(LSTM(), [[LayerParameters(W, U, b_ih, b_hh)]])
        layer = QuantizedLayer(quantize_matrix(W), quantize_matrix(U), b_ih, b_hh)
        small = kernels.QuantizedStack(LSTM(), [[layer]])
        x, state = rng.normal(size=(1, 1, INPUTS)).astype(np.float32), full.zero_state(1)
        calls: dict[str, Call] = {
            "float32": lambda full=full, x=x, state=state: full.step(x[:, 0], state),  # type: ignore[misc]
            "int8": lambda small=small, x=x, state=state: small.run(x, state),  # type: ignore[misc]
        }
        taken = median_seconds(calls, seconds)
        megabytes = (W.size + U.size) * 4 / 1e6
        print(
            f"lstm {H} ({megabytes:.1f} MB in float32): float32 {taken['float32'] * 1e6:.1f} us, "
            f"int8 {taken['int8'] * 1e6:.1f} us ({taken['float32'] / taken['int8']:.2f}x)",
            flush=True,
        )


if __name__ == "__main__":
    main()
