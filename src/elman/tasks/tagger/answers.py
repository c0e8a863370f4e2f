"""What `elman predict` prints for each sentence by a tagger: TOKEN TAB TAG lines, and an empty line.

A sentence is one line, or in CoNLL-U and columns the lines up to the next blank one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from elman.data.readers.encodings import Notify
from elman.data.readers.token_lines import detect_format, is_blank_or_comment, read_tokens
from elman.errors import DataError
from elman.tasks.descriptions import on_one_line
from elman.tasks.spec import Answer, Line

from .config import LineFormat, PredictOptions
from .predictor import Array, TaggerPredictor

ONE_LINE_FORMATS = ("lines", "jsonl")  # in which each line is a sentence


class _Sentence(NamedTuple):
    """The tokens of a sentence, or what is wrong with it, and its first line or the one with the error."""

    number: int
    tokens: list[str]
    error: str | None = None


class TaggerAnswers:
    """A LinePredictor: a sentence is one line or several, and its answer is a tag for each token."""

    def __init__(self, predictor: TaggerPredictor, options: PredictOptions, notify: Notify) -> None:
        self._predictor, self._options, self._format = predictor, options, options.format
        self._pending: list[Line] = []  # before the format is known, and of a sentence that has not ended yet
        self.unknown: dict[str, None] = {}

    def answer(self, chunk: Sequence[Line]) -> Iterator[Answer]:
        """Yield an answer for each sentence that ends in the chunk."""
        lines, self._pending = [*self._pending, *chunk], []
        self._format = self._format or _detected_format(lines)
        if self._format is None:
            self._pending = lines
        elif self._format in ONE_LINE_FORMATS:
            yield from self._answers([[line] for line in lines], self._format)
        else:
            *blocks, self._pending = _between_blank_lines(lines)
            yield from self._answers([block for block in blocks if block], self._format)

    def finish(self) -> Iterator[Answer]:
        """Yield an answer for the last sentence, if no blank line follows it."""
        if self._format is None:  # there are only blank lines, and lines that look like comments
            yield from self._answers([[line] for line in self._pending], "lines")
        elif self._pending:
            yield from self._answers([self._pending], self._format)

    def _answers(self, blocks: Sequence[Sequence[Line]], line_format: LineFormat) -> Iterator[Answer]:
        sentences = [sentence for block in blocks if (sentence := self._sentence(block, line_format)) is not None]
        lists = [sentence.tokens for sentence in sentences if sentence.error is None]
        for tokens in lists:
            self.unknown |= dict.fromkeys(self._predictor.unknown(tokens))
        tags = iter(self._predictor.predict(lists))
        with_probabilities = self._options.probabilities
        probabilities = iter(self._predictor.predict_proba(lists) if with_probabilities else ())
        together = iter(np.exp(self._predictor.log_probabilities(lists)).tolist() if with_probabilities else ())
        for number, tokens, error in sentences:
            if error is not None:
                yield Answer(number, [""], {"line": number, "error": error}, error)
            else:
                yield self._answer(number, tokens, next(tags), next(probabilities, None), next(together, None))

    def _answer(
        self, number: int, tokens: list[str], tags: list[str], probabilities: Array | None, together: float | None
    ) -> Answer:
        as_json: dict[str, Any] = {"line": number, "tokens": tokens, "tags": tags}
        columns = [[on_one_line(token) for token in tokens], tags]
        if probabilities is not None:
            labels = self._predictor.labels
            as_json["probability"] = together  # of all tags of the sentence
            as_json["probabilities"] = [float(p[labels.index(tag)]) for p, tag in zip(probabilities, tags, strict=True)]
            columns.append([f"{p:.4f}" for p in as_json["probabilities"]])
        return Answer(number, ["\t".join(row) for row in zip(*columns, strict=True)] + [""], as_json)

    def _sentence(self, block: Sequence[Line], line_format: LineFormat) -> _Sentence | None:
        """Return the sentence of a block of lines; None if the block has none, such as a comment."""
        for line in block:
            if line.error is not None:
                return _Sentence(line.number, [], line.error)
        try:
            sentence = read_tokens(
                [(str(line.number), line.text) for line in block], line_format, self._options.token_column
            )
        except DataError as error:
            problem = "; ".join(filter(None, (error.message, error.hint)))
            return _Sentence(int(error.where or block[0].number), [], problem)
        if sentence is None and line_format not in ONE_LINE_FORMATS:
            return None
        tokens = self._predictor.tokens(sentence or [])
        return _Sentence(block[0].number, tokens, None if tokens else "empty; expected a sentence")


def _detected_format(lines: Sequence[Line]) -> LineFormat | None:
    """Return the format, from the first line that is neither blank nor a comment; None if there is no such line."""
    first = next((line.text for line in lines if not is_blank_or_comment(line.text)), None)
    if first is None:
        return None
    detected = detect_format(first)
    return detected if detected == "conllu" or detected == "jsonl" else "lines"


def _between_blank_lines(lines: Sequence[Line]) -> list[list[Line]]:
    """Return the lines between blank ones; the last block may continue. A line that cannot be read is not blank."""
    blocks: list[list[Line]] = [[]]
    for line in lines:
        if line.text.strip() or line.error:
            blocks[-1].append(line)
        else:
            blocks.append([])
    return blocks
