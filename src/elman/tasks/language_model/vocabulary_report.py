"""The report of `elman data vocabulary`: the vocabulary that `elman train lm` builds from a text, with counts.

As in a training, the end of the text is the validation set, and the vocabulary and its counts are those of the training
set. A token that the vocabulary lacks is read as `<unk>`, or with a byte fallback as bytes. The covered share of a set
is that of the tokens that are in the vocabulary.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from elman.data.readers.encodings import Notify
from elman.data.sources import ExampleSource
from elman.tasks.descriptions import LEVEL_NOUNS
from elman.text import UNKNOWN
from elman.translations import pad, translate

from .config import LanguageModelDataConfig
from .preparation import count_tokens

WIDTH = 12  # of a column of numbers


@dataclass(frozen=True, slots=True)
class TokenCount:
    """A token and how often it occurs in the training set."""

    token: str
    count: int


class SetFigures(NamedTuple):
    """Tokens and different tokens of a set, and the share of its tokens that the vocabulary has."""

    tokens: int
    different: int
    covered: float


class VocabularyFigures(NamedTuple):
    """A vocabulary in the order of its ids, and the tokens of the training set that it lacks.

    The count of `<unk>` is the sum of theirs, or 0 if they are written as bytes. valid is None if the training set is
    the whole text.
    """

    vocabulary: list[TokenCount]
    left_out: list[TokenCount]
    train: SetFigures
    valid: SetFigures | None

    def as_json(self) -> dict[str, Any]:
        """Return the object of --json."""
        return {
            "size": len(self.vocabulary),
            "train": self.train._asdict(),
            "valid": self.valid and self.valid._asdict(),
            "vocabulary": [self._row(item) for item in self.vocabulary],
            "left_out": [self._row(item) for item in self.left_out],
        }

    def _row(self, item: TokenCount) -> dict[str, Any]:
        return {"token": item.token, "count": item.count, "share": item.count / self.train.tokens}


def vocabulary_figures(
    sources: Sequence[ExampleSource[str]], config: LanguageModelDataConfig, notify: Notify
) -> VocabularyFigures:
    """Read texts as training does, and return the vocabulary of the training set and its counts."""
    with tempfile.TemporaryDirectory(prefix="elman-") as folder:
        counted = count_tokens(Path(folder) / "numbers.tmp", config, sources, (), notify)
        tokens, vocabulary = counted.numbers.tokens, counted.vocabulary
        is_known = np.array([token in vocabulary for token in tokens])
        valid = None
        if counted.has_validation_set:
            valid = _set_figures(counted.numbers.counts(*counted.valid), is_known)
    counts = dict(zip(tokens, counted.counts.tolist(), strict=True))
    left_out = [TokenCount(token, count) for token, count in counts.items() if count and token not in vocabulary]
    left_out.sort(key=lambda item: item.count, reverse=True)  # stable: equal counts in the order of appearance
    counts[UNKNOWN] = 0 if config.byte_fallback else sum(item.count for item in left_out)
    in_order = [TokenCount(token, counts.get(token, 0)) for token in vocabulary.tokens]
    return VocabularyFigures(in_order, left_out, _set_figures(counted.counts, is_known), valid)


def _set_figures(counts: npt.NDArray[np.int64], is_known: npt.NDArray[np.bool_]) -> SetFigures:
    total = int(counts.sum())
    return SetFigures(total, int(np.count_nonzero(counts)), float(counts[is_known].sum() / total))


def report_lines(figures: VocabularyFigures, config: LanguageModelDataConfig, top: int) -> Iterator[str]:
    """Yield the figures, and the most frequent tokens in a table."""
    train, valid, noun = figures.train, figures.valid, LEVEL_NOUNS[config.level]
    yield translate(f"training set: {train.tokens:,} {noun}, {train.different:,} of them different")
    known = train.different - len(figures.left_out)
    yield translate(
        f"vocabulary: {len(figures.vocabulary):,} tokens, `<unk>` included; it has {known:,} of the "
        f"{train.different:,} different {noun}"
    )
    yield translate(f"covered: {train.covered:.2%} of the training set")
    if valid is not None:
        yield translate(f"covered: {valid.covered:.2%} of the validation set, which has {valid.tokens:,} {noun}")
    yield ""
    yield "".join(pad(translate(name, "words"), WIDTH, right=True) for name in ("count", "share", "cumulative")) + (
        f"  {translate('token', 'words')}"
    )
    most_frequent = sorted(figures.vocabulary, key=lambda item: item.count, reverse=True)[:top]
    seen = 0
    for item in most_frequent:
        if item.count:
            seen += item.count
            share, cumulative = item.count / train.tokens, seen / train.tokens
            yield f"{item.count:>{WIDTH},}{share:>{WIDTH}.2%}{cumulative:>{WIDTH}.2%}  {item.token!r}"
