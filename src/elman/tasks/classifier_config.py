"""What a classifier's training can be told, and what it chooses where it is told nothing.

- texts of several words are read word by word, each looked up in lower case, and its characters read as they stand;
  others character by character;
- size: the largest hidden size with which the budget reads the texts EPOCHS times, and no larger than they can fill;
- dropout: for a model that will read its texts many times;
- batches: small where there are few texts, for many updates an epoch;
- labels are smoothed, so that the loss of held-out texts, by which the best step is told, rises with mistakes and not
  with confidence: of a few hundred texts, accuracy is too coarse to tell steps apart;
- the weights that ship are averaged over the last twentieth of the training.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveInt

from elman.cells import CELLS
from elman.config import Config, Values, positive, table
from elman.data.labelled import Columns
from elman.data.labelled_corpus import LabelTextConfig

from .budget import given_budget, operations_of_reading, readings

RATES = {"elman": 1e-3, "gru": 2e-3, "lstm": 2e-3}  # of adamw, at 128 hidden units
SGD_RATE = 0.5
EPOCHS = 12
HIDDEN_SIZES: tuple[int, ...] = (32, 64, 96, 128, 192, 256)
FULL_SIZE_TOKENS, FULL_SIZE = 1e5, 128  # tokens that can fill so many units; more fill their fourth root more
EMBEDDING = 64
CHARACTER_SIZE = {"char": 0, "word": 32, "byte": 0}
DROPOUT = {"char": 0.3, "word": 0.5, "byte": 0.3}
WORD_DROPOUT = {"char": 0.0, "word": 0.25, "byte": 0.0}
MANY_READINGS = 4
SMOOTHING = 0.1
AVERAGED_SHARE, MOST_AVERAGED = 0.05, 1000  # of the updates
SMALLEST_BATCH, LARGEST_BATCH = 8, 64
UPDATES_PER_EPOCH = 150  # at least, before batches grow


class LabelDataConfig(Config):
    """How labelled texts are read, cut and split."""

    encoding: str | None = None  # None: UTF-8, or GB18030 where the text is clearly that
    format: Literal["auto", "tsv", "csv", "jsonl"] = "auto"
    text_column: str = Field("text", min_length=1)
    label_column: str = Field("label", min_length=1)
    columns: tuple[str, ...] | None = None  # the names of all columns, of a table without a header
    level: Literal["char", "word", "byte"] | None = None  # None: word where texts are of several words, else char
    normalize: Literal["none", "nfc", "lower"] | None = None  # None: lower of words that are looked up, else none
    min_frequency: PositiveInt | None = None  # None: 1, or 2 where there are over a thousand different tokens
    vocabulary_size: PositiveInt | None = None  # None: no limit
    valid_fraction: float | None = Field(None, gt=0.0, lt=1.0)  # None: a tenth of each label's texts, at most 5,000
    split_seed: int = Field(0, ge=0, lt=2**63)  # of what is held out: another than the run's

    def where_they_stand(self) -> Columns:
        """The columns of text and label."""
        return Columns(self.text_column, self.label_column, self.columns)


def choices(given: Values, *, texts: int, tokens: int, text: LabelTextConfig | None, flops: float) -> Values:
    """Return config values for what `given` leaves open, for so many texts and tokens of training data.

    text is how they are cut, None where that is not known yet; flops is the rate at which this machine trains: a budget
    in minutes is worth that many operations.
    """
    model, training = table(given, "model"), table(given, "training")
    budget = given_budget(training, default_minutes(tokens))
    cell = model.get("cell", "lstm")
    cell = cell if isinstance(cell, str) and cell in CELLS else "lstm"
    batch = training.get("batch_size", batch_size(texts))
    level = text.level if text else "char"

    def times_read(hidden: int) -> float:
        sizes = {
            "hidden_size": hidden,
            "embedding_size": min(hidden, EMBEDDING),
            "character_size": CHARACTER_SIZE[level],
        }
        operations = operations_per_token({"cell": cell, **sizes, **model})
        a_minute = 60.0 * flops / operations / max(1, tokens)
        return readings(budget, a_minute=a_minute, a_step=(positive(batch) or 1.0) / max(1, texts))

    room = FULL_SIZE * (tokens / FULL_SIZE_TOKENS) ** 0.25
    fitting = [hidden for hidden in HIDDEN_SIZES if hidden <= room and times_read(hidden) >= EPOCHS]
    hidden = model.get("hidden_size", max(fitting, default=HIDDEN_SIZES[0]))
    size = max(1, int(positive(hidden) or 1))
    updates = times_read(size) * texts / (positive(batch) or 1.0)
    rate = (
        SGD_RATE
        if training.get("optimizer") == "sgd"
        else RATES.get(cell, RATES["gru"]) * min(2.0, (128.0 / size) ** 0.5)
    )
    return {
        "data": {} if text is None else {"level": text.level, "normalize": text.normalize},
        "model": {
            "hidden_size": hidden,
            "embedding_size": min(size, EMBEDDING),
            "character_size": CHARACTER_SIZE[level],
            "dropout": DROPOUT[level] if times_read(size) >= MANY_READINGS else 0.0,
            "word_dropout": WORD_DROPOUT[level],
            "label_smoothing": SMOOTHING,
        },
        "training": {
            **budget,
            "batch_size": batch,
            "learning_rate": float(f"{rate:.2g}"),
            "average_steps": int(min(MOST_AVERAGED, AVERAGED_SHARE * updates)),
        },
    }


def operations_per_token(model: Values) -> float:
    """Return the floating-point operations of training on one token; what is no number in `model` counts as one."""
    directions = 1.0 if model.get("bidirectional") is False else 2.0
    pooled = (directions * (positive(model.get("hidden_size")) or 1.0)) ** 2
    return operations_of_reading(model) + (6.0 * pooled if model.get("pooling") == "attention" else 0.0)


def batch_size(texts: int) -> int:
    """Large enough to be fast, small enough for many updates an epoch."""
    return max(1, min(texts, max(SMALLEST_BATCH, min(LARGEST_BATCH, texts // UPDATES_PER_EPOCH))))


def default_minutes(tokens: int) -> float:
    """One minute for a small file, ten for two million tokens."""
    return round(min(10.0, max(1.0, tokens / 2e5)), 1)
