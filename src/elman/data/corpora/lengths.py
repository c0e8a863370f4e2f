"""The maximum length of the examples of a training set: given, or chosen so that usual data lose nothing.

One example that is far longer than the others (a file without line ends, a page that was pasted into a cell) would take
most of the memory and the time of a training. The automatic limit is twenty times the length that 99 percent of the
examples do not exceed, and at least 1,000 tokens; for few examples there is no limit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import NonNegativeInt

from elman.config import Config
from elman.data.batches.buckets import usual_length
from elman.data.readers.encodings import Notify
from elman.errors import DataError
from elman.options import option

from .split import MIN_SPLIT_EXAMPLES

MIN_LIMIT = 1_000
USUAL_LENGTHS = 20


class MaxLengthConfig(Config):
    """How long an example of the training set may be."""

    max_length: NonNegativeInt | None = option(
        None,
        flag="--max-length",
        help="Largest number of tokens of an example of the training set; 0 means no limit",
        automatic="twenty times the usual length, at least 1,000",
    )


def choose_max_length(lengths: Sequence[int], max_length: int | None) -> int | None:
    """Return the limit in tokens for examples of these lengths; None means that there is none."""
    if max_length is not None:
        return max_length or None
    if len(lengths) < MIN_SPLIT_EXAMPLES:
        return None
    return max(MIN_LIMIT, USUAL_LENGTHS * usual_length(np.array(lengths)))


def report_long_examples(lengths: Sequence[int], limit: int, noun: str, act: str, notify: Notify, where: str) -> None:
    """Report how many examples exceed the limit, and what happens to them.

    noun is what the examples are, in the plural; act is `left out` or `cut`; where is the place of the longest one.
    """
    count = sum(length > limit for length in lengths)
    if count:
        place = f"; the longest, with {max(lengths):,} tokens, is at {where}" if where else ""
        message = f"{count:,} of {len(lengths):,} {noun}: longer than max_length, {limit:,} tokens, and {act}{place}"
        notify(message)


def require_short_examples(count: int, limit: int, where: str) -> None:
    """Raise a DataError if no example is within the limit."""
    if not count:
        hint = "Choose a larger max_length; 0 means no limit"
        raise DataError(f"all examples are longer than max_length, {limit:,} tokens", hint=hint, where=where)
