"""The values that a language model chooses where the user gives none.

They were found on texts of 0.2 to 2 million characters (docs/en/defaults.md has the figures).

- Hidden size: the largest one for which the budget allows TOKENS_PER_WEIGHT training tokens for each recurrent weight
  (beyond that a larger model learns less in the same time), and which the text fills.
- Dropout: in proportion to the number of passes over the text.
- A text of SHORT_TEXT tokens or fewer is one segment of backpropagation through time, without dropout.
- Mini-batch: as large as leaves MIN_UPDATES updates; smaller if the text is short, or if a large vocabulary makes the
  softmax the slow part.
"""

from __future__ import annotations

from typing import Any

from elman.cells import CELLS
from elman.config import Values, get_table, merge_values, positive_or_none, validate_config
from elman.tasks.sizing import budget_of, known_cell, largest_size, learning_rate, passes_over_data, size_for_tokens

from .config import LanguageModelRun
from .corpus import LanguageModelCorpus

ASSUMED_CPU_FLOPS = 1e11
RATES = {"elman": 1.2e-3, "gru": 5e-3, "lstm": 6.5e-3}  # of adamw, at 256 hidden units
WORD_RATES = {"elman": 1.2e-3, "gru": 3e-3, "lstm": 4e-3}  # most words are rare
SGD_RATE = 1.0
TOKENS_PER_WEIGHT = 14
HIDDEN_SIZES: tuple[int, ...] = (*range(32, 256, 32), *range(256, 1025, 64))
REFERENCE_TOKENS, REFERENCE_SIZE = 1e6, 512
MIN_BATCH, MAX_BATCH = 8, 32
MIN_UPDATES = 6000  # before mini-batches grow
LARGE_VOCABULARY = 512
MAX_LOGITS = 4_000_000  # of a mini-batch, which still fit into the cache
SOFTMAX_SLOWNESS = 2.0  # of an operation of a large softmax, beside one of the recurrent layer
PASSES_PER_DROPOUT = 80.0
SHORT_TEXT = 64  # tokens: so short a text is one segment, and is learned by heart


def resolve(
    values: Values, corpus: LanguageModelCorpus | None = None, flops: float = ASSUMED_CPU_FLOPS
) -> LanguageModelRun:
    """Return the whole config; mistakes among the values are one ConfigError.

    corpus is None before the text is read. flops is the rate at which this machine trains: a budget in minutes is worth
    that many operations.
    """
    tokens, vocabulary = (1_000_000, 100) if corpus is None else (corpus.train_set.tokens, len(corpus.vocabulary))
    choices = _choices(values, tokens=tokens, vocabulary=vocabulary, flops=flops)
    return validate_config(LanguageModelRun, merge_values({"data": {}}, choices, values))


def _choices(values: Values, *, tokens: int, vocabulary: int, flops: float) -> Values:
    model, training = get_table(values, "model"), get_table(values, "training")
    budget = budget_of(training, default_minutes(tokens))
    cell = known_cell(model)
    sizes = _Sizes(tokens, vocabulary, cell, flops, {**training, **budget})
    tied = model.get("tie_weights") is True
    automatic = model.get("embedding_size") if tied else None
    hidden = model.get("hidden_size", sizes.hidden_size() if automatic is None else automatic)
    first, last = _first_and_last(hidden)
    rates = WORD_RATES if get_table(values, "data").get("level") == "word" else RATES
    layers = {"num_layers": len(hidden)} if isinstance(hidden, list | tuple) else {}
    return {
        "model": {
            "hidden_size": hidden,
            **layers,
            "embedding_size": last if tied else sizes.embedding_size(first),
            "dropout": sizes.dropout(first),
        },
        "training": {
            **budget,
            "batch_size": sizes.batch_size(first),
            "bptt_steps": sizes.bptt_steps,
            "learning_rate": learning_rate(training, rates, cell, first, reference_size=256.0, sgd=SGD_RATE),
        },
    }


