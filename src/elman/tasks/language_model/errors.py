"""The wrong predictions of a language model: tokens that were not the most probable ones after those before them.

The text is read as one stream, where evaluation.py reads it in several.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from elman.config import Config
from elman.tasks.spec import ErrorRow, Scored

from .batches import Tokens

BEFORE = 24  # tokens before a wrong prediction that are shown


def wrong_predictions(scored: Scored, examples: Iterable[str] | Tokens, options: Config) -> Iterator[ErrorRow]:
    """Yield a row for each token that is not the most probable one; number counts the tokens from 1."""
    predictor = scored.predictor
    read = np.zeros(0, np.int64)
    number = 1
    for ids, log_p in predictor.next_log_probabilities(examples):
        read = np.concatenate([read[-BEFORE:], ids])
        first = len(read) - len(ids) + 1  # in read, of the first token that is predicted
        best = log_p.argmax(1)
        for t in np.flatnonzero(best != ids[1:]):
            yield ErrorRow(
                {
                    "number": number + int(t) + 1,
                    "before": predictor.codec.decode(read[max(0, first + t - BEFORE) : first + t]),
                    "expected": predictor.codec.decode(ids[t + 1 : t + 2]),
                    "predicted": predictor.codec.decode(best[t : t + 1]),
                    "probability": float(np.exp(log_p[t, best[t]])),
                    "probability_expected": float(np.exp(log_p[t, ids[t + 1]])),
                }
            )
        read = read[:-1]  # the next part begins with the last token again
        number += len(ids) - 1
