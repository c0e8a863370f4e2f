"""Compare the kernels in WebAssembly with the native instruction set `plain`: training passes and single steps.

    python benchmarks/web_kernels.py --engine chromium --sizes 32,128,512

Needs `make web-tests`. A training pass packs the weights of one layer and runs it forward and backward over 32 rows of
35 steps, with 64 inputs; a step is one row. One thread. Rounds of both sides alternate; the results are medians. The
last column is the speed as a share of the native one. --relaxed measures the module in which multiplications and
additions may be fused ("relaxed SIMD", only in Chromium).
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from elman import kernels
from elman.bench.arguments import at_least, some_of
from elman.cells.activations import Array

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.web.exchange import Engine, chromium, node

ENGINES: dict[str, Callable[[], AbstractContextManager[Engine]]] = {"node": node, "chromium": chromium}
GATES = {"elman": 1, "gru": 3, "lstm": 4}
ROWS, STEPS, INPUTS = 32, 35, 64


def main() -> None:
    """Print a table of speeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=ENGINES, default="node")
    parser.add_argument("--cells", type=some_of(GATES), default=list(GATES), help="names with commas between them")
    parser.add_argument("--sizes", default="32,64,128,256,512", help="hidden units, with commas between them")
    parser.add_argument("--rounds", type=at_least(1), default=5)
    parser.add_argument("--seconds", type=float, default=0.3, help="of a round of each side")
    parser.add_argument("--relaxed", action="store_true", help="the module with relaxed SIMD")
    arguments = parser.parse_args()
    sizes = [at_least(1)(size) for size in arguments.sizes.split(",")]
    kernels.use_instruction_set("plain")
    module = "kernels-float32-relaxed.wasm" if arguments.relaxed else "kernels-float32.wasm"
    print(f"{arguments.engine}, {module}; load {os.getloadavg()[0]:.1f}; microseconds: medians of {arguments.rounds}")
    print(f"{'':16}{'native':>12}{arguments.engine:>12}{'share':>8}")
    with ENGINES[arguments.engine]() as engine:
        for cell in arguments.cells:
            for size in sizes:
                layer = _Layer(cell, size)
                for kind in ("training", "step"):
                    native, web = _compare(layer, kind, engine, module, arguments.rounds, arguments.seconds)
                    name = f"{cell} {size}"
                    print(f"{name:10}{kind:>9}{native * 1e6:>11.1f}{web * 1e6:>12.1f}{native / web:>8.2f}", flush=True)


def _compare(layer: _Layer, kind: str, engine: Engine, module: str, rounds: int, seconds: float) -> tuple[float, float]:
    """Return the median seconds of a native pass and of one in the JavaScript engine."""
    run = layer.training() if kind == "training" else layer.step()
    request = layer.request(kind, module, seconds)
    run()
    engine.answer(request | {"seconds": min(seconds, 0.3)})  # the engine compiles what runs often once more
    native, web = [], []
    for _ in range(rounds):
        native.append(_time(run, seconds))
        web.append(engine.answer(request)["seconds"])
    return statistics.median(native), statistics.median(web)


def _time(run: Callable[[], Any], seconds: float) -> float:
    """Return the seconds of one call."""
    start, calls = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - start) < seconds:
        run()
        calls += 1
    return elapsed / calls


class _Layer:
    """A layer of random weights, and arrays for its passes."""

    def __init__(self, cell: str, size: int) -> None:
        self.cell, self.size = cell, size
        rng = np.random.default_rng(0)
        self.num_states = 2 if cell == "lstm" else 1

        def normal(*shape: int) -> Array:
            array: Array = rng.normal(size=shape, scale=0.1).astype(np.float32)
            return array

        G = GATES[cell] * size
        self.parameters = (normal(G, INPUTS), normal(G, size), normal(G), normal(G))
        self.x, self.d_outputs = normal(STEPS, ROWS, INPUTS), normal(STEPS, ROWS, size)

    def _pack(self) -> Any:
        return kernels.pack(
            np.dtype(np.float32), self.cell, "tanh", 1, [self.parameters], table=False, threads=1, unpacked=False
        )

    def _state(self, rows: int) -> tuple[Array, ...]:
        return tuple(np.zeros((rows, self.size), np.float32) for _ in range(self.num_states))

    def training(self) -> Callable[[], Any]:
        """Return a native training pass."""
        outputs, d_x = np.empty_like(self.d_outputs), np.empty_like(self.x)
        initial, final, d_initial = ([self._state(ROWS)] for _ in range(3))
        gradients = [tuple(np.empty_like(p) for p in self.parameters)]

        def run() -> None:
            tape = self._pack().run(self.x, outputs, initial, final, None, None, True, True, 1)
            tape.backward([self.parameters], self.d_outputs, None, d_x, d_initial, gradients, False, 1)

        return run

    def step(self) -> Callable[[], Any]:
        """Return a native step of one row."""
        weights, x = self._pack(), np.ascontiguousarray(self.x[0, :1])
        outputs, state = np.empty((1, self.size), np.float32), [self._state(1)]
        return lambda: weights.step(x, outputs, state, state)

    def request(self, kind: str, module: str, seconds: float) -> dict[str, Any]:
        """Return the request that times the same."""
        arrays = {str(i): p for i, p in enumerate(self.parameters)}
        arrays |= {"x": self.x, "d_outputs": self.d_outputs} if kind == "training" else {"x": self.x[0, :1]}
        return {
            "kind": f"{kind}Time",
            "module": module,
            "precision": "float32",
            "shape": {"cell": self.cell, "inputSize": INPUTS, "hiddenSizes": [[self.size]]},
            "seconds": seconds,
            "arrays": arrays,
        }


if __name__ == "__main__":
    main()
