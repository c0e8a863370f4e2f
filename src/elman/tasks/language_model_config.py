"""What a language model's training can be told, and what it chooses where it is told nothing.

The choices were found on texts of 0.2 to 2 million characters (docs/en/defaults.md has the figures):
- size: the largest hidden size for which the budget reads TOKENS_PER_WEIGHT tokens for each recurrent weight (beyond
  that a larger model learns less in the same time), and no larger than the text can fill;
- dropout: in proportion to how often the text will be read again;
- batch: as large as leaves UPDATES updates; smaller where the text is short, or where a large vocabulary makes the
  softmax the heavy part.
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from elman.cells import CELLS
from elman.config import Values, table
from elman.data.corpus import TextConfig

RATES = {"elman": 1.2e-3, "gru": 3e-3, "lstm": 4e-3}  # of adamw, at 256 hidden units
SGD_RATE = 1.0
TOKENS_PER_WEIGHT = 14
HIDDEN_SIZES: tuple[int, ...] = (*range(32, 256, 32), *range(256, 1025, 64))
FULL_SIZE_TOKENS = 1e6  # a text of so many tokens can fill FULL_SIZE hidden units; a longer one its fourth root more
FULL_SIZE = 512
SMALLEST_BATCH, LARGEST_BATCH = 8, 32
UPDATES = 6000  # of the weights, that a training should have before its batches grow
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

    reset_probability: float = Field(0.02, ge=0.0, le=1.0)  # that a carried state is zeroed when a batch begins

    @model_validator(mode="after")
    def _bytes_fit(self) -> Self:
        if self.byte_fallback and self.vocabulary_size is not None and self.vocabulary_size < 257:
            raise ValueError(f"vocabulary_size: given {self.vocabulary_size}, expected 257 or more with byte_fallback")
        return self

    @property
    def text(self) -> TextConfig:
        """What of this the model needs, too."""
        return TextConfig(level=self.level, normalize=self.normalize, byte_fallback=self.byte_fallback)


def choices(given: Values, *, tokens: int, vocabulary: int, flops: float) -> Values:
    """Return config values for what `given` leaves open, for a text of so many tokens and different tokens.

    flops is the rate at which this machine trains; a budget in minutes is worth that many operations.
    """
    model, training = table(given, "model"), table(given, "training")
    chosen_budget = {} if {"steps", "epochs", "minutes"} & set(training) else {"minutes": _default_minutes(tokens)}
    cell = model.get("cell", "lstm")
    cell = cell if isinstance(cell, str) and cell in CELLS else "lstm"
    work = _Work(tokens, vocabulary, cell, flops, {**training, **chosen_budget})
    tied = model.get("tie_weights") is True
    hidden = model.get("hidden_size", model.get("embedding_size", work.hidden_size()) if tied else work.hidden_size())
    first, last = _first_and_last(hidden)
    layers = {"num_layers": len(hidden)} if isinstance(hidden, list | tuple) else {}
    embedding = last if tied else work.embedding_size(first)
    batch, bptt = work.batch_size(first), work.bptt_steps
    rate = (
        SGD_RATE
        if training.get("optimizer") == "sgd"
        else RATES.get(cell, RATES["gru"]) * min(2.0, (256.0 / first) ** 0.5)
    )
    return {
        "model": {"hidden_size": hidden, **layers, "embedding_size": embedding, "dropout": work.dropout(first)},
        "training": {**chosen_budget, "batch_size": batch, "bptt_steps": bptt, "learning_rate": _two_digits(rate)},
    }


def operations_per_token(cell: str, hidden: int, embedding: int, vocabulary: int) -> float:
    """Return the floating-point operations of training on one token with one recurrent layer."""
    softmax = vocabulary * hidden * (SOFTMAX_SLOWNESS if vocabulary > LARGE_VOCABULARY else 1.0)
    return 6.0 * (_recurrent_weights(cell, hidden, embedding) + softmax)


class _Work:
    """What a budget can do with a text."""

    def __init__(self, tokens: int, vocabulary: int, cell: str, flops: float, training: Values) -> None:
        self.tokens, self.vocabulary, self.cell, self.flops = tokens, vocabulary, cell, flops
        self.budget = {name: value for name, value in training.items() if _is_positive(value)}
        self.bptt_steps = max(1, int(self.budget.get("bptt_steps", max(2, min(64, tokens // 8)))))

    def reads(self, hidden: int) -> float:
        """Tokens that the budget trains on, readings of the same text counted again."""
        if "minutes" in self.budget:
            operations = operations_per_token(self.cell, hidden, self.embedding_size(hidden), self.vocabulary)
            return float(60.0 * self.budget["minutes"] * self.flops / operations)
        if "epochs" in self.budget:
            return float(self.budget["epochs"] * self.tokens)
        batch = self.budget.get("batch_size", min(LARGEST_BATCH, self._largest_batch()))
        return float(self.budget.get("steps", 1) * batch * self.bptt_steps)

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

    def batch_size(self, hidden: int) -> int:
        """Large enough to be fast, small enough for UPDATES updates, and no larger than the text or the cache allow."""
        if "batch_size" in self.budget:
            return int(self.budget["batch_size"])
        if "steps" in self.budget:
            return min(LARGEST_BATCH, self._largest_batch())
        wanted = int(self.reads(hidden) / (self.bptt_steps * UPDATES))
        return min(max(SMALLEST_BATCH, min(LARGEST_BATCH, wanted)), self._largest_batch())

    def _largest_batch(self) -> int:
        """A handful of batches an epoch at least, and logits that fit the cache."""
        by_text = self.tokens // (8 * self.bptt_steps)
        return max(1, min(by_text, int(SOFTMAX_ELEMENTS / (self.vocabulary * self.bptt_steps))))

    def _weights(self, hidden: int) -> int:
        return _recurrent_weights(self.cell, hidden, self.embedding_size(hidden))


def _recurrent_weights(cell: str, hidden: int, inputs: int) -> int:
    return CELLS[cell]().gates * hidden * (hidden + inputs)


def _default_minutes(tokens: int) -> float:
    """Ten minutes for a million tokens or more, one for a hundred thousand or less."""
    return round(min(10.0, max(1.0, tokens / 1e5)), 1)


def _is_positive(value: Any) -> bool:
    """Whether validation will take it as a number; what it will refuse must not stop the choices."""
    return isinstance(value, int | float) and 0 < value < 1e18  # infinity is refused, and fits no integer


def _first_and_last(hidden: Any) -> tuple[int, int]:
    """The first and last hidden size; what validation will refuse anyway becomes 1."""
    sizes = list(hidden) if isinstance(hidden, list | tuple) else [hidden]
    first, *_ = last = [size if isinstance(size, int) and _is_positive(size) else 1 for size in sizes] or [1]
    return first, last[-1]


def _two_digits(rate: float) -> float:
    return float(f"{rate:.2g}")
