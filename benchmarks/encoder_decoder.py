"""The whole training step of an encoder-decoder beside plain torch code of the same model, interleaved in one process.

    python benchmarks/encoder_decoder.py --threads 1
    python benchmarks/encoder_decoder.py pairs.tsv --hidden 256 --threads 2

Both sides train embedding, one layer of LSTM both ways, one layer of LSTM, dot attention, attentional output, readout
and cross-entropy on the same batches from the same weights, with gradient clipping and fused AdamW. Ours is
training.loop's own update; theirs is what a tutorial writes with packed sequences and torch.nn.LSTM. Rounds alternate;
the ratio of the medians is what counts. The losses after all rounds are printed: equal losses show equal work. Without
a file the pairs are random words of 3 to 14 letters, and targets of about as many symbols of 40.
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
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from elman.checkpoint import RunFolder
from elman.config import Values
from elman.data.padded import IGNORED, PairBatch
from elman.data.readers import TextSource
from elman.tasks.seq2seq.corpus import PairCorpus
from elman.tasks.seq2seq.readers import MemoryPairs
from elman.tasks.seq2seq.recipe import Seq2SeqRecipe
from elman.tasks.seq2seq.training import Seq2SeqNetwork
from elman.tasks.spec import Sources
from elman.training.config import TrainingConfig
from elman.training.loop import update
from elman.training.schedules import learning_rate
from elman.training.session import Session

PAIRS = 20_000
LETTERS, SYMBOLS = "abcdefghijklmnopqrstuvwxyz", [f"S{i}" for i in range(40)]


class PlainModel(nn.Module):
    """What a tutorial writes."""

    def __init__(self, network: Seq2SeqNetwork) -> None:
        super().__init__()
        E, H = network.config.embedding_size, network.config.hidden_size
        self.sources = nn.Embedding(network.encoder.embedding.num_embeddings, E)
        self.encoder = nn.LSTM(E, H, bidirectional=True)
        self.targets = nn.Embedding(network.decoder.embedding.num_embeddings, E)
        self.decoder = nn.LSTM(E, H)
        self.bridge_h, self.bridge_c = nn.Linear(2 * H, H), nn.Linear(2 * H, H)
        self.combine = nn.Linear(2 * H, H)
        self.memory = nn.Linear(2 * H, H, bias=False)
        self.readout = nn.Linear(H, self.targets.num_embeddings)
        with torch.no_grad():
            parts = (self.sources, self.encoder, self.targets, self.decoder, self.bridge_h, self.bridge_c)
            mine = [p for part in (*parts, self.combine, self.memory, self.readout) for p in part.parameters()]
            ours = dict(network.named_parameters())
            order = ("encoder", "decoder", "bridge", "combine", "memory", "readout")
            for plain, theirs in zip(
                mine, [p for part in order for n, p in ours.items() if n.startswith(part)], strict=True
            ):
                plain.copy_(theirs)

    def forward(self, batch: PairBatch) -> torch.Tensor:
        """Return the mean loss of the targets."""
        sources, inputs, targets = (torch.from_numpy(ids) for ids in (batch.source, batch.target_inputs, batch.targets))
        lengths = torch.from_numpy(batch.source_lengths)
        packed, (h, c) = self.encoder(pack_padded_sequence(self.sources(sources.t()), lengths))
        memory = self.memory(pad_packed_sequence(packed)[0]).transpose(0, 1)
        state = (
            torch.tanh(self.bridge_h(torch.cat([h[0], h[1]], -1)))[None],
            self.bridge_c(torch.cat([c[0], c[1]], -1))[None],
        )
        s = self.decoder(self.targets(inputs.t()), state)[0].transpose(0, 1)
        scores = torch.bmm(s, memory.transpose(1, 2))
        padded = torch.arange(memory.shape[1]) >= lengths[:, None]
        context = torch.bmm(torch.softmax(scores.masked_fill(padded[:, None], -torch.inf), -1), memory)
        logits = self.readout(torch.tanh(self.combine(torch.cat([context, s], -1))))
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)


def plain_steps(model: PlainModel, batches: Iterator[PairBatch], config: TrainingConfig) -> Iterator[float]:
    """Yield the loss of one plain training step after another."""
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, betas=(0.9, 0.99), weight_decay=0.0, fused=True
    )
    for step, batch in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step / (config.steps or 1), config)
        loss = model(batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
        optimizer.step()
        yield loss.item()


def random_pairs(rng: np.random.Generator) -> list[tuple[str, str]]:
    """Return pairs of the lengths that grapheme-to-phoneme conversion has."""
    pairs = []
    for length in rng.integers(3, 15, PAIRS):
        letters, symbols = rng.integers(len(LETTERS), size=length), rng.integers(len(SYMBOLS), size=max(1, length - 1))
        pairs.append(("".join(LETTERS[i] for i in letters), " ".join(SYMBOLS[i] for i in symbols)))
    return pairs


def main() -> None:
    """Print target tokens/s of both sides and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", nargs="?", help="a file of SOURCE TAB TARGET")
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--embedding", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--steps", type=int, default=10, help="of a round")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    given: Values = {
        "model": {
            "hidden_size": arguments.hidden,
            "embedding_size": arguments.embedding,
            "num_layers": 1,
            "dropout": 0.0,
            "label_smoothing": 0.0,
        },
        "training": {"batch_size": arguments.batch_size, "steps": arguments.rounds * arguments.steps},
    }
    recipe = Seq2SeqRecipe()
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder.create(Path(folder) / "run", {})
        pairs = MemoryPairs(random_pairs(np.random.default_rng(0)))
        source = TextSource(arguments.pairs) if arguments.pairs else pairs
        measure(recipe, recipe.prepare(run / "data", given, Sources([source]), print), given, run, arguments)


def measure(
    recipe: Seq2SeqRecipe, corpus: PairCorpus, given: Values, run: RunFolder, arguments: argparse.Namespace
) -> None:
    """Alternate rounds of both sides."""
    config = recipe.resolve(given, corpus, 1e11)
    task = recipe.build(config, corpus)
    network = task.build()
    plain = PlainModel(network)
    session = Session.new(task, network, config.training, run, seed=0)
    batches = task.batches(task.start())
    theirs = plain_steps(plain, (batch for batch, _ in task.batches(task.start())), config.training)
    counts = (int(batch.target_lengths.sum()) for batch, _ in task.batches(task.start()))
    rates: dict[str, list[float]] = {"elman": [], "plain torch": []}
    losses: dict[str, float] = {}
    sides: dict[str, Callable[[], float]] = {
        "elman": lambda: update(session, batches, session.progress),
        "plain torch": lambda: next(theirs),
    }
    print(f"{arguments.threads} thread(s), load average {os.getloadavg()[0]:.2f}, {config.model}")
    for _ in range(arguments.rounds):
        tokens = sum(next(counts) for _ in range(arguments.steps))
        for name, step in sides.items():
            began = time.perf_counter()
            for _ in range(arguments.steps):
                losses[name] = step()
            rates[name].append(tokens / (time.perf_counter() - began))
    medians = {name: statistics.median(found[1:]) for name, found in rates.items()}
    for name, rate in medians.items():
        print(f"{name:12} {rate:10,.0f} target tokens/s   loss {losses[name]:.5f}")
    print(f"ratio {medians['elman'] / medians['plain torch']:.2f}; load average {os.getloadavg()[0]:.2f}")


if __name__ == "__main__":
    main()
