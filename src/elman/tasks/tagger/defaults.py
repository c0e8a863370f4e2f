"""What a tagger's training can be told, and what it chooses where it is told nothing.

- words are looked up in lower case, and their characters read as they stand; a token that is one character is not
  spelled;
- tags of spans are chosen together, by a conditional random field; others each by itself;
- size: the largest hidden size with which the budget reads the sentences EPOCHS times, and no larger than they can
  fill;
- dropout: for a model that will read its sentences many times;
- the weights that ship are averaged over the last twentieth of the training.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveInt

from elman.cells import CELLS
from elman.config import Config, Values, positive, table
from elman.tasks.sizing import given_budget, operations_of_reading, readings
from elman.tasks.tagger.readers import TagColumns
from elman.text.spans import Scheme

RATES = {"elman": 1e-3, "gru": 2e-3, "lstm": 2e-3}  # of adamw, at 128 hidden units
SGD_RATE = 0.5
EPOCHS = 15
HIDDEN_SIZES: tuple[int, ...] = (32, 64, 96, 128, 192, 256)
FULL_SIZE_TOKENS = 1e5  # tokens that can fill so many units; more fill their fourth root more
FULL_SIZE = {"word": 128, "char": 192}
DROPOUT = {"word": 0.5, "char": 0.3}
WORD_DROPOUT = {"word": 0.25, "char": 0.02}  # a character that is unknown has no spelling to be told by
EMBEDDING, CHARACTER_SIZE = 96, 64
MANY_READINGS = 4
AVERAGED_SHARE, MOST_AVERAGED = 0.05, 1000  # of the updates
SMALLEST_BATCH, LARGEST_BATCH = 4, 32
UPDATES_PER_EPOCH = 150  # at least, before batches grow


class TagDataConfig(Config):
    """How tagged sentences are read, looked up and split."""

    encoding: str | None = None  # None: UTF-8, or GB18030 where the text is clearly that
    format: Literal["auto", "conllu", "columns", "lines", "jsonl"] = "auto"
    token_column: str | None = None  # None: form, tokens or 1, by the format
    tag_column: str | None = None  # None: upos, tags or the last, by the format
    level: Literal["word", "char"] | None = None  # None: char where every token is one character
    normalize: Literal["none", "nfc", "lower"] = "lower"  # of the word that is looked up
    min_frequency: PositiveInt | None = None  # None: 1, or 2 where there are over a thousand different words
    vocabulary_size: PositiveInt | None = None  # of words; None: no limit
    valid_fraction: float | None = Field(None, gt=0.0, lt=1.0)  # None: a tenth of the sentences, at most 5,000
    split_seed: int = Field(0, ge=0, lt=2**63)  # of what is held out: another than the run's

    def where_they_stand(self) -> TagColumns:
        """The columns of tokens and tags."""
        return TagColumns(self.token_column, self.tag_column)


def choices(
    given: Values,
    *,
    sentences: int,
    tokens: int,
    labels: int,
    level: Literal["word", "char"] | None,
    scheme: Scheme,
    flops: float,
) -> Values:
    """Return config values for what `given` leaves open, for so many sentences and tokens of training data.

    level is None where it is not known yet. flops is the rate at which this machine trains; a budget in minutes is
    worth that many operations.
    """
    model, training = table(given, "model"), table(given, "training")
    budget = given_budget(training, default_minutes(tokens))
    cell = model.get("cell", "lstm")
    cell = cell if isinstance(cell, str) and cell in CELLS else "lstm"
    batch = training.get("batch_size", batch_size(sentences))
    kind = level or "word"
    sizes = {"cell": cell, "embedding_size": EMBEDDING, "character_size": 0 if level == "char" else CHARACTER_SIZE}

    def times_read(hidden: int) -> float:
        operations = operations_per_token({**sizes, "hidden_size": hidden, **model}, labels)
        a_minute = 60.0 * flops / operations / max(1, tokens)
        return readings(budget, a_minute=a_minute, a_step=(positive(batch) or 1.0) / max(1, sentences))

    room = FULL_SIZE[kind] * (tokens / FULL_SIZE_TOKENS) ** 0.25
    fitting = [hidden for hidden in HIDDEN_SIZES if hidden <= room and times_read(hidden) >= EPOCHS]
    hidden = model.get("hidden_size", max(fitting, default=HIDDEN_SIZES[0]))
    size = max(1, int(positive(hidden) or 1))
    updates = times_read(size) * sentences / (positive(batch) or 1.0)
    rate = (
        SGD_RATE
        if training.get("optimizer") == "sgd"
        else RATES.get(cell, RATES["gru"]) * min(2.0, (128.0 / size) ** 0.5)
    )
    return {
        "data": {} if level is None else {"level": level},
        "model": {
            "hidden_size": hidden,
            "embedding_size": sizes["embedding_size"],
            "character_size": sizes["character_size"],
            "crf": scheme != "none",
            "scheme": scheme,
            "dropout": DROPOUT[kind] if times_read(size) >= MANY_READINGS else 0.0,
            "word_dropout": WORD_DROPOUT[kind],
        },
        "training": {
            **budget,
            "batch_size": batch,
            "learning_rate": float(f"{rate:.2g}"),
            "average_steps": int(min(MOST_AVERAGED, AVERAGED_SHARE * updates)),
        },
    }


def operations_per_token(model: Values, labels: int) -> float:
    """Return the floating-point operations of training on one token; what is no number in `model` counts as one."""
    directions = 1.0 if model.get("bidirectional") is False else 2.0
    return operations_of_reading(model) + 6.0 * directions * (positive(model.get("hidden_size")) or 1.0) * labels


def batch_size(sentences: int) -> int:
    """Large enough to be fast, small enough for many updates an epoch."""
    return max(1, min(sentences, max(SMALLEST_BATCH, min(LARGEST_BATCH, sentences // UPDATES_PER_EPOCH))))


def default_minutes(tokens: int) -> float:
    """One minute for a small file, ten for two hundred thousand tokens."""
    return round(min(10.0, max(1.0, tokens / 2e4)), 1)
