"""Sentences to tags, by a tagger: TOKEN TAB TAG lines, and an empty line after each sentence.

A sentence is a line or, in CoNLL-U and columns, the lines to the next blank one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from elman.errors import ConfigError, DataError

from .lines import Answer, Line, Lines, on_one_line

if TYPE_CHECKING:
    from elman.runtime import TaggerPredictor


class TaggerJob:
    """What is tagged, and how it is told."""

    def __init__(self, predictor: TaggerPredictor, lines: Lines, options: dict[str, Any]) -> None:
        self._predictor, self._lines = predictor, lines
        self._probabilities = bool(options["probabilities"])
        self._format: str | None = options["format"]
        if self._format not in (None, *FORMATS):
            expected = ", ".join(FORMATS)
            raise ConfigError(f"--format: given {self._format!r}, expected {expected}")
        self._held: list[Line] = []  # the beginning of a sentence of several lines

    def answers(self, chunk: list[Line]) -> Iterator[Answer]:
        """Yield an answer to each sentence that ends in the chunk."""
        if self._format is None:
            self._format = _told_format(chunk)
        if self._format in ONE_LINE:
            yield from self._tagged([[line] for line in chunk])
            return
        *whole, self._held = _between_blanks([*self._held, *chunk])
        yield from self._tagged([block for block in whole if block])

    def finish(self) -> Iterator[Answer]:
        """Yield an answer to the last sentence, where no blank line follows it."""
        if self._held:
            yield from self._tagged([self._held])

    def _tagged(self, sentences: Sequence[list[Line]]) -> Iterator[Answer]:
        assert self._format is not None
        read = FORMATS[self._format]
        found = [_tokens(lines, read, self._predictor) for lines in sentences]  # or what is wrong
        good = [tokens for tokens in found if isinstance(tokens, list)]
        tags = iter(self._predictor.predict(good))
        shares = iter(self._predictor.predict_proba(good)) if self._probabilities else None
        for lines, tokens in zip(sentences, found, strict=True):
            number = lines[0][0]
            if isinstance(tokens, str):
                self._lines.refuse(number, tokens)
                yield Answer([""], {"line": number, "error": tokens})
                continue
            self._lines.note_unknown(self._predictor.unknown(tokens))
            told: dict[str, Any] = {"line": number, "tokens": tokens, "tags": next(tags)}
            columns = [[on_one_line(token) for token in tokens], told["tags"]]
            if shares is not None:
                places = [self._predictor.labels.index(tag) for tag in told["tags"]]
                told["probabilities"] = [float(p[i]) for p, i in zip(next(shares), places, strict=True)]
                columns.append([f"{p:.4f}" for p in told["probabilities"]])
            yield Answer(["\t".join(row) for row in zip(*columns, strict=True)] + [""], told)


def _told_format(chunk: Sequence[Line]) -> str:
    """The format of the lines, told by the first that is not blank."""
    from elman.data.tagged import told_format

    first = next((line for _, line, _ in chunk if line.strip()), "")
    told = told_format(first)
    return told if told in ("conllu", "jsonl") else "lines"


def _between_blanks(lines: Sequence[Line]) -> list[list[Line]]:
    """The lines between blank ones; the last of them may go on. A line that cannot be read is none of these."""
    blocks: list[list[Line]] = [[]]
    for line in lines:
        if line[1].strip() or line[2]:
            blocks[-1].append(line)
        else:
            blocks.append([])
    return blocks


def _tokens(lines: list[Line], read: Callable[[list[Line]], Any], predictor: TaggerPredictor) -> list[str] | str:
    """The tokens of a sentence, or what is wrong with it."""
    wrong = next((wrong for _, _, wrong in lines if wrong), None)
    if wrong:
        return wrong
    try:
        tokens: list[str] = predictor.tokens(read(lines))
    except DataError as error:
        return error.message
    return tokens or "empty, expected a sentence"


def _of_line(lines: list[Line]) -> str:
    return lines[0][1].split("\t")[0]


def _of_object(lines: list[Line]) -> Any:
    """The tokens of {"tokens": [...]}."""
    if not lines[0][1].strip():
        return ""
    try:
        value = json.loads(lines[0][1])
    except (ValueError, RecursionError) as error:
        raise DataError(f"is not JSON ({error})") from None
    tokens = value.get("tokens") if isinstance(value, dict) else None
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise DataError('expected {"tokens": ["..."]}')
    return tokens


def _of_conllu(lines: list[Line]) -> list[str]:
    from elman.data.tagged import CONLLU, conllu_words

    try:
        words = conllu_words((str(number), line) for number, line, _ in lines)
    except DataError as error:
        raise DataError(f"line {error.where} {error.message}") from None
    return [cells[CONLLU.index("form")] for _, cells in words]


def _of_columns(lines: list[Line]) -> list[str]:
    return [line.split("\t")[0].strip() if "\t" in line else line.split()[0] for _, line, _ in lines]


ONE_LINE = ("lines", "jsonl")
FORMATS: dict[str, Callable[[list[Line]], Any]] = {
    "lines": _of_line,
    "jsonl": _of_object,
    "conllu": _of_conllu,
    "columns": _of_columns,
}
