"""The values that a tagger chooses where the user gives none.

- Tokens: words, each looked up in lower case beside its characters; characters if every token is one (corpus.py).
- Conditional random field: if the tags mark spans.
- Hidden size: the largest one with which the budget allows MIN_PASSES passes over the sentences, and which they fill.
- Dropout: for a model that sees its sentences many times.
- Mini-batch: small if there are few sentences, for many updates in an epoch.
- The weights of the model folder are averaged over the last twentieth of the training.
"""

from __future__ import annotations

from typing import Literal

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
from elman.text.spans import Scheme

from .config import TaggerRun
from .corpus import TaggerCorpus

ASSUMED_CPU_FLOPS = 1e11
RATES = {"elman": 1e-3, "gru": 2e-3, "lstm": 2e-3}  # of adamw, at 128 hidden units
SGD_RATE = 0.5
MIN_PASSES = 15
HIDDEN_SIZES = (32, 64, 96, 128, 192, 256)
REFERENCE_TOKENS, REFERENCE_SIZE = 1e5, {"word": 128, "char": 192}
EMBEDDING_SIZE = 96
CHARACTER_SIZE = {"word": 64, "char": 0}
DROPOUT = {"word": 0.5, "char": 0.3}
WORD_DROPOUT = {"word": 0.25, "char": 0.02}  # an unknown character has no characters of its own
MANY_PASSES = 4
MIN_BATCH, MAX_BATCH = 4, 32
UPDATES_PER_EPOCH = 150  # at least, before mini-batches grow


def resolve(values: Values, corpus: TaggerCorpus | None = None, flops: float = ASSUMED_CPU_FLOPS) -> TaggerRun:
    """Return the whole config; mistakes among the values are one ConfigError.

    corpus is None before the data is read. flops is the rate at which this machine trains: a budget in minutes is worth
    that many operations.
    """
    if corpus is None:
        choices = _choices(
            values, sentences=10_000, tokens=100_000, labels=20, level="word", scheme="none", flops=flops
        )
    else:
        choices = _choices(
            values,
            sentences=corpus.train_set.count,
            tokens=corpus.train_set.tokens,
            labels=len(corpus.labels),
            level=corpus.text.level,
            scheme=corpus.scheme,
            flops=flops,
        )
        choices["data"] = {"level": corpus.text.level, "max_length": corpus.max_length or 0}
    return validate_config(TaggerRun, merge_values({"data": {}}, choices, values))


def _choices(
    values: Values,
    *,
    sentences: int,
    tokens: int,
    labels: int,
    level: Literal["word", "char"],
    scheme: Scheme,
    flops: float,
) -> Values:
    model, training = get_table(values, "model"), get_table(values, "training")
    budget = budget_of(training, default_minutes(tokens))
    cell = known_cell(model)
    batch = training.get("batch_size", batch_size(sentences))
    per_update = (positive_or_none(batch) or 1.0) / max(1, sentences)
    sizes = {"embedding_size": EMBEDDING_SIZE, "character_size": CHARACTER_SIZE[level]}

    def passes(hidden_size: int) -> float:
        operations = operations_per_token({"cell": cell, **sizes, "hidden_size": hidden_size, **model}, labels)
        return passes_over_data(budget, per_minute=60.0 * flops / operations / max(1, tokens), per_step=per_update)

    limit = size_for_tokens(tokens, reference_tokens=REFERENCE_TOKENS, reference_size=REFERENCE_SIZE[level])
    automatic = largest_size(HIDDEN_SIZES, at_most=limit, passes=passes, min_passes=MIN_PASSES)
    hidden_size = model.get("hidden_size", automatic)
    size = max(1, int(positive_or_none(hidden_size) or 1))
    return {
        "model": {
            **sizes,
            "hidden_size": hidden_size,
            "crf": scheme != "none",
            "scheme": scheme,
            "dropout": DROPOUT[level] if passes(size) >= MANY_PASSES else 0.0,
            "word_dropout": WORD_DROPOUT[level],
        },
        "training": {
            **budget,
            "batch_size": batch,
            "learning_rate": learning_rate(training, RATES, cell, size, reference_size=128.0, sgd=SGD_RATE),
            "average_steps": averaged_updates(passes(size) / per_update),
        },
    }


def operations_per_token(model: Values, labels: int) -> float:
    """Return the floating-point operations of training on one token."""
    directions = 1.0 if model.get("bidirectional") is False else 2.0
    return token_encoder_operations(model) + 6.0 * directions * number_of(model, "hidden_size", 1.0) * labels


def batch_size(sentences: int) -> int:
    """Return a mini-batch that is large enough to be fast, and small enough for many updates in an epoch."""
    return max(1, min(sentences, max(MIN_BATCH, min(MAX_BATCH, sentences // UPDATES_PER_EPOCH))))


def default_minutes(tokens: int) -> float:
    """Return one minute for a small file, ten for two hundred thousand tokens."""
    return round(min(10.0, max(1.0, tokens / 2e4)), 1)
