"""A text as ids, for the labs of character language models, and batches of it in two orders.

Sequential batches: the text is cut into B streams, and window k + 1 continues window k in each row, so the hidden state
can be carried on. Random batches: windows in random order, so each starts from a state of zero.
Settings and both orders are those of Zhang et al., Dive into Deep Learning, 9.3 and 9.5 (8.3 and 8.5 in Chinese).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from elman.errors import DataError
from elman.text import NORMALIZERS, Vocabulary

from .lab import Report
from .texts import read_text

Ids = npt.NDArray[np.int64]

BATCH, STEPS = 32, 35
TRAINING_CHARACTERS = 10_000
PREFIXES = ("time traveller", "traveller")
MIN_CHARACTERS = 4_000  # of a text: training and held-out text of at least one window each


class Characters(NamedTuple):
    """A text as ids: the first 10,000 characters are for training, the others are held out."""

    vocabulary: Vocabulary
    training: Ids
    held_out: Ids
    prefixes: tuple[str, ...]  # of the texts to generate
    is_book: bool  # whether it is the book, to which the expected numbers belong


def read_characters(report: Report) -> Characters:
    """Return The Time Machine, or the user's own text, cleaned as in the textbook if it is written in Latin letters."""
    text, is_book = read_text(report, "timemachine")
    cleaned = "".join(NORMALIZERS["textbook" if _is_latin(text) else "nfc"].pieces(text))
    if len(cleaned) < MIN_CHARACTERS:
        raise DataError(
            f"the text has {len(cleaned):,} characters after cleaning; expected at least {MIN_CHARACTERS:,}",
            hint="Choose a longer text",
            where=report.settings.text,
        )
    vocabulary = Vocabulary.from_tokens(cleaned)
    ids = np.array(vocabulary.encode(cleaned))
    size = min(TRAINING_CHARACTERS, len(ids) // 2)
    prefixes = PREFIXES if is_book else (cleaned[:14], cleaned[:5])
    return Characters(vocabulary, ids[:size], ids[size:], prefixes, is_book)


def _is_latin(text: str) -> bool:
    """Return whether most letters are from a to z; the textbook's cleaning deletes all others."""
    letters = [symbol for symbol in text if symbol.isalpha()]
    return 2 * sum(symbol.isascii() for symbol in letters) >= len(letters)


def sequential_batches(ids: Ids, offset: int, batch: int = BATCH, steps: int = STEPS) -> Iterator[tuple[Ids, Ids]]:
    """Yield inputs and targets (B, T); row b of a window continues row b of the window before."""
    length = (len(ids) - offset - 1) // batch
    inputs = ids[offset : offset + batch * length].reshape(batch, length)
    targets = ids[offset + 1 : offset + 1 + batch * length].reshape(batch, length)
    for start in range(0, length - steps + 1, steps):
        yield inputs[:, start : start + steps], targets[:, start : start + steps]


def random_batches(
    ids: Ids, rng: np.random.Generator, batch: int = BATCH, steps: int = STEPS
) -> Iterator[tuple[Ids, Ids]]:
    """Yield inputs and targets (B, T) of windows in random order; each window is used at most once."""
    offset = int(rng.integers(steps))
    starts = rng.permutation(np.arange(offset, len(ids) - steps, steps))
    for first in range(0, len(starts) - batch + 1, batch):
        places = starts[first : first + batch, None] + np.arange(steps)
        yield ids[places], ids[places + 1]


def random_floor(ids: Ids, steps: int = STEPS) -> float:
    """Return the lowest perplexity that windows of a text allow if each is read from a state of zero.

    After k symbols of a window, the best possible prediction is the distribution of what follows these k symbols
    somewhere in the text. Memory cannot help: what was before the window is not there.
    """
    context = ids  # one number for each run of k symbols, by its first place
    losses = []
    for k in range(1, steps + 1):
        places = len(ids) - k
        before = np.bincount(context[:places])
        _, run, after = np.unique(
            np.stack([context[:places], ids[k:]]), axis=1, return_inverse=True, return_counts=True
        )
        losses.append(-np.log(after[run] / before[context[:places]]).mean())
        context = run
    return math.exp(np.mean(losses))
