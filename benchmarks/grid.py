"""Compare elman.nn with torch.nn over a grid of sizes, and list the sizes where elman is slowest.

    python benchmarks/grid.py --threads 2
    python benchmarks/grid.py --hidden 1024 --most 1e12
    python benchmarks/grid.py --cells LSTM --hidden 1024 --length 1000 --batch-size 512 --most 1e15 --modes evaluation

The grid has batches of 1 to 512 sequences, 1 to 1000 steps, and odd and even hidden sizes. One layer is timed in
training (forward and backward pass, with gradients of the inputs) and in evaluation (forward pass). Rounds of the two
libraries alternate, and the result is the ratio of the medians. Sizes that need more than --most operations are
skipped and counted. At the largest size, torch.nn stores 30 GB for its backward pass; use --modes evaluation if this
is too much.
"""

from __future__ import annotations

import argparse
import itertools
import os
from collections.abc import Callable

import torch

import elman.nn
from elman.bench.arguments import at_least, some_of
from elman.bench.timing import geometric_mean, median_seconds
from elman.bench.weights import num_gates

CELLS, MODES = ["RNN", "GRU", "LSTM"], ["training", "evaluation"]
SLOWEST = 12  # number of ratios in the list at the end


def training_pass(layer: torch.nn.Module, x: torch.Tensor, d_y: torch.Tensor) -> Callable[[], object]:
    """Return a forward and backward pass with the gradients of the inputs and of all parameters."""
    inputs = (x, *layer.parameters())
    return lambda: torch.autograd.grad(layer(x)[0], inputs, d_y)


def evaluation_pass(layer: torch.nn.Module, x: torch.Tensor) -> Callable[[], object]:
    """Return a forward pass without gradients."""

    def run() -> object:
        with torch.no_grad():
            return layer(x)

    return run


def integers(text: str) -> list[int]:
    """Return the integers of a comma-separated list."""
    return [int(part) for part in text.split(",")]


def measure(cell: str, sizes: tuple[int, int, int, int], modes: list[str], seconds: float) -> dict[str, float]:
    """Return median seconds by mode, and by `MODE, torch`, for sizes T, B, I, H."""
    T, B, I, H = sizes  # noqa: E741
    layer, torch_layer = getattr(elman.nn, cell)(I, H), getattr(torch.nn, cell)(I, H)
    torch_layer.load_state_dict(layer.state_dict())
    x, d_y = torch.randn(T, B, I, requires_grad=True), torch.randn(T, B, H)
    runs = {
        "training": training_pass(layer, x, d_y),
        "training, torch": training_pass(torch_layer, x, d_y),
        "evaluation": evaluation_pass(layer, x),
        "evaluation, torch": evaluation_pass(torch_layer, x),
    }
    return median_seconds({name: run for name, run in runs.items() if name.split(",")[0] in modes}, seconds)


def main() -> None:
    """Print one line for each size, and the smallest ratios at the end."""
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    print(f"{arguments.threads} thread{'s' * (arguments.threads != 1)}, load average {os.getloadavg()[0]:.2f}")
    ratios: list[tuple[float, str]] = []
    num_skipped = 0
    modes = arguments.modes
    grid = itertools.product(arguments.length, arguments.batch_size, arguments.hidden, arguments.cells)
    for T, B, H, cell in grid:
        if 6.0 * num_gates(cell.lower()) * H * (H + arguments.inputs) * B * T > arguments.most:
            num_skipped += 1
            continue
        medians = measure(cell, (T, B, arguments.inputs, H), modes, arguments.seconds)
        mode_ratios = {mode: medians[f"{mode}, torch"] / medians[mode] for mode in modes}
        size = f"{cell:4} H {H:4}  B {B:3}  T {T:4}"
        ratios += [(ratio, f"{size}  {mode}") for mode, ratio in mode_ratios.items()]
        columns = [f"{mode} {1e6 * medians[mode]:11.0f} us {ratio:7.2f}x" for mode, ratio in mode_ratios.items()]
        print(f"{size}  {'   '.join(columns)}{'  <' if min(mode_ratios.values()) < 1 else ''}", flush=True)
    mean = geometric_mean(ratio for ratio, _ in ratios)
    print(f"geometric mean {mean:.2f} of {len(ratios)}; {num_skipped} sizes skipped; load {os.getloadavg()[0]:.2f}")
    for ratio, name in sorted(ratios)[:SLOWEST]:
        print(f"{ratio:7.2f}x  {name}")


def parse_arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=some_of(CELLS), default=CELLS)
    parser.add_argument("--batch-size", type=integers, default=[1, 8, 128, 512])
    parser.add_argument("--length", type=integers, default=[1, 200, 1000])
    parser.add_argument("--hidden", type=integers, default=[1, 32, 37, 100, 1024])
    parser.add_argument("--inputs", type=at_least(1), default=64, help="input size")
    parser.add_argument("--modes", type=some_of(MODES), default=MODES)
    parser.add_argument("--threads", type=at_least(1), default=1)
    parser.add_argument("--seconds", type=float, default=0.3, help="measuring time per size, at least")
    parser.add_argument("--most", type=float, default=3e11, help="maximum operations of a forward and backward pass")
    return parser.parse_args()


if __name__ == "__main__":
    main()
