"""Measure long-term dependencies of a recurrent layer over hundreds of steps: the adding problem and the copy task.

    python benchmarks/long_memory.py adding --cell gru --length 400 --minutes 5
    python benchmarks/long_memory.py copy --cell lstm --length 200 --chrono --minutes 60
    python benchmarks/long_memory.py copy --cell elman --length 200 --minutes 60

adding   The inputs are two rows of T numbers: values, uniform between 0 and 1, and marks, which are 1 at two positions
         (one in each half) and 0 elsewhere. The target after the last step is the sum of the two marked values. The
         constant output 1 has a mean squared error of 0.1667. Hochreiter and Schmidhuber (1997), experiment 4, in the
         form of Arjovsky, Shah and Bengio (2016)
copy     The inputs are ten symbols out of eight, T blanks, a mark and ten blanks; the targets of the last ten steps are
         the ten symbols. Without memory the loss of these ten steps is ln 8 each. Arjovsky, Shah and Bengio (2016),
         section 5.1

Every batch is new, and the test set has its own seed. Recurrent matrices are initialized orthogonally; --chrono
initializes the gates of LSTM and GRU for dependencies of up to T steps (Tallec and Ollivier, 2018). Training stops when
the goal is reached on 1,000 test sequences: a mean squared error below 0.001, or 99.9 % correct symbols.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

import elman.nn
from elman.bench.arguments import at_least

NUM_SYMBOLS, NUM_COPIED = 8, 10
BLANK, MARK = NUM_SYMBOLS, NUM_SYMBOLS + 1
TEST_SIZE = 1000
TESTS = 40  # evaluations of the test set in the time of --minutes
LAYERS = {"elman": elman.nn.RNN, "gru": elman.nn.GRU, "lstm": elman.nn.LSTM}


class Network(nn.Module):
    """One recurrent layer and a linear readout of its last steps."""

    def __init__(self, cell: str, input_size: int, hidden_size: int, output_size: int, chrono: int | None) -> None:
        super().__init__()
        self.layer = LAYERS[cell](input_size, hidden_size)
        self.readout = nn.Linear(hidden_size, output_size)
        elman.nn.initialize_recurrent([self.layer], chrono_steps=chrono)

    def forward(self, x: Tensor, num_steps: int) -> Tensor:
        """Return the outputs of the last steps (num_steps, B, outputs) for inputs (T, B, I)."""
        h, _ = self.layer(x)
        outputs: Tensor = self.readout(h[-num_steps:])
        return outputs


@dataclass(frozen=True)
class Problem:
    """A task: its sizes, its batches, its loss, the metric of the test set, and the goal."""

    input_size: int
    output_size: int
    num_output_steps: int  # steps at the end of a sequence that have targets
    batch: Callable[[int, int, torch.Generator], tuple[Tensor, Tensor]]
    loss: Callable[[Tensor, Tensor], Tensor]
    metric: Callable[[Tensor, Tensor], float]
    is_solved: Callable[[float], bool]


def adding_batch(length: int, count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return values and marks (T, B, 2), and sums (1, B, 1)."""
    values, marks = torch.rand(length, count, generator=rng), torch.zeros(length, count)
    rows = torch.arange(count)
    first = torch.randint(0, length // 2, (count,), generator=rng)
    second = torch.randint(length // 2, length, (count,), generator=rng)
    marks[first, rows] = marks[second, rows] = 1.0
    return torch.stack([values, marks], 2), (values * marks).sum(0)[None, :, None]


def copy_batch(length: int, count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return symbols as one-hot vectors (T + 20, B, 10), and the symbols to copy (10, B)."""
    symbols = torch.randint(0, NUM_SYMBOLS, (NUM_COPIED, count), generator=rng)
    blanks = torch.full((length - 1, count), BLANK)
    tail = torch.full((NUM_COPIED + 1, count), BLANK)
    tail[0] = MARK
    ids = torch.cat([symbols, blanks, tail])
    return nn.functional.one_hot(ids, NUM_SYMBOLS + 2).float(), symbols


PROBLEMS = {
    "adding": Problem(
        input_size=2,
        output_size=1,
        num_output_steps=1,
        batch=adding_batch,
        loss=nn.functional.mse_loss,
        metric=lambda outputs, targets: float(((outputs - targets) ** 2).mean()),
        is_solved=lambda error: error < 0.001,
    ),
    "copy": Problem(
        input_size=NUM_SYMBOLS + 2,
        output_size=NUM_SYMBOLS,
        num_output_steps=NUM_COPIED,
        batch=copy_batch,
        loss=lambda outputs, targets: nn.functional.cross_entropy(outputs.flatten(0, 1), targets.flatten()),
        metric=lambda outputs, targets: float((outputs.argmax(2) == targets).float().mean()),
        is_solved=lambda accuracy: accuracy >= 0.999,
    ),
}


def main() -> None:
    """Train until the goal is reached or the time is over, and print the metric of the test set meanwhile."""
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    problem = PROBLEMS[arguments.problem]
    chrono = arguments.length if arguments.chrono else None
    network = Network(arguments.cell, problem.input_size, arguments.hidden, problem.output_size, chrono)
    print(f"{arguments}; load average {os.getloadavg()[0]:.1f}")
    train(network, problem, arguments)


def train(network: Network, problem: Problem, arguments: argparse.Namespace) -> None:
    """Train, and evaluate the test set at regular intervals."""
    optimizer = torch.optim.Adam(network.parameters(), lr=arguments.lr)
    rng = torch.Generator().manual_seed(arguments.seed)
    test_rng = torch.Generator().manual_seed(arguments.seed + 1_000_003)
    x_test, y_test = problem.batch(arguments.length, TEST_SIZE, test_rng)
    start, step, next_test = time.monotonic(), 0, 0.0
    while True:
        minutes = (time.monotonic() - start) / 60.0
        if minutes >= min(next_test, arguments.minutes):
            with torch.no_grad():
                test = problem.metric(network(x_test, problem.num_output_steps), y_test)
            print(f"{minutes:6.2f} minutes, {step:,} updates of {arguments.batch_size}: test {test:.5f}", flush=True)
            next_test = minutes + arguments.minutes / TESTS
            if problem.is_solved(test) or minutes >= arguments.minutes:
                print("goal reached" if problem.is_solved(test) else "goal not reached")
                return
        x, y = problem.batch(arguments.length, arguments.batch_size, rng)
        optimizer.zero_grad()
        loss = problem.loss(network(x, problem.num_output_steps), y)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), arguments.clip)
        if not math.isfinite(loss.item()):
            raise SystemExit(f"The loss of update {step} is {loss.item()}; expected a finite number. Try a lower --lr.")
        optimizer.step()
        step += 1


def parse_arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problem", choices=PROBLEMS)
    parser.add_argument("--cell", choices=LAYERS, default="lstm")
    parser.add_argument("--length", type=at_least(1), default=400, help="T")
    parser.add_argument("--hidden", type=at_least(1), default=128, help="hidden size")
    parser.add_argument("--chrono", action="store_true", help="initialize the gates for dependencies of T steps")
    parser.add_argument("--batch-size", type=at_least(1), default=50)
    parser.add_argument("--lr", type=float, default=1e-3, help="learning rate")
    parser.add_argument("--clip", type=float, default=1.0, help="largest norm of the gradient")
    parser.add_argument("--minutes", type=float, default=5.0, help="training time")
    parser.add_argument("--threads", type=at_least(1), default=2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.chrono and arguments.cell == "elman":
        parser.error("--chrono initializes gates, and --cell elman has none. Use --cell gru or --cell lstm.")
    return arguments


if __name__ == "__main__":
    main()
