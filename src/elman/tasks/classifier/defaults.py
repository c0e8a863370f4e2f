"""The values that a classifier chooses where the user gives none.

- Tokens: words if texts have several of them, each looked up in lower case; otherwise characters (corpus.py).
- Hidden size: the largest one with which the budget allows MIN_PASSES passes over the texts, and which the texts fill.
- Dropout: for a model that sees its texts many times.
- Mini-batch: small if there are few texts, for many updates in an epoch.
- Label smoothing: it makes the model more accurate and its probabilities too low, which calibration corrects. Steps are
  compared by the validation loss after calibration, up to its standard error (training/loop.py). For a few hundred
  texts, accuracy is too coarse to compare steps.
- The weights of the model folder are averaged over the last twentieth of the training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from elman.config import Values, get_table, merge_values, positive_or_none, validate_config
from elman.tasks.sizing import (
    averaged_updates,
    budget_of,
    known_cell,
    largest_size,
    learning_rate,
    number_of,
    passes_over_data,
    size_for_tokens,
    token_encoder_operations,
)

from .config import ClassifierRun

if TYPE_CHECKING:
    from .corpus import ClassifierCorpus

ASSUMED_CPU_FLOPS = 1e11
RATES = {"elman": 1e-3, "gru": 2e-3, "lstm": 2e-3}  # of adamw, at 128 hidden units
SGD_RATE = 0.5
MIN_PASSES = 12
HIDDEN_SIZES = (32, 64, 96, 128, 192, 256)
REFERENCE_TOKENS, REFERENCE_SIZE = 1e5, 128
EMBEDDING_SIZE = 64
CHARACTER_SIZE = {"char": 0, "word": 32, "byte": 0}
DROPOUT = {"char": 0.3, "word": 0.5, "byte": 0.3}
WORD_DROPOUT = {"char": 0.0, "word": 0.25, "byte": 0.0}
MANY_PASSES = 4
LABEL_SMOOTHING = 0.1
MIN_BATCH, MAX_BATCH = 8, 64
UPDATES_PER_EPOCH = 150  # at least, before mini-batches grow


def resolve(values: Values, corpus: ClassifierCorpus | None = None, flops: float = ASSUMED_CPU_FLOPS) -> ClassifierRun:
    """Return the whole config; mistakes among the values are one ConfigError.

    corpus is None before the data is read. flops is the rate at which this machine trains: a budget in minutes is worth
    that many operations.
    """
    texts, tokens = (10_000, 1_000_000) if corpus is None else (corpus.train_set.count, corpus.train_set.tokens)
    level = "char" if corpus is None else corpus.text.level
    choices = {
        "data": {} if corpus is None else {**corpus.text.model_dump(), "max_length": corpus.max_length or 0},
        **_sizes(values, texts=texts, tokens=tokens, level=level, flops=flops),
    }
    return validate_config(ClassifierRun, merge_values({"data": {}}, choices, values))


def _sizes(values: Values, *, texts: int, tokens: int, level: str, flops: float) -> Values:
    model, training = get_table(values, "model"), get_table(values, "training")
    budget = budget_of(training, default_minutes(tokens))
    cell = known_cell(model)
    batch = training.get("batch_size", batch_size(texts))
    per_update = (positive_or_none(batch) or 1.0) / max(1, texts)

    def passes(hidden_size: int) -> float:
        sizes = {"hidden_size": hidden_size, "embedding_size": min(hidden_size, EMBEDDING_SIZE)}
        sizes["character_size"] = CHARACTER_SIZE[level]
        operations = operations_per_token({"cell": cell, **sizes, **model})
        return passes_over_data(budget, per_minute=60.0 * flops / operations / max(1, tokens), per_step=per_update)

    limit = size_for_tokens(tokens, reference_tokens=REFERENCE_TOKENS, reference_size=REFERENCE_SIZE)
    automatic = largest_size(HIDDEN_SIZES, at_most=limit, passes=passes, min_passes=MIN_PASSES)
    hidden_size = model.get("hidden_size", automatic)
    size = max(1, int(positive_or_none(hidden_size) or 1))
    return {
        "model": {
            "hidden_size": hidden_size,
            "embedding_size": min(size, EMBEDDING_SIZE),
            "character_size": CHARACTER_SIZE[level],
            "dropout": DROPOUT[level] if passes(size) >= MANY_PASSES else 0.0,
            "word_dropout": WORD_DROPOUT[level],
            "label_smoothing": LABEL_SMOOTHING,
        },
        "training": {
            **budget,
            "batch_size": batch,
            "learning_rate": learning_rate(training, RATES, cell, size, reference_size=128.0, sgd=SGD_RATE),
            "average_steps": averaged_updates(passes(size) / per_update),
        },
    }


def operations_per_token(model: Values) -> float:
    """Return the floating-point operations of training on one token."""
    directions = 1.0 if model.get("bidirectional") is False else 2.0
    pooling = 6.0 * (directions * number_of(model, "hidden_size", 1.0)) ** 2
    return token_encoder_operations(model) + (pooling if model.get("pooling") == "attention" else 0.0)


def batch_size(texts: int) -> int:
    """Return a mini-batch that is large enough to be fast, and small enough for many updates in an epoch."""
    return max(1, min(texts, max(MIN_BATCH, min(MAX_BATCH, texts // UPDATES_PER_EPOCH))))


def default_minutes(tokens: int) -> float:
    """Return one minute for a small file, ten for two million tokens."""
    return round(min(10.0, max(1.0, tokens / 2e5)), 1)
