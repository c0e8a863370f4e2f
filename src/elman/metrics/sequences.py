"""Metrics of sequences: predicted sequences compared with references.

    exact match           sequences that equal a reference / sequences
    sequence error rate   1 - exact match
    token error rate      sum of edit distances to the closest references / sum of those references' lengths

The closest of several references has the smallest edit distance; of equals, it is the longest. A token error rate may
exceed 1, because a prediction may have more tokens than its reference. BLEU (Papineni et al., 2002) and chrF (Popovic,
2015) are corpus scores of sacrebleu with its defaults (Post, 2018). Rates and scores are fractions of one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

LONG = 10_000  # pairs of tokens, from which NumPy is faster
_CHINESE = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")


def edit_distance(actual: Sequence[Hashable], expected: Sequence[Hashable]) -> int:
    """Return the fewest insertions, deletions and replacements between two sequences (Levenshtein, 1966)."""
    first, actual_end, expected_end = 0, len(actual), len(expected)
    while first < min(actual_end, expected_end) and actual[first] == expected[first]:
        first += 1
    while first < min(actual_end, expected_end) and actual[actual_end - 1] == expected[expected_end - 1]:
        actual_end, expected_end = actual_end - 1, expected_end - 1
    columns = actual[first:actual_end]
    if len(columns) * (expected_end - first) >= LONG:
        return _long_edit_distance(columns, expected[first:expected_end])
    row = list(range(len(columns) + 1))  # distances of the prefixes of `columns` to a prefix of `expected`
    for number, token in enumerate(expected[first:expected_end], start=1):
        left, previous_row = number, row
        row = [number]
        for column, other in enumerate(columns):
            left = (
                previous_row[column]
                if token == other
                else 1 + min(left, previous_row[column], previous_row[column + 1])
            )
            row.append(left)
    return row[-1]


def _long_edit_distance(actual: Sequence[Hashable], expected: Sequence[Hashable]) -> int:
    """Return the edit distance, a row of all prefixes of `actual` at a time.

    An insertion may follow another one. With d[j] as the best without a last insertion, the distances of the row are
    min over i <= j of d[i] + (j - i), a cumulative minimum of d - j.
    """
    numbers: dict[Hashable, int] = {}
    columns = np.array([numbers.setdefault(token, len(numbers)) for token in actual])
    positions = np.arange(len(columns) + 1)
    row = positions
    for count, token in enumerate(expected, start=1):
        d = row + 1  # without a token of `expected`
        replaced = row[:-1] + (columns != numbers.get(token, -1))
        d[0], d[1:] = count, np.minimum(d[1:], replaced)
        row = np.minimum.accumulate(d - positions) + positions
    return int(row[-1])


@dataclass(frozen=True, slots=True)
class SequenceScores:
    """Counts of sequences, exact matches and errors. Scores can be added."""

    sequences: int = 0
    exact: int = 0
    token_errors: int = 0
    tokens: int = 0  # of the closest references

    def __add__(self, other: SequenceScores) -> SequenceScores:
        return SequenceScores(
            self.sequences + other.sequences,
            self.exact + other.exact,
            self.token_errors + other.token_errors,
            self.tokens + other.tokens,
        )

    @property
    def exact_match(self) -> float:
        """The share of sequences that equal a reference; NaN without sequences."""
        return self.exact / self.sequences if self.sequences else math.nan

    @property
    def sequence_error_rate(self) -> float:
        """The share of sequences that equal no reference; NaN without sequences."""
        return 1.0 - self.exact_match

    @property
    def token_error_rate(self) -> float:
        """Token errors / tokens of the references; without such tokens, 0 without errors and infinity with errors."""
        if not self.tokens:
            return math.inf if self.token_errors else 0.0
        return self.token_errors / self.tokens


def sequence_scores(
    predictions: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]
) -> SequenceScores:
    """Return the scores of predictions (lists of tokens), each compared with the closest of its references."""
    _check_references(len(predictions), references)
    exact = errors = tokens = 0
    for prediction, choices in zip(predictions, references, strict=True):
        distance, minus_length = min((edit_distance(prediction, reference), -len(reference)) for reference in choices)
        exact += distance == 0
        errors += distance
        tokens -= minus_length
    return SequenceScores(len(predictions), exact, errors, tokens)


def translation_scores(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float]:
    """Return BLEU and chrF of a corpus, in which each prediction has one or more references; NaN without predictions.

    BLEU splits words as mteval-v13a does, or into characters if the references are mostly Chinese. It is 0 if no
    prediction has four words. If sacrebleu is not installed, this is a ModuleNotFoundError.
    """
    import sacrebleu

    _check_references(len(predictions), references)
    if not predictions:
        return {"bleu": math.nan, "chrf": math.nan}
    max_references = max(map(len, references))
    streams = [
        [choices[index] if index < len(choices) else None for choices in references] for index in range(max_references)
    ]
    tokenizer = "zh" if _is_chinese(choices[0] for choices in references) else "13a"
    bleu = sacrebleu.corpus_bleu(predictions, streams, tokenize=tokenizer, force=True)  # no warning for tokenized text
    chrf = sacrebleu.corpus_chrf(predictions, streams)
    return {"bleu": min(1.0, bleu.score / 100.0), "chrf": chrf.score / 100.0}  # rounding may exceed 1


def _is_chinese(texts: Iterable[str]) -> bool:
    """Return whether most characters are Chinese."""
    characters = "".join("".join(text.split()) for text in texts)
    return 2 * len(_CHINESE.findall(characters)) > len(characters)


def _check_references(count: int, references: Sequence[Sequence[Any]]) -> None:
    if len(references) != count:
        raise ValueError(f"references: given {len(references)}; expected {count}, one list for each prediction")
    empty = next((number for number, choices in enumerate(references) if not len(choices)), None)
    if empty is not None:
        raise ValueError(f"references: given none for prediction {empty}; expected at least one")
