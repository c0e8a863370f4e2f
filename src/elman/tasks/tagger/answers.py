"""What `elman predict` prints for each sentence by a tagger: TOKEN TAB TAG lines, and an empty line.

A table gets the tags in a column: a tag in each row of a token, or all tags in the row of a sentence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from elman.data.readers.encodings import Notify
from elman.data.readers.inputs import Input
from elman.data.readers.token_lines import clean_token
from elman.tasks.descriptions import on_one_line
from elman.tasks.spec import Answer

from .config import PredictOptions
from .predictor import Array, TaggerPredictor

ADDED_COLUMNS = ("prediction", "probability")


class TaggerAnswers:
    """An InputPredictor: each input is a sentence, and its answer is a tag for each token."""

    def __init__(self, predictor: TaggerPredictor, options: PredictOptions, notify: Notify) -> None:
        self._predictor, self._options = predictor, options
        self.unknown: dict[str, None] = {}

    def answer(self, chunk: Sequence[Input]) -> Iterator[Answer]:
        """Yield an answer for each sentence."""
        sentences = [self._tokens(item) for item in chunk]
        errors = [_error(item, tokens) for item, tokens in zip(chunk, sentences, strict=True)]
        lists = [tokens for tokens, error in zip(sentences, errors, strict=True) if error is None]
        for tokens in lists:
            self.unknown |= dict.fromkeys(self._predictor.unknown(tokens))
        tags = iter(self._predictor.predict(lists))
        with_probabilities = self._options.probabilities or any(item.rows or item.value for item in chunk)
        probabilities = iter(self._predictor.predict_proba(lists) if with_probabilities else ())
        together = iter(np.exp(self._predictor.log_probabilities(lists)).tolist() if with_probabilities else ())
        for item, tokens, error in zip(chunk, sentences, errors, strict=True):
            if error is not None:
                yield Answer(item.number, [""], {"line": item.number, "error": error}, error)
            else:
                yield self._answer(item, tokens, next(tags), next(probabilities, None), next(together, None))

    def finish(self) -> Iterator[Answer]:
        """Yield nothing; every sentence has been answered."""
        yield from ()

    def _tokens(self, item: Input) -> list[str]:
        if item.tokens is not None:
            return list(map(clean_token, item.tokens))
        return self._predictor.tokens(item.text)

    def _answer(
        self, item: Input, tokens: list[str], tags: list[str], probabilities: Array | None, together: float | None
    ) -> Answer:
        as_json: dict[str, Any] = {"line": item.number, "tokens": tokens, "tags": tags}
        columns = [[on_one_line(token) for token in tokens], tags]
        of_tags: list[float] = []
        if probabilities is not None:
            labels = self._predictor.labels
            of_tags = [float(p[labels.index(tag)]) for p, tag in zip(probabilities, tags, strict=True)]
            if self._options.probabilities:
                as_json["probability"] = together  # of all tags of the sentence
                as_json["probabilities"] = of_tags
                columns.append([f"{p:.4f}" for p in of_tags])
        lines = ["\t".join(row) for row in zip(*columns, strict=True)] + [""]
        of_rows = [dict(zip(ADDED_COLUMNS, pair, strict=True)) for pair in zip(tags, of_tags, strict=False)]
        is_row = item.tokens is None or item.value is not None  # the sentence is one row or one object
        added = dict(zip(ADDED_COLUMNS, (tags, together), strict=True))
        return Answer(item.number, lines, as_json, columns=added, columns_of_rows=() if is_row else of_rows)


def _error(item: Input, tokens: Sequence[str]) -> str | None:
    """Return why a sentence cannot be tagged; None if it can."""
    if item.error is not None:
        return item.error
    if not tokens:
        return "empty; expected a sentence"
    return None if all(tokens) else "empty token; expected text"
