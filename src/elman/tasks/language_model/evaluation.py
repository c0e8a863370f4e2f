"""The metrics of a language model on text: cross-entropy, perplexity and bits per character.

A text is cut into streams of about equal length, which are scored side by side (batches.py). Every token but the first
is predicted once. The loss is the mean of - log p(token_t | tokens before it in the stream), in nats; bits per
character is the sum of the losses, in bits, over the number of characters that the scored tokens stand for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from elman import kernels
from elman.cells import readout
from elman.config import Config
from elman.errors import DataError
from elman.metrics import Mean, bits_per_character, perplexity
from elman.models.matrix import Int8Matrix, Matrix, product
from elman.models.stack import Stack
from elman.tasks.spec import Scored
from elman.text import UNKNOWN, TextCodec

from .batches import SCORING_STREAMS, Ids, Tokens, scoring_batches
from .corpus import CHUNK_TOKENS, LanguageModelCorpus, MemoryTokens

Array = npt.NDArray[Any]
MAX_LOGITS = 4_000_000  # of a batch that is scored
MAX_STEPS = 128
CHUNK_STEPS = 1024  # of one stream


def score_validation_set(scored: Scored, corpus: LanguageModelCorpus, options: Config) -> dict[str, Any]:
    """Return the metrics on the validation set of a run."""
    return _reported(scored, scored.predictor.evaluate_blocks(corpus.ids("valid")))


def score(scored: Scored, examples: Iterable[str], options: Config) -> dict[str, Any]:
    """Return the metrics on blocks of text, which are scored as one text."""
    return _reported(scored, scored.predictor.evaluate_blocks(examples))


def _reported(scored: Scored, metrics: dict[str, Any]) -> dict[str, Any]:
    if metrics["unknown"]:
        scored.notify(f"{metrics['unknown']:,} of {metrics['count']:,} predicted tokens are unknown to the model")
    return metrics


def scoring_steps(vocabulary_size: int) -> int:
    """Return how many tokens of each stream are scored at a time: fewer for a large vocabulary, to save memory."""
    return max(1, min(MAX_STEPS, MAX_LOGITS // (SCORING_STREAMS * vocabulary_size)))


@dataclass(frozen=True, slots=True)
class Scorer:
    """The recurrent layers and the readout of a model: V (vocabulary, H) and b (vocabulary,)."""

    stack: Stack
    V: Matrix
    b: Array

    def cross_entropy(self, tokens: Tokens, *, limit: int | None = None) -> Mean:
        """Return the cross-entropy in nats of all tokens but the first; `limit` scores a sample of about that many."""
        total, state = Mean(), self.stack.initial_state(0)
        for batch in scoring_batches(tokens, scoring_steps(len(self.b)), limit=limit):
            B, T = batch.inputs.shape
            state = state if len(next(iter(state.values()))) == B else self.stack.initial_state(B)
            outputs, state = self.stack.run(batch.inputs, state, batch.lengths)
            mask = np.arange(T) < batch.lengths[:, None]
            total += Mean(self._loss(outputs, batch.targets, mask), int(mask.sum()))
        return total

    def _loss(self, outputs: Array, targets: Ids, mask: npt.NDArray[np.bool_]) -> float:
        """Return the sum of the losses in nats of the targets (B, T) where the mask is true."""
        if not kernels.available() or isinstance(self.V, Int8Matrix):
            log_p = readout.log_softmax(product(outputs, self.V) + self.b)
            return -float(np.take_along_axis(log_p, targets[..., None], -1)[..., 0][mask].sum(dtype=np.float64))
        counted = np.where(mask, targets, -1).astype(np.int64)
        V, b = np.ascontiguousarray(self.V), np.ascontiguousarray(self.b)
        return float(kernels.cross_entropy(outputs.reshape(-1, V.shape[1]), V, b, counted.ravel()).sum())


def evaluate(examples: Iterable[str] | Tokens, codec: TextCodec, scorer: Scorer) -> dict[str, Any]:
    """Return the metrics and counts of the blocks of a text, or of token ids."""
    tokens = _encoded(examples, codec) if isinstance(examples, Iterable) else examples
    if len(tokens) < 2:
        raise DataError(f"{len(tokens)} tokens to score; expected at least 2", hint="Give more text")
    scored = scorer.cross_entropy(tokens)
    unknown, characters = 0, 0
    for chunk in _chunks(tokens, first=1):
        unknown += int(np.count_nonzero(chunk == codec.vocabulary[UNKNOWN]))
        characters += len(codec.decode(chunk))
    return {
        "task": "lm",
        "count": scored.count,
        "loss": scored.value,
        "perplexity": perplexity(scored.value),
        "bits_per_character": bits_per_character(scored.sum, characters),
        "tokens": len(tokens),
        "unknown": unknown,
    }


def next_log_probabilities(
    examples: Iterable[str] | Tokens, codec: TextCodec, scorer: Scorer
) -> Iterator[tuple[Ids, Array]]:
    """Yield ids (T + 1,) and the log probabilities (T, V) of the last T of them, part by part, as one stream."""
    tokens = _encoded(examples, codec) if isinstance(examples, Iterable) else examples
    size, state = max(1, min(CHUNK_STEPS, MAX_LOGITS // len(scorer.b))), scorer.stack.initial_state(1)
    for start in range(0, len(tokens) - 1, size):
        ids = tokens.rows([start], min(size + 1, len(tokens) - start))[0]
        outputs, state = scorer.stack.run(ids[None, :-1], state)
        yield ids, readout.log_softmax(product(outputs[0], scorer.V) + scorer.b)


def _encoded(blocks: Iterable[str], codec: TextCodec) -> MemoryTokens:
    """Return the ids of the blocks of a text, in the smallest type that holds them."""
    smallest = np.min_scalar_type(len(codec.vocabulary) - 1)
    return MemoryTokens(np.concatenate([np.empty(0, smallest), *(codec.encode(b).astype(smallest) for b in blocks)]))


def _chunks(tokens: Tokens, *, first: int) -> Iterator[Ids]:
    """Yield the ids from the first on, without reading all of them at once."""
    for start in range(first, len(tokens), CHUNK_TOKENS):
        yield tokens.rows([start], min(CHUNK_TOKENS, len(tokens) - start))[0]
