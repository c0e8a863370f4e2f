"""What `elman predict` prints for each sentence by a tagger: TOKEN TAB TAG lines, and an empty line.

A table gets the tags in a column: a tag in each row of a token, or all tags in the row of a sentence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from elman.data.readers.encodings import Notify
from elman.data.readers.inputs import Input
from elman.data.readers.token_lines import clean_token
from elman.tasks.descriptions import on_one_line
from elman.tasks.spec import Answer

from .config import PredictOptions
from .predictor import TaggerPredictor, Tagging

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
        taggings = iter(self._predictor.predict_with_probabilities(lists))
        for item, tokens, error in zip(chunk, sentences, errors, strict=True):
            if error is not None:
                yield Answer(item.number, [""], {"line": item.number, "error": error}, error)
            else:
                yield self._answer(item, tokens, next(taggings))

    def finish(self) -> Iterator[Answer]:
        """Yield nothing; every sentence has been answered."""
        yield from ()

    def _tokens(self, item: Input) -> list[str]:
        if item.tokens is not None:
            return list(map(clean_token, item.tokens))
        return self._predictor.tokens(item.text)

    def _answer(self, item: Input, tokens: list[str], tagging: Tagging) -> Answer:
        as_json: dict[str, Any] = {"line": item.number, "tokens": tokens, "tags": tagging.tags}
        columns = [[on_one_line(token) for token in tokens], tagging.tags]
        if self._options.probabilities:
            as_json |= {"probability": tagging.probability, "probabilities": tagging.probabilities}
            columns.append([f"{p:.4f}" for p in tagging.probabilities])
        lines = ["\t".join(row) for row in zip(*columns, strict=True)] + [""]
        has_row_for_each = item.tokens is not None and item.rows
        of_tokens = zip(tagging.tags, tagging.probabilities, strict=True) if has_row_for_each else ()
        return Answer(
            item.number,
            lines,
            as_json,
            columns=_columns(tagging.tags, tagging.probability),
            columns_of_rows=[_columns(tag, probability) for tag, probability in of_tokens],
        )


def _columns(prediction: str | list[str], probability: float) -> dict[str, Any]:
    return dict(zip(ADDED_COLUMNS, (prediction, probability), strict=True))


def _error(item: Input, tokens: Sequence[str]) -> str | None:
    """Return why a sentence cannot be tagged; None if it can."""
    if item.error is not None:
        return item.error
    if not tokens:
        return "empty; expected a sentence"
    return None if all(tokens) else "empty token; expected text"
