"""elman.nn beside torch.nn at every corner: batches of 1 to 512, 1 to 1000 steps, odd and even sizes. Who is behind?

    python benchmarks/grid.py --threads 2
    python benchmarks/grid.py --hidden 1024 --most 1e12

One layer, in training (forward and backward, inputs that need gradients) and in evaluation; turns alternate, and the
ratio of the medians counts. Points of more than --most operations a pass are left out, and said.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import time
from collections.abc import Callable, Sequence

import torch

import elman.nn

CELLS = {"RNN": 1, "GRU": 3, "LSTM": 4}  # and their gates
FEWEST = 5


def medians(runs: Sequence[Callable[[], object]], seconds: float) -> list[float]:
    """Return the median seconds of a call of each, in turns."""
    times: list[list[float]] = [[] for _ in runs]
    for run in runs:
        run()
        run()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[0]) < FEWEST:
        for run, found in zip(runs, times, strict=True):
            began = time.perf_counter()
            run()
            found.append(time.perf_counter() - began)
    return [statistics.median(each) for each in times]


def trains(layer: torch.nn.Module, x: torch.Tensor, d_y: torch.Tensor) -> Callable[[], object]:
    """Return a forward and backward pass with every gradient."""
    wanted = (x, *layer.parameters())
    return lambda: torch.autograd.grad(layer(x)[0], wanted, d_y)


def evaluates(layer: torch.nn.Module, x: torch.Tensor) -> Callable[[], object]:
    """Return a forward pass without gradients."""

    def run() -> object:
        with torch.no_grad():
            return layer(x)

    return run


def integers(text: str) -> list[int]:
    """Read "1,8"."""
    return [int(part) for part in text.split(",")]


def main() -> None:
    """Print a line a point, and the smallest ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", default="RNN,GRU,LSTM")
    parser.add_argument("--batch-size", type=integers, default=[1, 8, 128, 512])
    parser.add_argument("--length", type=integers, default=[1, 200, 1000])
    parser.add_argument("--hidden", type=integers, default=[1, 32, 37, 100, 1024])
    parser.add_argument("--inputs", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.3, help="for each point, at least")
    parser.add_argument("--most", type=float, default=3e11, help="operations of a forward and backward pass")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print(f"{given.threads} thread(s), load average {os.getloadavg()[0]:.2f}")
    found: list[tuple[float, str]] = []
    left_out = 0
    for T, B, H, cell in itertools.product(given.length, given.batch_size, given.hidden, given.cells.split(",")):
        if 6.0 * CELLS[cell] * H * (H + given.inputs) * B * T > given.most:
            left_out += 1
            continue
        ours, theirs = getattr(elman.nn, cell)(given.inputs, H), getattr(torch.nn, cell)(given.inputs, H)
        theirs.load_state_dict(ours.state_dict())
        x, d_y = torch.randn(T, B, given.inputs, requires_grad=True), torch.randn(T, B, H)
        runs = [trains(ours, x, d_y), trains(theirs, x, d_y), evaluates(ours, x), evaluates(theirs, x)]
        ours_trained, theirs_trained, ours_evaluated, theirs_evaluated = medians(runs, given.seconds)
        ratios = {"training": theirs_trained / ours_trained, "evaluation": theirs_evaluated / ours_evaluated}
        where = f"{cell:4} H {H:4}  B {B:3}  T {T:4}"
        found += [(ratio, f"{where}  {kind}") for kind, ratio in ratios.items()]
        behind = "  <" if min(ratios.values()) < 1 else ""
        print(
            f"{where}  training {1e6 * ours_trained:11.0f} us {ratios['training']:7.2f}x   "
            f"evaluation {1e6 * ours_evaluated:11.0f} us {ratios['evaluation']:7.2f}x{behind}",
            flush=True,
        )
    mean = statistics.geometric_mean(ratio for ratio, _ in found)
    print(f"geometric mean {mean:.2f} of {len(found)}; {left_out} points left out; load {os.getloadavg()[0]:.2f}")
    for ratio, what in sorted(found)[:12]:
        print(f"{ratio:7.2f}x  {what}")


if __name__ == "__main__":
    main()
