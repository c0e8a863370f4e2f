"""Compare a whole training step of elman's encoder-decoder with plain torch code for the same model.

    python benchmarks/encoder_decoder.py --threads 1
    python benchmarks/encoder_decoder.py pairs.tsv --hidden 256 --threads 2

Both sides train the same model with the same initial weights on the same batches: embeddings, a bidirectional LSTM
layer, an LSTM layer, dot attention, an attentional output, readout, cross-entropy, gradient clipping and fused AdamW.
The elman side calls the update function of training.loop itself; the other side is what a tutorial writes with packed
sequences and torch.nn.LSTM. Rounds of the two sides alternate in one process, and the result is the ratio of the
medians. The last losses are printed, and must be equal. Without a file, the sources are random words of 3 to 14
letters, and the targets are sequences of about the same length over 40 symbols.
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

from elman.bench.arguments import at_least
from elman.checkpoint import RunFolder
from elman.config import Values
from elman.data.batches.padded import IGNORE_INDEX, PairBatch
from elman.tasks.seq2seq.corpus import Seq2SeqCorpus
from elman.tasks.seq2seq.defaults import resolve
from elman.tasks.seq2seq.network import Seq2SeqNetwork
from elman.tasks.seq2seq.preparation import prepare
from elman.tasks.seq2seq.readers import MemoryPairs, open_source
from elman.tasks.seq2seq.training import Seq2SeqTask
from elman.training.config import TrainingConfig
from elman.training.loop import update
from elman.training.schedules import learning_rate
from elman.training.session import Session

NUM_PAIRS = 20_000
LETTERS, SYMBOLS = "abcdefghijklmnopqrstuvwxyz", [f"S{i}" for i in range(40)]
TOLERANCE = 1e-3  # relative to the loss: float32 sums in different orders over some hundred updates
MODEL = {  # the model that PlainModel implements; elman would choose some of these values from the data
    "cell": "lstm",
    "num_layers": 1,
    "decoder_layers": 1,
    "bidirectional": True,
    "attention": "dot",
    "attention_layer": "last",
    "bridge": "linear",
    "aligned_input": False,
    "input_feeding": False,
    "dropout": 0.0,
    "label_smoothing": 0.0,
}


class PlainModel(nn.Module):
    """The model as a tutorial writes it."""

    def __init__(self, network: Seq2SeqNetwork) -> None:
        super().__init__()
        E, H = network.config.embedding_size, network.config.hidden_size
        self.source_embedding = nn.Embedding(network.encoder.embedding.num_embeddings, E)
        self.encoder = nn.LSTM(E, H, bidirectional=True)
        self.target_embedding = nn.Embedding(network.decoder.embedding.num_embeddings, E)
        self.decoder = nn.LSTM(E, H)
        self.bridge_h, self.bridge_c = nn.Linear(2 * H, H), nn.Linear(2 * H, H)
        self.combine = nn.Linear(2 * H, H)
        self.memory = nn.Linear(2 * H, H, bias=False)
        self.readout = nn.Linear(H, self.target_embedding.num_embeddings)
        self._copy_weights(network)

    @torch.no_grad()
    def _copy_weights(self, network: Seq2SeqNetwork) -> None:
        """Copy the weights of elman's network, whose parameters have the same order within each of its parts."""
        prefixes = ("encoder", "decoder", "bridge", "combine", "memory", "readout")
        named = list(network.named_parameters())
        sources = [source for prefix in prefixes for name, source in named if name.startswith(prefix)]
        for parameter, source in zip(self.parameters(), sources, strict=True):
            parameter.copy_(source)

    def forward(self, batch: PairBatch) -> torch.Tensor:
        """Return the mean loss of the targets."""
        sources, inputs, targets = (torch.from_numpy(ids) for ids in (batch.source, batch.target_inputs, batch.targets))
        lengths = torch.from_numpy(batch.source_lengths)
        packed, (h, c) = self.encoder(pack_padded_sequence(self.source_embedding(sources.t()), lengths))
        memory = self.memory(pad_packed_sequence(packed)[0]).transpose(0, 1)
        state = (
            torch.tanh(self.bridge_h(torch.cat([h[0], h[1]], -1)))[None],
            self.bridge_c(torch.cat([c[0], c[1]], -1))[None],
        )
        s = self.decoder(self.target_embedding(inputs.t()), state)[0].transpose(0, 1)
        scores = torch.bmm(s, memory.transpose(1, 2))
        padded = torch.arange(memory.shape[1]) >= lengths[:, None]
        context = torch.bmm(torch.softmax(scores.masked_fill(padded[:, None], -torch.inf), -1), memory)
        logits = self.readout(torch.tanh(self.combine(torch.cat([context, s], -1))))
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE_INDEX)


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
    """Return pairs with the lengths of grapheme-to-phoneme conversion."""
    pairs = []
    for length in rng.integers(3, 15, NUM_PAIRS):
        letters, symbols = rng.integers(len(LETTERS), size=length), rng.integers(len(SYMBOLS), size=max(1, length - 1))
        pairs.append(("".join(LETTERS[i] for i in letters), " ".join(SYMBOLS[i] for i in symbols)))
    return pairs


