"""The metrics of a language model on text.

    loss = - mean over t of log softmax(V h_t + b)[token_(t+1)]      nats per token

A text is scored in fixed streams (batches.py), by the predictor as well as by torch during training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from elman import kernels
from elman.cells import readout
from elman.config import Config
from elman.errors import DataError
from elman.metrics import Mean, bits_per_character, perplexity
from elman.tasks.spec import Scored
from elman.text import UNKNOWN, TextCodec

from .batches import VALIDATION_STREAMS, Tokens, ValidationBatch, validation_batches
from .corpus import CHUNK_TOKENS, LanguageModelCorpus, MemoryTokens

Array = npt.NDArray[Any]
S = TypeVar("S")  # the state of a model

MAX_STEPS = 128
MAX_LOGITS = 4_000_000  # of a batch, so that they do not fill the memory


def score_validation_set(scored: Scored, corpus: LanguageModelCorpus, options: Config) -> dict[str, Any]:
    """Return the metrics on the validation set of a run."""
    return _with_message(scored, scored.predictor.evaluate(corpus.ids("valid")))


def score(scored: Scored, examples: Iterable[str], options: Config) -> dict[str, Any]:
    """Return the metrics on blocks of text, which are scored as one text."""
    return _with_message(scored, scored.predictor.evaluate(examples))


def evaluate(tokens: Tokens, codec: TextCodec, mean_loss: Callable[[Tokens], Mean]) -> dict[str, Any]:
    """Return loss (nats per token), perplexity, bits per character and counts of a text."""
    if len(tokens) < 2:
        raise DataError(f"{len(tokens)} tokens to score; expected at least 2", hint="Give more text")
    loss = mean_loss(tokens)
    unknown, characters = 0, 0
    for ids in chunks(tokens, start=1):  # the first token is not a target
        unknown += int(np.count_nonzero(ids == codec.vocabulary[UNKNOWN]))
        characters += len(codec.decode(ids))
    return {
        "task": "lm",
        "count": loss.count,
        "loss": loss.value,
        "perplexity": perplexity(loss.value),
        "bits_per_character": bits_per_character(loss.sum, characters),
        "tokens": len(tokens),
        "unknown": unknown,
    }


def mean_loss(
    tokens: Tokens,
    vocabulary_size: int,
    batch_loss: Callable[[ValidationBatch, S | None], tuple[float, S]],
    *,
    limit: int | None = None,
) -> Mean:
    """Return the loss of all tokens of a text but the first, or of about `limit` tokens.

    batch_loss returns the summed loss of the targets of a batch that count, and the next state; None is the first.
    """
    total, state = Mean(), None
    for batch in validation_batches(tokens, steps_at_a_time(vocabulary_size), limit=limit):
        loss, state = batch_loss(batch, state)
        total += Mean(loss, int(batch.lengths.sum()))
    return total


def steps_at_a_time(vocabulary_size: int) -> int:
    """Return how many tokens of each stream are scored at a time; fewer for a large vocabulary."""
    return max(1, min(MAX_STEPS, MAX_LOGITS // (VALIDATION_STREAMS * vocabulary_size)))


def targets_or(batch: ValidationBatch, ignored: int) -> npt.NDArray[np.int64]:
    """Return the targets (B, T) of a batch, with another number in the place of those that do not count."""
    counts = np.arange(batch.targets.shape[1]) < batch.lengths[:, None]
    return np.where(counts, batch.targets, ignored)


def summed_loss(outputs: Array, V: Array, b: Array, batch: ValidationBatch) -> float:
    """Return the loss in nats of the targets of a batch that count, after outputs (B, T, H) of the layers."""
    targets = targets_or(batch, -1)
    if kernels.available():
        V, b = np.ascontiguousarray(V), np.ascontiguousarray(b)
        return float(kernels.cross_entropy(outputs.reshape(-1, V.shape[1]), V, b, targets.ravel()).sum())
    log_p = readout.log_softmax(readout.forward(outputs, V, b))
    of_targets = np.take_along_axis(log_p, batch.targets[..., None], -1)[..., 0]
    return -float(of_targets[targets >= 0].sum(dtype=np.float64))


def chunks(tokens: Tokens, *, start: int = 0, size: int = CHUNK_TOKENS) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the ids of a text from `start` on, in order."""
    for first in range(start, len(tokens), size):
        yield tokens.rows([first], min(size, len(tokens) - first))[0]


def encoded(examples: str | Iterable[str] | Tokens, codec: TextCodec) -> Tokens:
    """Return a text, or several, which are read as one, as ids; ids are returned as they are."""
    if not isinstance(examples, str | Iterable):
        return examples
    texts = [examples] if isinstance(examples, str) else examples
    smallest = np.min_scalar_type(len(codec.vocabulary) - 1)
    blocks = (codec.encode(text).astype(smallest) for text in texts)
    return MemoryTokens(np.concatenate([np.empty(0, smallest), *blocks]))


def _with_message(scored: Scored, metrics: dict[str, Any]) -> dict[str, Any]:
    if metrics["unknown"]:
        scored.notify(f"{metrics['unknown']:,} of {metrics['count']:,} tokens are unknown to the model")
    return metrics
