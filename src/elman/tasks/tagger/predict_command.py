"""Sentences to tags, by a tagger: TOKEN TAB TAG lines, and an empty line after each sentence.

A sentence is a line or, in CoNLL-U and columns, the lines to the next blank one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from elman.cli.predict.lines import Answer, Line, Lines, on_one_line
from elman.errors import ConfigError, DataError

if TYPE_CHECKING:
    from elman.runtime import TaggerPredictor


class TaggerJob:
    """What is tagged, and how it is told."""

    def __init__(self, predictor: TaggerPredictor, lines: Lines, options: dict[str, Any]) -> None:
        self._predictor, self._lines = predictor, lines
        self._probabilities = bool(options["probabilities"])
        self._words: str | None = options["words"]
        self._format: str | None = options["format"]
        if self._format not in (None, *FORMATS):
            expected = ", ".join(FORMATS)
            raise ConfigError(f"--format: given {self._format!r}, expected {expected}")
        self._held: list[Line] = []  # lines that do not tell the format, and the beginning of a sentence

    def answers(self, chunk: list[Line]) -> Iterator[Answer]:
        """Yield an answer to each sentence that ends in the chunk."""
        lines, self._held = [*self._held, *chunk], []
        if self._format is None:
            self._format = _told_format(lines)
            if self._format is None:
                self._held = lines
                return
        if self._format in ONE_LINE:
            yield from self._tagged([[line] for line in lines])
            return
        *whole, self._held = _between_blanks(lines)
        yield from self._tagged([block for block in whole if block])

    def finish(self) -> Iterator[Answer]:
        """Yield an answer to the last sentence, where no blank line follows it."""
        if self._format is None:  # nothing but blank lines and what looks like comments
            self._format = "lines"
            yield from self._tagged([[line] for line in self._held])
        elif self._held:
            yield from self._tagged([self._held])

    def _tagged(self, sentences: Sequence[list[Line]]) -> Iterator[Answer]:
        read = [self._read(lines) for lines in sentences]
        good = [each for each in read if isinstance(each, list)]
        tags = iter(self._predictor.predict(good))
        shares = iter(self._predictor.predict_proba(good)) if self._probabilities else None
        for lines, tokens in zip(sentences, read, strict=True):
            if tokens is None:
                continue
            if not isinstance(tokens, list):
                number, wrong = tokens
                self._lines.refuse(number, wrong)
                yield Answer([""], {"line": number, "error": wrong})
                continue
            self._lines.note_unknown(self._predictor.unknown(tokens))
            told: dict[str, Any] = {"line": lines[0][0], "tokens": tokens, "tags": next(tags)}
            columns = [[on_one_line(token) for token in tokens], told["tags"]]
            if shares is not None:
                places = [self._predictor.labels.index(tag) for tag in told["tags"]]
                told["probabilities"] = [float(p[i]) for p, i in zip(next(shares), places, strict=True)]
                columns.append([f"{p:.4f}" for p in told["probabilities"]])
            yield Answer(["\t".join(row) for row in zip(*columns, strict=True)] + [""], told)

    def _read(self, lines: list[Line]) -> list[str] | tuple[int, str] | None:
        """The tokens of a block of lines, or the line that is wrong and how; None where there is no sentence."""
        from elman.data.token_lines import read_tokens

        bad = next(((number, wrong) for number, _, wrong in lines if wrong), None)
        if bad is not None:
            return bad
        try:
            block = [(str(number), line) for number, line, _ in lines]
            found = read_tokens(block, self._format, self._words)  # type: ignore[arg-type]
        except DataError as error:
            number = int(error.where or lines[0][0])
            return number, "; ".join(filter(None, (error.message, error.hint)))
        if found is None and self._format not in ONE_LINE:
            return None
        tokens = self._predictor.tokens(found or [])
        return tokens or (lines[0][0], "empty, expected a sentence")


def _told_format(lines: Sequence[Line]) -> str | None:
    """The format of the lines, told by the first that is neither blank nor a comment; None before there is one."""
    from elman.data.token_lines import is_comment, told_format

    first = next((line for _, line, _ in lines if not is_comment(line)), None)
    if first is None:
        return None
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


ONE_LINE = ("lines", "jsonl")
FORMATS = (*ONE_LINE, "conllu", "columns")
