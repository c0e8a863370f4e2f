"""Sequences beside their references.

    exact match           sequences that equal a reference / sequences
    sequence error rate   1 - exact match
    token error rate      sum of edit distances to the closest references / sum of those references' lengths

The closest of several references is the one at the smallest edit distance, the longer among equals. A token error rate
may exceed 1: a prediction may hold more tokens than its reference. BLEU (Papineni et al., 2002) and chrF (Popovic,
2015) are sacrebleu's, of whole corpora, with its defaults (Post, 2018). Rates and scores are fractions of one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

_CHINESE = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")


def edit_distance(given: Sequence[Hashable], expected: Sequence[Hashable]) -> int:
    """Return the fewest tokens to insert, delete or replace that make one of the other (Levenshtein, 1966)."""
    first, given_end, expected_end = 0, len(given), len(expected)
    while first < min(given_end, expected_end) and given[first] == expected[first]:
        first += 1
    while first < min(given_end, expected_end) and given[given_end - 1] == expected[expected_end - 1]:
        given_end, expected_end = given_end - 1, expected_end - 1
    columns = given[first:given_end]
    row = list(range(len(columns) + 1))  # distances of each beginning of the columns to what was read of `expected`
    for number, token in enumerate(expected[first:expected_end], start=1):
        left, above = number, row
        row = [number]
        for column, other in enumerate(columns):
            left = above[column] if token == other else 1 + min(left, above[column], above[column + 1])
            row.append(left)
    return row[-1]


@dataclass(frozen=True, slots=True)
class SequenceScores:
    """How predictions agree with references, on its way: add two, divide last."""

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
        """The share of sequences that equal a reference; nan where nothing was counted."""
        return self.exact / self.sequences if self.sequences else math.nan

    @property
    def sequence_error_rate(self) -> float:
        """The share of sequences that equal no reference; nan where nothing was counted."""
        return 1.0 - self.exact_match

    @property
    def token_error_rate(self) -> float:
        """Token errors for each token of the references; where these hold none, 0 without errors and inf with any."""
        if not self.tokens:
            return math.inf if self.token_errors else 0.0
        return self.token_errors / self.tokens


def sequence_scores(
    predictions: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]
) -> SequenceScores:
    """Return the scores of predictions, as tokens, each against the closest of its references."""
    _check_references(len(predictions), references)
    exact = errors = tokens = 0
    for prediction, choices in zip(predictions, references, strict=True):
        distance, minus_length = min((edit_distance(prediction, reference), -len(reference)) for reference in choices)
        exact += distance == 0
        errors += distance
        tokens -= minus_length
    return SequenceScores(len(predictions), exact, errors, tokens)


def translation_scores(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float]:
    """Return BLEU and chrF of a corpus, each prediction with one reference or more; nan where there is none.

    BLEU's words are those of mteval-v13a or, where the references are mostly Chinese characters, these one by one.
    Where no prediction has four words, BLEU is 0. Without sacrebleu this is a ModuleNotFoundError.
    """
    import sacrebleu

    _check_references(len(predictions), references)
    if not predictions:
        return {"bleu": math.nan, "chrf": math.nan}
    most = max(map(len, references))
    streams = [[each[number] if number < len(each) else None for each in references] for number in range(most)]
    words = "zh" if _is_chinese(choices[0] for choices in references) else "13a"
    bleu = sacrebleu.corpus_bleu(predictions, streams, tokenize=words, force=True)  # force: whatever they look like
    chrf = sacrebleu.corpus_chrf(predictions, streams)
    return {"bleu": min(1.0, bleu.score / 100.0), "chrf": chrf.score / 100.0}  # logarithms round above 1


def _is_chinese(texts: Iterable[str]) -> bool:
    """Whether most characters are Chinese ones."""
    whole = "".join("".join(text.split()) for text in texts)
    return 2 * len(_CHINESE.findall(whole)) > len(whole)


def _check_references(count: int, references: Sequence[Sequence[Any]]) -> None:
    if len(references) != count:
        raise ValueError(f"references: given {len(references)}, expected {count}, a list for each prediction")
    empty = next((number for number, choices in enumerate(references) if not len(choices)), None)
    if empty is not None:
        raise ValueError(f"references: given none for prediction {empty}, expected at least one")
