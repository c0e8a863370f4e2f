"""What an encoder-decoder's training can be told, and what it chooses where it is told nothing.

- levels: a side whose pieces between spaces are few and come again and again (phones, tags) is read by words, any other
  by characters;
- size: the largest hidden size with which the budget reads the pairs EPOCHS times, and no larger than they can fill;
- depth: two layers for the encoder where there are pairs enough, each direction narrower than the decoder's one layer:
  most of the work is the encoder's second layer, and it learns as much in less time;
- aligned input: where sources are about as long as their targets, so that what a target token says tends to stand at
  its own place in the source;
- dropout and label smoothing: for a model that will read its pairs many times;
- the weights that ship are averaged over the last fiftieth of the training.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, Self

from pydantic import Field, PositiveInt, field_validator, model_validator

from elman.cells import CELLS
from elman.config import Config, Values, positive, table
from elman.tasks.sizing import given_budget, readings

Level = Literal["char", "word", "byte", "bpe"]

RATES = {"elman": 1e-3, "gru": 2e-3, "lstm": 2e-3}  # of adamw, at 256 hidden units
SGD_RATE = 1.0  # Luong et al. (2015), section 4.1
EPOCHS = 6
HIDDEN_SIZES: tuple[int, ...] = (64, 96, 128, 192, 256, 320, 384, 448, 512)
FULL_SIZE_TOKENS, FULL_SIZE = 5e5, 256  # target tokens that can fill so many units; more fill their fourth root more
DEEP_PAIRS = 20_000  # from so many on, two layers in the encoder
NARROW = 0.6  # of the decoder's size, for each direction of a deep encoder
ALIGNED_RATIO = 2 / 3  # of the shorter side's tokens to the longer's, at least
DROPOUTS = ((40, 0.2), (8, 0.1))  # from so many readings of the pairs on
AVERAGED_SHARE, MOST_AVERAGED = 0.02, 1000  # of the updates
SMALLEST_BATCH, LARGEST_BATCH = 16, 64
UPDATES_PER_EPOCH = 100  # at least, before batches grow
PIECES, PIECE_REPEATS = 1000, 20  # at most so many different words, each so often, make a side of words


class PairDataConfig(Config):
    """How pairs are read, cut and split."""

    encoding: str | None = None  # None: UTF-8, or GB18030 where the text is clearly that
    format: Literal["auto", "tsv", "jsonl"] = "auto"
    columns: tuple[PositiveInt, PositiveInt] | None = None  # of source and target, from 1
    extra_targets: bool = False  # columns after the second hold further targets
    source_level: Level | None = None  # None: by the data
    target_level: Level | None = None
    normalize: Literal["none", "nfc", "lower"] = "none"  # both sides
    min_frequency: PositiveInt | None = None  # None: 1, or 2 where there are over a thousand different tokens
    vocabulary_size: PositiveInt | None = None  # of each side; None: no limit
    valid_fraction: float | None = Field(None, gt=0.0, lt=1.0)  # None: a tenth of the sources, at most 5,000
    split_seed: int = Field(
        0, ge=0, lt=2**63
    )  # of what is held out: another than the run's, so that ensembles share it

    @field_validator("columns", mode="before")
    @classmethod
    def _two_columns(cls, given: Any) -> Any:
        two = isinstance(given, list | tuple) and len(given) == 2 and given[0] != given[1]
        if given is not None and not (two and all(type(number) is int and number > 0 for number in given)):
            raise ValueError(f"given {given!r}, expected two different numbers from 1: of the source and of the target")
        return given

    @model_validator(mode="after")
    def _columns_are_all_or_two(self) -> Self:
        if self.extra_targets and self.columns is not None:
            raise ValueError("extra_targets takes all columns after the second, given columns too: choose one")
        return self


def level_of(texts: Iterable[str]) -> Level:
    """Return how a side is best cut: by words where a few of them make all of it, else by characters."""
    counts: dict[str, int] = {}
    sides = 0
    for text in texts:
        sides += 1
        for piece in text.split():
            counts[piece] = counts.get(piece, 0) + 1
        if len(counts) > PIECES:
            return "char"
    pieces = sum(counts.values())
    return "word" if pieces >= 2 * sides and pieces >= PIECE_REPEATS * len(counts) else "char"


def choices(
    given: Values, *, pairs: int, source_tokens: int, target_tokens: int, vocabulary: int, flops: float
) -> Values:
    """Return config values for what `given` leaves open, for so many pairs and tokens of training data.

    flops is the rate at which this machine trains; a budget in minutes is worth that many operations.
    """
    model, training = table(given, "model"), table(given, "training")
    budget = given_budget(training, default_minutes(target_tokens))
    cell = model.get("cell", "lstm")
    cell = cell if isinstance(cell, str) and cell in CELLS else "lstm"
    ratio = source_tokens / max(1, target_tokens)
    batch = training.get("batch_size", batch_size(pairs))

    aligned = min(ratio, 1.0 / max(ratio, 1e-9)) >= ALIGNED_RATIO and model.get("attention") != "none"

    def shape(hidden: int) -> Values:
        return {
            "cell": cell,
            "hidden_size": hidden,
            "aligned_input": aligned,
            **_depth(model, hidden, pairs),
            **model,
        }

    def times_read(hidden: int) -> float:
        operations = operations_per_token(shape(hidden), ratio, vocabulary)
        a_minute = 60.0 * flops / operations / max(1, target_tokens)
        return readings(budget, a_minute=a_minute, a_step=(positive(batch) or 1.0) / max(1, pairs))

    room = FULL_SIZE * (target_tokens / FULL_SIZE_TOKENS) ** 0.25
    fitting = [hidden for hidden in HIDDEN_SIZES if hidden <= room and times_read(hidden) >= EPOCHS]
    hidden = model.get("hidden_size", max(fitting, default=HIDDEN_SIZES[0]))
    size = max(1, int(positive(hidden) or 1))
    times = times_read(size)
    updates = times * pairs / (positive(batch) or 1.0)
    rate = (
        SGD_RATE
        if training.get("optimizer") == "sgd"
        else RATES.get(cell, RATES["gru"]) * min(2.0, (256.0 / size) ** 0.5)
    )
    return {
        "model": {
            "hidden_size": hidden,
            "embedding_size": min(size, 64 if vocabulary <= 512 else 128),
            **_depth(model, size, pairs),
            "aligned_input": aligned,
            "dropout": next((rate for least, rate in DROPOUTS if times >= least), 0.0),
            "label_smoothing": 0.1 if pairs >= DEEP_PAIRS else 0.0,
        },
        "training": {
            **budget,
            "batch_size": batch,
            "learning_rate": float(f"{rate:.2g}"),
            "average_steps": int(min(MOST_AVERAGED, AVERAGED_SHARE * updates)),
        },
    }


def _depth(model: Values, hidden: int, pairs: int) -> Values:
    """The layers of encoder and decoder, and the encoder's size where it is not the decoder's."""
    if "num_layers" in model:
        return {}
    if pairs < DEEP_PAIRS or model.get("bridge") == "copy":
        return {"num_layers": 1}
    narrow = max(32, 32 * round(NARROW * hidden / 32))
    both_ways = model.get("bidirectional", True) is not False
    chosen = both_ways and "hidden_size" not in model and narrow < hidden
    return {"num_layers": 2, "decoder_layers": 1, **({"encoder_hidden_size": narrow} if chosen else {})}


def operations_per_token(model: Values, ratio: float, vocabulary: int) -> float:
    """Return the floating-point operations of training on one target token, `ratio` source tokens beside it.

    model holds config values; what is no number there counts as one.
    """
    layers = _count(model, "num_layers", 1)
    hidden, D = _count(model, "hidden_size", 1), 1 if model.get("bidirectional") is False else 2
    inner = _count(model, "encoder_hidden_size", hidden)
    embedding = min(hidden, 64)
    encoder_gates = _gates(model.get("cell"))
    decoder_gates = _gates(model.get("decoder_cell") or model.get("cell"))
    encoder = D * encoder_gates * inner * (inner + embedding + (layers - 1) * (inner + D * inner))
    above = (_count(model, "decoder_layers", layers) - 1) * 2 * hidden
    above += hidden if model.get("attention_layer") == "first" else 0  # the contexts
    fed = hidden * sum(model.get(name) is True for name in ("aligned_input", "input_feeding"))
    decoder = decoder_gates * hidden * (hidden + embedding + fed + above)
    attended = 2 * hidden * hidden + hidden * vocabulary
    return 6.0 * (ratio * (encoder + D * inner * hidden) + decoder + attended)


def _count(model: Values, name: str, otherwise: int) -> int:
    return max(1, int(positive(model.get(name)) or otherwise))


def _gates(cell: Any) -> int:
    return CELLS[cell if isinstance(cell, str) and cell in CELLS else "lstm"]().gates


def batch_size(pairs: int) -> int:
    """Large enough to be fast, small enough for many updates an epoch."""
    wanted = pairs // UPDATES_PER_EPOCH
    return max(1, min(pairs, max(SMALLEST_BATCH, min(LARGEST_BATCH, wanted))))


def default_minutes(target_tokens: int) -> float:
    """One minute for a small file, ten for a million tokens."""
    return round(min(10.0, max(1.0, target_tokens / 1e5)), 1)