def main() -> None:
    """Print the target tokens per second of both sides and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", nargs="?", help="a file with lines of SOURCE TAB TARGET")
    parser.add_argument("--hidden", type=at_least(1), default=128, help="hidden size")
    parser.add_argument("--embedding", type=at_least(1), default=64, help="embedding size")
    parser.add_argument("--batch-size", type=at_least(1), default=64)
    parser.add_argument("--threads", type=at_least(1), default=1)
    parser.add_argument("--rounds", type=at_least(2), default=12)
    parser.add_argument("--steps", type=at_least(1), default=10, help="updates per round")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    settings: Values = {
        "model": {**MODEL, "hidden_size": arguments.hidden, "embedding_size": arguments.embedding},
        "training": {"batch_size": arguments.batch_size, "steps": arguments.rounds * arguments.steps},
    }
    config = resolve(settings)
    with tempfile.TemporaryDirectory() as folder:
        source = arguments.pairs or MemoryPairs(random_pairs(np.random.default_rng(0)))
        pairs = open_source(source, config.data, print)
        run = RunFolder.create(Path(folder) / "run", {})
        try:
            measure(prepare(run / "data", settings, config, [pairs], [], print), settings, run, arguments)
        finally:
            run.unlock()


def measure(corpus: Seq2SeqCorpus, settings: Values, run: RunFolder, arguments: argparse.Namespace) -> None:
    """Time both sides in alternating rounds, and print the result."""
    config = resolve(settings, corpus)
    task = Seq2SeqTask(config, corpus)
    network = task.build()
    plain = PlainModel(network)
    session = Session.new(task, network, config.training, run, seed=0)
    batches = task.batches(task.start())
    plain_losses = plain_steps(plain, (batch for batch, _ in task.batches(task.start())), config.training)
    token_counts = (int(batch.target_lengths.sum()) for batch, _ in task.batches(task.start()))
    rates: dict[str, list[float]] = {"elman": [], "plain torch": []}
    losses: dict[str, float] = {}
    sides: dict[str, Callable[[], float]] = {
        "elman": lambda: update(session, batches, session.progress),
        "plain torch": lambda: next(plain_losses),
    }
    print(
        f"{arguments.threads} thread{'s' * (arguments.threads != 1)}, "
        f"load average {os.getloadavg()[0]:.2f}, {config.model}"
    )
    for _ in range(arguments.rounds):
        num_tokens = sum(next(token_counts) for _ in range(arguments.steps))
        for name, step in sides.items():
            start = time.perf_counter()
            for _ in range(arguments.steps):
                losses[name] = step()
            rates[name].append(num_tokens / (time.perf_counter() - start))
    medians = {name: statistics.median(values[1:]) for name, values in rates.items()}  # the first round is the warm-up
    for name, rate in medians.items():
        print(f"{name:12} {rate:10,.0f} target tokens/s   loss {losses[name]:.5f}")
    print(f"ratio {medians['elman'] / medians['plain torch']:.2f}; load average {os.getloadavg()[0]:.2f}")
    if not abs(losses["elman"] - losses["plain torch"]) <= TOLERANCE * losses["plain torch"]:
        raise SystemExit("The losses differ; expected equal losses, because both sides train the same model.")


if __name__ == "__main__":
    main()
