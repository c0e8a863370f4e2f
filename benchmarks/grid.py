"""elman.nn beside torch.nn at every corner: batches of 1 to 512, 1 to 1000 steps, odd and even sizes. Who is behind?

    python benchmarks/grid.py --threads 2
    python benchmarks/grid.py --hidden 1024 --most 1e12
    python benchmarks/grid.py --cells LSTM --hidden 1024 --length 1000 --batch-size 512 --most 1e15 --modes evaluation

One layer, in training (forward and backward, inputs that need gradients) and in evaluation; turns alternate, and the
ratio of the medians counts. Points of more than --most operations a pass are left out, and said. Of the largest, what
torch.nn keeps for its backward pass is 30 GB: where that is too much, --modes evaluation.
"""

from __future__ import annotations

import argparse
import itertools
import os
from collections.abc import Callable

import torch

import elman.nn
from elman.bench.timing import geometric_mean, interleaved
from elman.bench.weights import num_gates


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
    parser.add_argument("--modes", default="training,evaluation")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.3, help="for each point, at least")
    parser.add_argument("--most", type=float, default=3e11, help="operations of a forward and backward pass")
    given = parser.parse_args()
    modes = given.modes.split(",")
    torch.set_num_threads(given.threads)
    print(f"{given.threads} thread(s), load average {os.getloadavg()[0]:.2f}")
    found: list[tuple[float, str]] = []
    left_out = 0
    for T, B, H, cell in itertools.product(given.length, given.batch_size, given.hidden, given.cells.split(",")):
        if 6.0 * num_gates(cell.lower()) * H * (H + given.inputs) * B * T > given.most:
            left_out += 1
            continue
        ours, theirs = getattr(elman.nn, cell)(given.inputs, H), getattr(torch.nn, cell)(given.inputs, H)
        theirs.load_state_dict(ours.state_dict())
        x, d_y = torch.randn(T, B, given.inputs, requires_grad=True), torch.randn(T, B, H)
        runs = {
            "training": trains(ours, x, d_y),
            "training, torch": trains(theirs, x, d_y),
            "evaluation": evaluates(ours, x),
            "evaluation, torch": evaluates(theirs, x),
        }
        medians = interleaved({name: run for name, run in runs.items() if name.split(",")[0] in modes}, given.seconds)
        ratios = {mode: medians[f"{mode}, torch"] / medians[mode] for mode in modes}
        where = f"{cell:4} H {H:4}  B {B:3}  T {T:4}"
        found += [(ratio, f"{where}  {mode}") for mode, ratio in ratios.items()]
        behind = "  <" if min(ratios.values()) < 1 else ""
        told = "   ".join(f"{mode} {1e6 * medians[mode]:11.0f} us {ratios[mode]:7.2f}x" for mode in modes)
        print(f"{where}  {told}{behind}", flush=True)
    mean = geometric_mean(ratio for ratio, _ in found)
    print(f"geometric mean {mean:.2f} of {len(found)}; {left_out} points left out; load {os.getloadavg()[0]:.2f}")
    for ratio, what in sorted(found)[:12]:
        print(f"{ratio:7.2f}x  {what}")


if __name__ == "__main__":
    main()
