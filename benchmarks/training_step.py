"""Compare a whole training step of elman's training loop with plain torch code for the same language model.

    python benchmarks/training_step.py --hidden 256 --batch-size 64 --bptt 64 --threads 1

Both sides train the same LSTM character model with the same initial weights on the same batches: embedding, one layer,
linear readout, cross-entropy, gradient clipping, fused AdamW. The elman side calls the update function of training.loop
itself, including data loading, checks for finite values and counters. Rounds of the two sides alternate in one process,
and the result is the ratio of the medians. The last losses are printed: equal losses show that both sides did the same.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from elman.bench.arguments import at_least
from elman.checkpoint import RunFolder
from elman.tasks.language_model.config import LanguageModelRun
from elman.tasks.language_model.corpus import LanguageModelCorpus
from elman.tasks.language_model.defaults import resolve
from elman.tasks.language_model.network import LanguageModelNetwork
from elman.tasks.language_model.preparation import prepare
from elman.tasks.language_model.readers import MemoryTexts
from elman.tasks.language_model.training import LanguageModelTask
from elman.training.loop import update
from elman.training.schedules import learning_rate
from elman.training.session import Session

SYMBOLS = "abcdefghijklmnopqrstuvwxyz ,.\n"
TOKENS = 1_000_000


class PlainModel(nn.Module):
    """The model as a tutorial writes it."""

    def __init__(self, network: LanguageModelNetwork) -> None:
        super().__init__()
        config, symbols = network.config, network.embedding.num_embeddings
        self.embedding = nn.Embedding(symbols, config.embedding_size)
        self.lstm = nn.LSTM(config.embedding_size, config.hidden_sizes[0])
        self.readout = nn.Linear(config.hidden_sizes[0], symbols)
        with torch.no_grad():
            for parameter, source in zip(self.parameters(), network.parameters(), strict=True):
                parameter.copy_(source)

    def forward(
        self, ids: torch.Tensor, state: tuple[torch.Tensor, torch.Tensor] | None
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        """Return logits (T, B, V) and the next state."""
        y, state = self.lstm(self.embedding(ids), state)
        return self.readout(y), state


def plain_steps(model: PlainModel, batches: Iterator[torch.Tensor], config: LanguageModelRun) -> Iterator[float]:
    """Yield the loss of one plain training step after another."""
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.training.learning_rate, betas=(0.9, 0.99), weight_decay=0.0, fused=True
    )
    state, step = None, 0
    while True:
        ids = next(batches)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step / (config.training.steps or 1), config.training)
        logits, state = model(ids[:-1], state)
        state = (state[0].detach(), state[1].detach())
        loss = F.cross_entropy(logits.flatten(0, 1), ids[1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), config.training.clip_norm)
        optimizer.step()
        step += 1
        yield loss.item()


def sequential_batches(ids: torch.Tensor, batch_size: int, bptt: int, offset: int) -> Iterator[torch.Tensor]:
    """Yield the (T + 1, B) ids of the batches of the first epoch, split as in a tutorial."""
    length = (len(ids) - 1 - offset) // batch_size
    rows = torch.stack([ids[offset + b * length : offset + (b + 1) * length + 1] for b in range(batch_size)], dim=1)
    for start in range(0, length - bptt + 1, bptt):
        yield rows[start : start + bptt + 1]


def main() -> None:
    """Print the tokens per second of both sides and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hidden", type=at_least(1), default=256)
    parser.add_argument("--batch-size", type=at_least(1), default=64)
    parser.add_argument("--bptt", type=at_least(1), default=64)
    parser.add_argument("--threads", type=at_least(1), default=1)
    parser.add_argument("--rounds", type=at_least(2), default=12)
    parser.add_argument("--steps", type=at_least(1), default=5, help="updates per round")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rng = np.random.default_rng(0)
    text = "".join(np.array(list(SYMBOLS))[rng.integers(len(SYMBOLS), size=TOKENS)])
    with tempfile.TemporaryDirectory() as folder:
        total = arguments.rounds * arguments.steps
        settings = {
            "model": {"hidden_size": arguments.hidden, "dropout": 0.0},
            "training": {"batch_size": arguments.batch_size, "bptt_steps": arguments.bptt, "steps": total},
        }
        run = RunFolder.create(Path(folder) / "run", {})
        try:
            corpus = prepare(run / "data", settings, resolve(settings), [MemoryTexts([text])], [], print)
            config = resolve(settings, corpus)
            measure(corpus, run, config, arguments)
        finally:
            run.unlock()


def measure(
    corpus: LanguageModelCorpus, run: RunFolder, config: LanguageModelRun, arguments: argparse.Namespace
) -> None:
    """Time both sides in alternating rounds, and print the result."""
    task = LanguageModelTask(config, corpus)
    network = task.build()
    plain = PlainModel(network)
    session = Session.new(task, network, config.training, run, seed=0)
    batches = task.batches(task.start())
    offset = int(np.random.default_rng([config.seed, 0]).integers(config.training.bptt_steps))
    ids = torch.from_numpy(np.concatenate(list(corpus.ids("train").chunks())))
    plain_losses = plain_steps(plain, sequential_batches(ids, arguments.batch_size, arguments.bptt, offset), config)
    seconds: dict[str, list[float]] = {"elman": [], "plain torch": []}
    steps: dict[str, Callable[[], float]] = {
        "elman": lambda: update(session, batches, session.progress),
        "plain torch": lambda: next(plain_losses),
    }
    losses = {"elman": 0.0, "plain torch": 0.0}
    for _ in range(arguments.rounds):
        for name, step in steps.items():
            start = time.perf_counter()
            for _ in range(arguments.steps):
                losses[name] = step()
            seconds[name].append((time.perf_counter() - start) / arguments.steps)
    tokens = arguments.batch_size * arguments.bptt
    print(
        f"LSTM-{arguments.hidden}, B {arguments.batch_size}, T {arguments.bptt}, "
        f"{arguments.threads} thread{'s' * (arguments.threads != 1)}, ",
        end="",
    )
    print(f"load {os.getloadavg()[0]:.2f}")
    for name, times in seconds.items():
        median = statistics.median(times[1:])  # the first round is the warm-up
        print(f"  {name:<12} {tokens / median:>10,.0f} tokens/s   last loss {losses[name]:.6f}")
    ratio = statistics.median(seconds["plain torch"][1:]) / statistics.median(seconds["elman"][1:])
    print(f"  elman / plain torch: {ratio:.3f}")


if __name__ == "__main__":
    main()
