"""The text of the labs bidirectional and cloze: letters and spaces of Python's language reference.

Every complete Python contains it, so nothing has to be downloaded; each version of Python has its own.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np

from elman.data.generated_datasets import python_docs

SYMBOLS = " abcdefghijklmnopqrstuvwxyz"
VALID_FRACTION = 0.1
BATCH = 16


@cache
def corpus() -> tuple[Any, Any]:
    """Return the ids of Python's language reference, letters and spaces only: training set and validation set."""
    import torch

    text = re.sub("[^a-z]+", " ", python_docs().decode().lower())
    ids = torch.tensor([SYMBOLS.index(symbol) for symbol in text])
    size = int(len(ids) * (1.0 - VALID_FRACTION))
    return ids[:size], ids[size:]


def random_windows(ids: Any, length: int, rng: np.random.Generator) -> Any:
    """Return a batch of windows (B, length)."""
    import torch

    starts = torch.from_numpy(rng.integers(len(ids) - length + 1, size=BATCH))
    return ids[starts[:, None] + torch.arange(length)]
