"""The split into training and validation set, or none.

Where the user asks for no validation set (valid_fraction 0), or where the automatic split has too few examples, or no
example that the training set could do without, the model is trained on all examples and scored on them, and every
figure is called one of the training set.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from typing import TypeVar

import numpy as np

from elman.data.readers.encodings import Notify

T = TypeVar("T")

AUTOMATIC_VALID_SHARE = 0.1
AUTOMATIC_VALID_EXAMPLES = 5_000
MIN_SPLIT_EXAMPLES = 10  # with fewer examples, there is no automatic split


def validation_size(total: int, fraction: float | None, *, at_most: int = AUTOMATIC_VALID_EXAMPLES) -> int:
    """Return how many of `total` examples the validation set gets; fraction None is a tenth, at most `at_most`."""
    share = AUTOMATIC_VALID_SHARE if fraction is None else fraction
    size = total - int(total * (1.0 - share))
    return size if fraction is not None else min(size, at_most)


def has_split(total: int, fraction: float | None, *, at_least: int = MIN_SPLIT_EXAMPLES) -> bool:
    """Return whether a validation set is taken from `total` examples."""
    return fraction > 0.0 if fraction is not None else total >= at_least


def report_no_validation_set(total: int, noun: str, fraction: float | None, notify: Notify) -> None:
    """Report that there is no validation set, and why; noun is what the examples are, in the plural."""
    reason = (
        "valid_fraction is 0" if fraction is not None else f"{total:,} {noun} are too few, or too much alike, for one"
    )
    notify(f"no validation set ({reason}): training on all {noun}; all figures are those of the training set")


def in_random_order(examples: Sequence[T], rng: np.random.Generator) -> list[T]:
    """Return the examples in random order, so that the first ones are a sample of them."""
    return [examples[i] for i in rng.permutation(len(examples))]


def report_overlap(train: Collection[Hashable], valid: Sequence[Hashable], noun: str, notify: Notify) -> None:
    """Report how many validation examples have the same key as a training example."""
    keys = set(train)
    if shared := sum(key in keys for key in valid):
        notify(f"{shared:,} of the {len(valid):,} {noun} of the validation set are in the training set too")
