"""The pictures of an encoder-decoder: the attention weights of some pairs, each with its predicted target."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Protocol

from elman.figures.sequences import attention_map
from elman.figures.style import Draw

from .alignment import Alignment
from .config import Seq2SeqConfig
from .corpus import Seq2SeqCorpus
from .evaluation import PairItem
from .readers import Pair

PICTURES = 4  # pairs that are drawn


class Model(Protocol):
    """What the pictures need of a predictor."""

    config: Seq2SeqConfig

    def predict(self, sources: Iterable[str]) -> list[str]:
        """Return the most probable target of each source."""

    def align(self, source: str, target: str) -> Alignment:
        """Return the attention weights of a pair."""


def of_validation_set(model: Model, corpus: Seq2SeqCorpus) -> dict[str, Draw]:
    """Return the pictures of the first pairs of the validation set of a run, which are in random order."""
    return of_examples(model, corpus.valid())


def of_examples(model: Model, examples: Iterable[Pair] | Iterable[PairItem]) -> dict[str, Draw]:
    """Return the attention weights of the first pairs; none for a model without attention."""
    if model.config.attention == "none":
        return {}
    first: Iterable[Pair | PairItem] = itertools.islice(examples, PICTURES)
    sources = [pair.source if isinstance(pair, Pair) else pair[0] for pair in first]
    alignments = [model.align(*pair) for pair in zip(sources, model.predict(sources), strict=True)]
    return {f"attention-{number}": alignment_drawing(alignment) for number, alignment in enumerate(alignments, start=1)}


def alignment_drawing(alignment: Alignment) -> Draw:
    """Return the drawing of the attention weights of a pair."""
    return attention_map(alignment.attention_weights, alignment.source, alignment.target)
