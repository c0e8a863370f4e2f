"""What a language model's training can be told, and what it chooses where it is told nothing.

The choices were found on texts of 0.2 to 2 million characters (docs/en/defaults.md has the figures):
- size: the largest hidden size for which the budget reads TOKENS_PER_WEIGHT tokens for each recurrent weight (beyond
  that a larger model learns less in the same time), and no larger than the text can fill;
- dropout: in proportion to how often the text will be read again;
- batch: smaller where the text is short, or where a large vocabulary makes the softmax the heavy part.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, PositiveInt

from elman.config import Values
from elman.data.corpus import TextConfig

GATES = {"elman": 1, "gru": 3, "lstm": 4}
RATES = {"elman": 1.2e-3, "gru": 3e-3, "lstm": 4e-3}  # of adamw, at 256 hidden units
SGD_RATE = 1.0
TOKENS_PER_WEIGHT = 12
HIDDEN_SIZES: tuple[int, ...] = (*range(32, 256, 32), *range(256, 1025, 64))
FULL_SIZE_TOKENS = 1e6  # a text of so many tokens can fill FULL_SIZE hidden units; a longer one its fourth root more
FULL_SIZE = 512
LARGE_VOCABULARY = 512
SOFTMAX_ELEMENTS = 4_000_000  # logits of one batch that still lie in the cache
SOFTMAX_SLOWNESS = 2.0  # of the softmax over a large vocabulary, beside the recurrent layer's FLOP
READINGS_PER_DROPOUT = 80.0


class DataConfig(TextConfig):
    """How the text is read, cut and fed."""

    encoding: str | None = None  # None: UTF-8, or GB18030 where the text is clearly that
    min_frequency: PositiveInt | None = None  # None: 1, or 2 where there are over a thousand different tokens
    vocabulary_size: PositiveInt | None = None  # None: no limit
    valid_fraction: float | None = Field(
        None, gt=0.0, lt=1.0
    )  # None: the last tenth, at most a quarter of a million tokens
    stream: Literal["sequential", "random"] = "sequential"  # random windows start from a zero state

    @property
    def text(self) -> TextConfig:
        """What of this the model needs, too."""
        return TextConfig(level=self.level, normalize=self.normalize, byte_fallback=self.byte_fallback)


def choices(given: Values, *, tokens: int, vocabulary: int, flops: float) -> Values:
    """Return config values for what `given` leaves open, for a text of so many tokens and different tokens.

    flops is the rate at which this machine trains; a budget in minutes is worth that many operations.
    """
    model, training = _table(given, "model"), _table(given, "training")
    chosen_budget = {} if {"steps", "epochs", "minutes"} & set(training) else {"minutes": _default_minutes(tokens)}
    cell = model.get("cell", "lstm")
    cell = cell if cell in GATES else "lstm"
    work = _Work(tokens, vocabulary, cell, flops, {**training, **chosen_budget})
    hidden = model.get("hidden_size", work.hidden_size())
    first, last = _first_and_last(hidden)
    layers = {"num_layers": len(hidden)} if isinstance(hidden, list | tuple) else {}
    embedding = last if model.get("tie_weights") is True else work.embedding_size(first)
    batch, bptt = work.batch(training.get("batch_size"), training.get("bptt_steps"))
    rate = SGD_RATE if training.get("optimizer") == "sgd" else RATES[cell] * min(2.0, (256.0 / first) ** 0.5)
    return {
        "model": {"hidden_size": hidden, **layers, "embedding_size": embedding, "dropout": work.dropout(first)},
        "training": {**chosen_budget, "batch_size": batch, "bptt_steps": bptt, "learning_rate": _two_digits(rate)},
    }


class _Work:
    """What a budget can do with a text."""

    def __init__(self, tokens: int, vocabulary: int, cell: str, flops: float, budget: Values) -> None:
        self.tokens, self.vocabulary, self.cell, self.flops, self.budget = tokens, vocabulary, cell, flops, budget

    def reads(self, hidden: int) -> float:
        """Tokens that the budget trains on, readings of the same text counted again."""
        weights = _recurrent_weights(self.cell, hidden, self.embedding_size(hidden))
        if isinstance(self.budget.get("minutes"), int | float):
            softmax = self.vocabulary * hidden * (SOFTMAX_SLOWNESS if self.vocabulary > LARGE_VOCABULARY else 1.0)
            return 60.0 * float(self.budget["minutes"]) * self.flops / (6.0 * (weights + softmax))
        if isinstance(self.budget.get("epochs"), int | float):
            return float(self.budget["epochs"]) * self.tokens
        batch, bptt = self.batch(self.budget.get("batch_size"), self.budget.get("bptt_steps"))
        steps = self.budget.get("steps")
        return float(steps if isinstance(steps, int) else 1) * batch * bptt

    def hidden_size(self) -> int:
        """The largest size that both the budget and the text can fill."""
        room = FULL_SIZE * (self.tokens / FULL_SIZE_TOKENS) ** 0.25
        fitting = [
            hidden
            for hidden in HIDDEN_SIZES
            if hidden <= room and self.reads(hidden) >= TOKENS_PER_WEIGHT * self._weights(hidden)
        ]
        return max(fitting, default=HIDDEN_SIZES[0])

    def embedding_size(self, hidden: int) -> int:
        """Small for characters, up to the hidden size for a large vocabulary."""
        return min(hidden, 64 if self.vocabulary <= LARGE_VOCABULARY else 128)

    def dropout(self, hidden: int) -> float:
        """In proportion to the readings of the same text; none for a text that is hardly read twice."""
        readings = self.reads(hidden) / self.tokens
        return round(min(0.5, readings / READINGS_PER_DROPOUT), 2) if readings >= 2.0 else 0.0

    def batch(self, size: Any, steps: Any) -> tuple[int, int]:
        """Sequences and tokens of a batch: at least a handful of batches an epoch, and logits that fit the cache."""
        bptt = steps if isinstance(steps, int) and steps > 0 else max(2, min(64, self.tokens // 8))
        most = max(1, min(32, self.tokens // (8 * bptt), int(SOFTMAX_ELEMENTS / (self.vocabulary * bptt))))
        return (size if isinstance(size, int) and size > 0 else most), bptt

    def _weights(self, hidden: int) -> int:
        return _recurrent_weights(self.cell, hidden, self.embedding_size(hidden))


def _recurrent_weights(cell: str, hidden: int, inputs: int) -> int:
    return GATES[cell] * hidden * (hidden + inputs)


def _default_minutes(tokens: int) -> float:
    """Ten minutes for a million tokens or more, one for a hundred thousand or less."""
    return round(min(10.0, max(1.0, tokens / 1e5)), 1)


def _table(given: Values, name: str) -> Values:
    table = given.get(name, {})
    return table if isinstance(table, dict) else {}


def _first_and_last(hidden: Any) -> tuple[int, int]:
    """The first and last hidden size; what validation will refuse anyway becomes 1."""
    sizes = list(hidden) if isinstance(hidden, list | tuple) else [hidden]
    first, *_ = last = [size if isinstance(size, int) and size > 0 else 1 for size in sizes] or [1]
    return first, last[-1]


def _two_digits(rate: float) -> float:
    return float(f"{rate:.2g}")