def operations_per_token(cell: str, hidden: int, embedding: int, vocabulary: int) -> float:
    """Return the floating-point operations of training on one token with one recurrent layer."""
    softmax = vocabulary * hidden * (SOFTMAX_SLOWNESS if vocabulary > LARGE_VOCABULARY else 1.0)
    return 6.0 * (_recurrent_weights(cell, hidden, embedding) + softmax)


class _Sizes:
    """The sizes for a text and a budget."""

    def __init__(self, tokens: int, vocabulary: int, cell: str, flops: float, training: Values) -> None:
        self.tokens, self.vocabulary, self.cell, self.flops = tokens, vocabulary, cell, flops
        self.training = {name: value for name, value in training.items() if positive_or_none(value) is not None}
        steps = min(64, tokens // 8) if tokens > SHORT_TEXT else tokens - 1
        self.bptt_steps = max(1, int(self.training.get("bptt_steps", steps)))

    def trained_tokens(self, hidden: int) -> float:
        """Return the tokens that the budget trains on; each pass over the text counts."""
        operations = operations_per_token(self.cell, hidden, self.embedding_size(hidden), self.vocabulary)
        batch = self.training.get("batch_size", min(MAX_BATCH, self._max_batch()))
        passes = passes_over_data(
            self.training,
            per_minute=60.0 * self.flops / operations / max(1, self.tokens),
            per_step=batch * self.bptt_steps / max(1, self.tokens),
        )
        return passes * max(1, self.tokens)

    def hidden_size(self) -> int:
        """Return the largest size that both the budget and the text can fill."""
        limit = size_for_tokens(self.tokens, reference_tokens=REFERENCE_TOKENS, reference_size=REFERENCE_SIZE)

        def tokens_per_weight(hidden: int) -> float:
            weights = _recurrent_weights(self.cell, hidden, self.embedding_size(hidden))
            return self.trained_tokens(hidden) / weights

        return largest_size(HIDDEN_SIZES, at_most=limit, passes=tokens_per_weight, min_passes=TOKENS_PER_WEIGHT)

    def embedding_size(self, hidden: int) -> int:
        """Return a small size for characters, and up to the hidden size for a large vocabulary."""
        return min(hidden, 64 if self.vocabulary <= LARGE_VOCABULARY else 128)

    def dropout(self, hidden: int) -> float:
        """Return a dropout in proportion to the passes over the text; none for fewer than two, or for a short text."""
        if self.tokens <= SHORT_TEXT:
            return 0.0
        passes = self.trained_tokens(hidden) / self.tokens
        return round(min(0.5, passes / PASSES_PER_DROPOUT), 2) if passes >= 2.0 else 0.0

    def batch_size(self, hidden: int) -> int:
        """Return a mini-batch that is large enough to be fast and leaves MIN_UPDATES updates."""
        if "batch_size" in self.training:
            return int(self.training["batch_size"])
        if "steps" in self.training:
            return min(MAX_BATCH, self._max_batch())
        size = int(self.trained_tokens(hidden) / (self.bptt_steps * MIN_UPDATES))
        return min(max(MIN_BATCH, min(MAX_BATCH, size)), self._max_batch())

    def _max_batch(self) -> int:
        """Return the largest mini-batch that leaves eight batches in an epoch, and whose logits fit into the cache."""
        by_text = self.tokens // (8 * self.bptt_steps)
        return max(1, min(by_text, int(MAX_LOGITS / (self.vocabulary * self.bptt_steps))))


def default_minutes(tokens: int) -> float:
    """Return ten minutes for a million tokens or more, one for a hundred thousand or fewer."""
    return round(min(10.0, max(1.0, tokens / 1e5)), 1)


def _recurrent_weights(cell: str, hidden: int, inputs: int) -> int:
    return CELLS[cell]().gates * hidden * (hidden + inputs)


def _first_and_last(hidden: Any) -> tuple[int, int]:
    """Return the first and last hidden size; a size that validation will refuse becomes 1."""
    sizes = list(hidden) if isinstance(hidden, list | tuple) else [hidden]
    valid = [size if isinstance(size, int) and positive_or_none(size) is not None else 1 for size in sizes] or [1]
    return valid[0], valid[-1]
