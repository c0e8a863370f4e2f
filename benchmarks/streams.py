"""Compare elman.Streams with onnxruntime and torch.nn: many streams of one language model, one token of each at a time.

    python benchmarks/streams.py RUN --streams 1 100 1000 --text book.txt

RUN is a language model of elman, GRU or LSTM layers. In a round, each stream reads a token and gets the logits of the
next one. The implementations take turns, round by round, on one thread each:

    push        elman.Streams, a push for each stream and one advance          step        elman.Streams.step
    onnxruntime a call of the exported graph for each stream                   torch       a call of torch.nn for each
    onnxruntime in step, torch in step: one call for all streams, which all have a token in every round

With --text, the text is read in chunks of 1, 7 and 64 tokens, too, and compared with one pass. Before they are timed,
the logits of all implementations are compared.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman import kernels
from elman.bench.arguments import at_least
from elman.bench.threads import use_threads
from elman.models.streams import Streams
from elman.tasks.loading import load

Array = npt.NDArray[Any]
Round = Callable[[Array], Array]  # token ids (N,) -> logits (N, V)
CHUNKS = (1, 7, 64)
PAUSE_SECONDS = 0.02
MIN_ROUNDS = 20
TOLERANCE = 1e-4  # of logits, relative to the largest


def by_push(model: Any, count: int) -> Round:
    """Return rounds by a push for each stream and one advance."""
    streams = Streams(model)
    numbers = [streams.open() for _ in range(count)]

    def run(ids: Array) -> Array:
        for number, token in zip(numbers, ids.tolist(), strict=True):
            streams.push(number, [token])
        outputs = streams.advance()
        return np.concatenate([outputs[number] for number in numbers])

    return run


def by_step(model: Any, count: int) -> Round:
    """Return rounds by one step of all streams."""
    streams = Streams(model)
    numbers = [streams.open() for _ in range(count)]
    return lambda ids: streams.step(numbers, ids)


def by_onnxruntime(model: Any, count: int, batch: int) -> Round:
    """Return rounds by calls of the exported graph with `batch` streams each."""
    import onnxruntime

    from elman.export import export

    with tempfile.TemporaryDirectory() as folder:
        export(model, Path(folder) / "model.onnx")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        path = str(Path(folder) / "model.onnx")
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    states = [model.initial_state(batch) for _ in range(count // batch)]
    lengths = np.ones(batch, np.int64)

    def run(ids: Array) -> Array:
        logits = []
        for number, state in enumerate(states):
            tokens = ids[number * batch : (number + 1) * batch, None]
            outputs = dict(zip(names, session.run(None, {"tokens": tokens, "lengths": lengths, **state}), strict=True))
            states[number] = {name: outputs[f"next.{name}"] for name in state}
            logits.append(outputs["logits"][:, 0])
        return np.concatenate(logits)

    return run


def by_torch(model: Any, count: int, batch: int) -> Round:
    """Return rounds by calls of torch.nn's layers with `batch` streams each."""
    import torch

    kinds = {"elman": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}
    weights = {name: torch.from_numpy(tensor) for name, tensor in model.tensors.items()}
    V = weights["embedding.weight" if model.config.tie_weights else "readout.weight"]
    layers, size = [], model.config.embedding_size
    for number, hidden in enumerate(model.config.hidden_sizes):
        options = {"nonlinearity": model.config.activation} if model.config.cell == "elman" else {}
        layer = kinds[model.config.cell](size, hidden, **options)
        layer.load_state_dict({name: weights[f"layers.{number}.{name}"] for name in layer.state_dict()})
        layers.append(layer)
        size = hidden
    states: list[list[Any]] = [[None] * len(layers) for _ in range(count // batch)]

    def run(ids: Array) -> Array:
        logits = []
        with torch.inference_mode():
            for number, state in enumerate(states):
                tokens = torch.from_numpy(ids[number * batch : (number + 1) * batch])
                x = torch.nn.functional.embedding(tokens, weights["embedding.weight"])[None]
                for i, layer in enumerate(layers):
                    x, state[i] = layer(x, state[i])
                logits.append(torch.nn.functional.linear(x[0], V, weights["readout.bias"]))
            return torch.cat(logits).numpy()

    return run


def implementations(model: Any, count: int, peers: list[str]) -> Iterator[tuple[str, Round]]:
    """Yield the implementations by name, elman's first."""
    yield "push", by_push(model, count)
    yield "step", by_step(model, count)
    for name, make in (("onnxruntime", by_onnxruntime), ("torch", by_torch)):
        if name in peers:
            yield name, make(model, count, 1)
            if count > 1:
                yield f"{name} in step", make(model, count, count)


def compare(rounds: Mapping[str, Round], ids: list[Array]) -> None:
    """Raise SystemExit if the logits of two rounds differ."""
    for tokens in ids[:2]:
        logits = {name: run(tokens) for name, run in rounds.items()}
        expected = logits["push"]
        for name, actual in logits.items():
            difference = float(np.abs(actual - expected).max() / np.abs(expected).max())
            if difference > TOLERANCE:
                raise SystemExit(f"logits of {name} differ by {difference:.1e}; expected at most {TOLERANCE:.0e}")


def measure(rounds: Mapping[str, Round], ids: list[Array], seconds: float) -> dict[str, list[float]]:
    """Return the durations of rounds, which the implementations run in turns."""
    durations: dict[str, list[float]] = {name: [] for name in rounds}
    end, number = time.perf_counter() + seconds, 0
    while time.perf_counter() < end or number < MIN_ROUNDS:
        for name, run in rounds.items():
            time.sleep(min(PAUSE_SECONDS, seconds / MIN_ROUNDS / len(rounds)))
            run(ids[number % len(ids)])  # which refills the caches
            start = time.perf_counter()
            run(ids[(number + 1) % len(ids)])
            durations[name].append(time.perf_counter() - start)
        number += 1
    return durations


def report(durations: Mapping[str, list[float]], count: int) -> None:
    """Print the rates and latencies, and how many times faster elman is."""
    best = statistics.median(durations["step"])
    print(f"\n{count:,} streams (load average {os.getloadavg()[0]:.1f}, {len(durations['push'])} rounds each)")
    print("| implementation | tokens/s | p50 of a round | p99 | time / step |\n|---|---|---|---|---|")
    for name, values in durations.items():
        p50, p99 = np.percentile(values, (50, 99)) * 1e3
        median = statistics.median(values)
        print(f"| {name} | {count / median:,.0f} | {p50:.3f} ms | {p99:.3f} ms | {median / best:.2f} |", flush=True)


def compare_chunks(model: Any, text: str) -> None:
    """Print how much the outputs of chunks differ from those of one pass."""
    ids = model.codec.encode(text)
    whole, last = model.run([ids], model.initial_state(1))
    print(f"\n{len(ids):,} tokens in one pass; largest logit {np.abs(whole).max():.1f}")
    for size in CHUNKS:
        state, difference = model.initial_state(1), 0.0
        for begin in range(0, len(ids), size):
            logits, state = model.run([ids[begin : begin + size]], state)
            difference = max(difference, float(np.abs(logits[0] - whole[0, begin : begin + size]).max()))
        of_state = max(float(np.abs(state[name] - last[name]).max()) for name in state)
        relative = difference / float(np.abs(whole).max())
        print(f"chunks of {size}: logits differ by {relative:.1e} of the largest one, the last state by {of_state:.1e}")


def main() -> None:
    """Print a table for each number of streams."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--streams", type=at_least(1), nargs="+", default=[1, 100, 1_000])
    parser.add_argument("--peers", nargs="*", choices=("onnxruntime", "torch"), default=["onnxruntime", "torch"])
    parser.add_argument("--seconds", type=float, default=10.0, help="for each number of streams")
    parser.add_argument("--text", type=Path, help="a text that is read in chunks, too")
    parser.add_argument("--characters", type=at_least(1), default=100_000, help="of the text that are read")
    arguments = parser.parse_args()
    kernels.set_num_threads(1)
    model = load(arguments.run)
    rng = np.random.default_rng(0)
    with use_threads(1):
        if arguments.text is not None:
            compare_chunks(model, arguments.text.read_text("utf-8")[: arguments.characters])
        for count in arguments.streams:
            rounds = dict(implementations(model, count, arguments.peers))
            ids = [rng.integers(len(model.vocabulary), size=count) for _ in range(32)]
            compare(rounds, ids)
            report(measure(rounds, ids, arguments.seconds), count)


if __name__ == "__main__":
    main()
