"""Compare a training step of the textbook character model, RNN-512 on one-hot symbols, with plain torch code.

    python benchmarks/one_hot_rnn.py --threads 1

28 symbols, batches of 32 x 35, one tanh layer with 512 units, a linear readout, cross-entropy, gradients clipped to
norm 1, SGD, and a state that is carried from batch to batch: the model that "Dive into Deep Learning" trains on The
Time Machine. Both sides have the same initial weights and batches, and the whole step is timed. Plain torch
multiplies one-hot vectors; elman looks up the rows of an identity matrix (elman.nn.RNN.from_ids), which is the same
layer. Rounds of the two sides alternate in one process, and the result is the ratio of the medians. The last losses
must be equal.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import elman.nn
from elman.bench.arguments import at_least

SYMBOLS = 28
TOLERANCE = 1e-3  # relative to the loss: float32 sums in different orders over some hundred steps of SGD


class PlainModel(nn.Module):
    """The model as the textbook writes it."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.rnn = nn.RNN(SYMBOLS, hidden_size)
        self.readout = nn.Linear(hidden_size, SYMBOLS)

    def forward(self, ids: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return logits (T, B, V) and the next state."""
        y, state = self.rnn(F.one_hot(ids, SYMBOLS).float(), state)
        return self.readout(y), state


class Model(nn.Module):
    """The same model with the layer of elman.nn."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.rnn = elman.nn.RNN(SYMBOLS, hidden_size)
        self.readout = nn.Linear(hidden_size, SYMBOLS)
        self.one_hot: Tensor
        self.register_buffer("one_hot", torch.eye(SYMBOLS), persistent=False)

    def forward(self, ids: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return logits (T, B, V) and the next state."""
        y, state = self.rnn.from_ids(ids, self.one_hot, state)
        return self.readout(y), state


def steps(model: nn.Module, batches: Tensor, rate: float) -> Iterator[float]:
    """Yield the loss of one training step after another, repeating the batches (N, T + 1, B) forever."""
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    state = None
    while True:
        for ids in batches:
            logits, state = model(ids[:-1], state)
            state = state.detach()
            loss = F.cross_entropy(logits.flatten(0, 1), ids[1:].flatten())
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            yield loss.item()


def main() -> None:
    """Time both sides in alternating rounds, and print their tokens per second and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hidden", type=at_least(1), default=512)
    parser.add_argument("--batch-size", type=at_least(1), default=32)
    parser.add_argument("--bptt", type=at_least(1), default=35)
    parser.add_argument("--lr", type=float, default=1.0)
    parser.add_argument("--threads", type=at_least(1), default=1)
    parser.add_argument("--rounds", type=at_least(1), default=12)
    parser.add_argument("--steps", type=at_least(1), default=5, help="updates per round")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    plain, model = PlainModel(arguments.hidden), Model(arguments.hidden)
    model.load_state_dict(plain.state_dict())
    batches = torch.randint(SYMBOLS, (16, arguments.bptt + 1, arguments.batch_size))
    sides = {"elman": steps(model, batches, arguments.lr), "plain torch": steps(plain, batches, arguments.lr)}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    losses: dict[str, float] = {}
    for _ in range(arguments.rounds + 1):  # the first round is the warm-up
        for name, side in sides.items():
            start = time.perf_counter()
            for _ in range(arguments.steps):
                losses[name] = next(side)
            seconds[name].append((time.perf_counter() - start) / arguments.steps)
    medians = {name: statistics.median(times[1:]) for name, times in seconds.items()}
    print(f"RNN-{arguments.hidden}, B {arguments.batch_size}, T {arguments.bptt}, ", end="")
    print(f"{arguments.threads} thread{'s' * (arguments.threads != 1)}, load {os.getloadavg()[0]:.2f}")
    for name, median in medians.items():
        tokens = arguments.batch_size * arguments.bptt / median
        print(f"  {name:<12} {tokens:>10,.0f} tokens/s   last loss {losses[name]:.6f}")
    print(f"  elman / plain torch: {medians['plain torch'] / medians['elman']:.3f}")
    if not abs(losses["elman"] - losses["plain torch"]) <= TOLERANCE * losses["plain torch"]:
        raise SystemExit("The losses differ; expected equal losses, because both sides train the same model.")


if __name__ == "__main__":
    main()
