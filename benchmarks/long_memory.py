"""What a recurrent layer can keep over hundreds of steps: the adding problem and copy memory.

    python benchmarks/long_memory.py adding --cell gru --length 400 --minutes 5
    python benchmarks/long_memory.py copy --cell lstm --length 200 --chrono --minutes 60
    python benchmarks/long_memory.py copy --cell elman --length 200 --minutes 60

adding   two rows of T numbers: values, uniform from 0 to 1, and marks, 1 at two places (one in each half) and 0
         elsewhere; after the last step, the sum of the two marked values. Saying 1 always: mean squared error 0.1667.
         Hochreiter and Schmidhuber (1997), experiment 4, as Arjovsky, Shah and Bengio (2016) have it
copy     ten symbols of eight, T blanks, a mark, ten blanks; in the last ten steps, the ten symbols again. Without a
         memory the loss of those ten is ln 8 each. Arjovsky, Shah and Bengio (2016), section 5.1

Batches are drawn anew, the test from a seed of its own. Recurrent matrices start orthogonal; --chrono starts the gates
of LSTM and GRU for memories of up to T steps (Tallec and Ollivier, 2018). Training stops where the goal is reached on
1,000 test sequences: mean squared error below 0.001, or 99.9 % of the symbols.
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

SYMBOLS, KEPT = 8, 10
BLANK, MARK = SYMBOLS, SYMBOLS + 1
TEST = 1000
LAYERS = {"elman": elman.nn.RNN, "gru": elman.nn.GRU, "lstm": elman.nn.LSTM}


class Network(nn.Module):
    """One layer and a readout of every step."""

    def __init__(self, cell: str, inputs: int, hidden: int, outputs: int, chrono: int | None) -> None:
        super().__init__()
        self.layer = LAYERS[cell](inputs, hidden)
        self.readout = nn.Linear(hidden, outputs)
        elman.nn.initialize_recurrent([self.layer], chrono_steps=chrono)

    def forward(self, x: Tensor, last: int) -> Tensor:
        """Return what is said at the last steps (last, B, outputs) of inputs (T, B, I)."""
        h, _ = self.layer(x)
        said: Tensor = self.readout(h[-last:])
        return said


@dataclass(frozen=True)
class Problem:
    """Inputs and targets of a batch, the loss, what is told of test sequences, and whether that is the goal."""

    inputs: int
    outputs: int
    last: int  # steps in which something is to be said
    drawn: Callable[[int, int, torch.Generator], tuple[Tensor, Tensor]]
    loss: Callable[[Tensor, Tensor], Tensor]
    told: Callable[[Tensor, Tensor], float]
    reached: Callable[[float], bool]


def adding(length: int, count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Values and marks (T, B, 2), and sums (1, B, 1)."""
    values, marks = torch.rand(length, count, generator=rng), torch.zeros(length, count)
    rows = torch.arange(count)
    first = torch.randint(0, length // 2, (count,), generator=rng)
    second = torch.randint(length // 2, length, (count,), generator=rng)
    marks[first, rows] = marks[second, rows] = 1.0
    return torch.stack([values, marks], 2), (values * marks).sum(0)[None, :, None]


def copy(length: int, count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Symbols as one-hot rows (T + 20, B, 10), and those to be said again (10, B)."""
    symbols = torch.randint(0, SYMBOLS, (KEPT, count), generator=rng)
    blanks = torch.full((length - 1, count), BLANK)
    tail = torch.full((KEPT + 1, count), BLANK)
    tail[0] = MARK
    ids = torch.cat([symbols, blanks, tail])
    return nn.functional.one_hot(ids, SYMBOLS + 2).float(), symbols


PROBLEMS = {
    "adding": Problem(
        2, 1, 1, adding, nn.functional.mse_loss, lambda said, y: float(((said - y) ** 2).mean()), lambda e: e < 0.001
    ),
    "copy": Problem(
        SYMBOLS + 2,
        SYMBOLS,
        KEPT,
        copy,
        lambda said, y: nn.functional.cross_entropy(said.flatten(0, 1), y.flatten()),
        lambda said, y: float((said.argmax(2) == y).float().mean()),
        lambda share: share >= 0.999,
    ),
}


def main() -> None:
    """Train until the goal or the end of the time, and tell what test sequences came to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problem", choices=PROBLEMS)
    parser.add_argument("--cell", choices=LAYERS, default="lstm")
    parser.add_argument("--length", type=int, default=400, help="T")
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--chrono", action="store_true")
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--clip", type=float, default=1.0)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.chrono and given.cell == "elman":
        parser.error("--chrono is for gates, and --cell elman has none")
    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    problem, T = PROBLEMS[given.problem], given.length
    network = Network(given.cell, problem.inputs, given.hidden, problem.outputs, T if given.chrono else None)
    optimizer = torch.optim.Adam(network.parameters(), lr=given.lr)
    rng, x_test, y_test = torch.Generator().manual_seed(given.seed), *problem.drawn(T, TEST, _other(given.seed))
    began, step, next_told = time.monotonic(), 0, 0.0
    print(f"{given}; load {os.getloadavg()[0]:.1f}")
    while True:
        spent = (time.monotonic() - began) / 60.0
        if spent >= next_told or spent >= given.minutes:
            with torch.no_grad():
                test = problem.told(network(x_test, problem.last), y_test)
            print(f"{spent:6.2f} minutes, {step:,} updates of {given.batch_size}: test {test:.5f}", flush=True)
            next_told = spent + given.minutes / 40
            if problem.reached(test) or spent >= given.minutes:
                print("reached" if problem.reached(test) else "not reached")
                return
        x, y = problem.drawn(T, given.batch_size, rng)
        optimizer.zero_grad()
        loss = problem.loss(network(x, problem.last), y)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), given.clip)
        assert math.isfinite(loss.item())
        optimizer.step()
        step += 1


def _other(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed + 1_000_003)


if __name__ == "__main__":
    main()
