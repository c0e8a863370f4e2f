"""elman predict: a line in, a line out, in order. Needs no torch.

Lines are read and answered in chunks, so a file larger than memory is no trouble; on a terminal, one by one. A line
that cannot be read gives an empty line, a message with its number, and exit code 3 at the end; the rest is done. Of a
line with tabs, the first column is the source. Line ends and tabs that a model writes are shown as spaces; --json has
them as they are.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elman.errors import ConfigError, DataError

from .console import print_json, printable, say
from .options import Json, Run

if TYPE_CHECKING:
    from elman.runtime import Ensemble, Prediction, Seq2SeqPredictor

CHUNK = 4096  # lines that are answered together
MOST_UNKNOWN_TOLD = 10


def predict(
    run: Run,
    data: Annotated[
        str, typer.Argument(metavar="[FILE]", help="A source a line; .gz too.  [- : standard input]")
    ] = "-",
    beam: Annotated[int | None, typer.Option(min=1, help="Hypotheses kept; 1 is greedy.  [1, or --n-best]")] = None,
    n_best: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Print LINE TAB TARGET TAB SCORE of the N best.")
    ] = None,
    length_penalty: Annotated[
        float, typer.Option(min=0.0, metavar="P", help="A score is a log probability over length to the P.")
    ] = 1.0,
    attention: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="Write what each target token looked at; of an ensemble, in RUN."),
    ] = None,
    ensemble: Annotated[
        list[Path] | None, typer.Option(metavar="RUN", help="Average with this model too; repeatable.")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Of the text.")] = None,
    as_json: Json = False,
) -> None:
    """Turn each line into what the model was trained to give for it."""
    from elman.checkpoint import disk_errors_told
    from elman.runtime import Ensemble, load

    predictor = load(run)
    if predictor.task != "seq2seq":
        hint = f'elman generate {run} --prompt "..."'
        raise ConfigError("a language model continues text, and turns nothing into something else", hint=hint)
    if attention is not None:
        _check_attention(predictor, attention)
    job = _Job(
        predictor,
        Ensemble([predictor, *(load(path) for path in ensemble or ())]),
        beam=beam or n_best or 1,
        n_best=n_best,
        length_penalty=length_penalty,
        keep_attention=attention is not None,
    )
    shown = printable if sys.stdout.isatty() else str
    predictions: list[dict[str, Any]] = []
    for chunk in _chunks(data, encoding):
        for answer in job.answers(chunk, data):
            if as_json:
                predictions.append(_as_json(answer))
                continue
            for line in _as_lines(answer, n_best):
                sys.stdout.write(shown(line) + "\n")
        sys.stdout.flush()
    if attention is not None:
        with disk_errors_told(attention):
            attention.write_text(json.dumps(job.alignments, ensure_ascii=False), "utf-8")
    if as_json:
        print_json({"task": predictor.task, "count": len(predictions), "predictions": predictions})
    raise typer.Exit(job.close(data))


@dataclass(frozen=True, slots=True)
class _Answer:
    """A line and what came of it: predictions, or what is wrong with it."""

    number: int
    source: str
    found: list[Prediction]
    wrong: str | None


class _Job:
    """What is predicted, and what was wrong on the way."""

    def __init__(
        self,
        predictor: Seq2SeqPredictor,
        ensemble: Ensemble,
        *,
        beam: int,
        n_best: int | None,
        length_penalty: float,
        keep_attention: bool,
    ) -> None:
        if n_best is not None and n_best > beam:
            raise ConfigError(f"--n-best: given {n_best}, expected at most --beam, {beam}")
        self._predictor, self._ensemble = predictor, ensemble
        self._beam, self._n_best, self._length_penalty = beam, n_best or 1, length_penalty
        self._keep_attention = keep_attention
        self.alignments: list[dict[str, Any]] = []
        self._bad = 0
        self._unknown: dict[str, None] = {}

    def answers(self, lines: list[tuple[int, str, str | None]], name: str) -> Iterator[_Answer]:
        """Yield an answer to each line."""
        sources: dict[int, str] = {}
        wrongs: dict[int, str] = {}
        for number, text, wrong in lines:
            source = text.split("\t")[0].strip()
            if wrong is None and source:
                sources[number] = source
                self._unknown |= dict.fromkeys(self._predictor.source_codec.unknown_tokens(source))
                continue
            wrongs[number] = wrong or "empty, expected a source"
            say(f"{'stdin' if name == '-' else name}:{number}: {wrongs[number]}")
        self._bad += len(wrongs)
        predicted = self._ensemble.predict(sources.values(), beam=self._beam, length_penalty=self._length_penalty)
        found = dict(zip(sources, predicted, strict=True))
        for number, text, _ in lines:
            best = found.get(number, [])[: self._n_best]
            if best and self._keep_attention:
                self._align(number, sources[number], best[0].text)
            yield _Answer(number, sources.get(number, text), best, wrongs.get(number))

    def _align(self, number: int, source: str, target: str) -> None:
        alignment = self._predictor.align(source, target)
        self.alignments.append(
            {
                "line": number,
                "source": alignment.source,
                "target": alignment.target,
                "attention": [[round(float(share), 5) for share in row] for row in alignment.shares],
            }
        )

    def close(self, name: str) -> int:
        """Tell of what was unknown, and of bad lines; return the exit code."""
        if self._unknown:
            told = ", ".join(map(repr, list(self._unknown)[:MOST_UNKNOWN_TOLD]))
            more = (
                f" and {len(self._unknown) - MOST_UNKNOWN_TOLD:,} more"
                if len(self._unknown) > MOST_UNKNOWN_TOLD
                else ""
            )
            say(f"the model does not know {told}{more}")
        if not self._bad:
            return 0
        lines = f"{self._bad:,} line{'s' * (self._bad > 1)} without a prediction"
        error = DataError(f"{lines}, told above; the rest is done", where="stdin" if name == "-" else name)
        say(f"elman: {error}")
        return error.exit_code


def _check_attention(predictor: Seq2SeqPredictor, path: Path) -> None:
    """Refuse, before the work and not after it, what --attention cannot do."""
    if predictor.config.attention == "none":
        raise ConfigError("--attention: the model has none", hint="train with --attention dot, general or additive")
    if path.is_dir():
        raise ConfigError("--attention: is a folder, expected a file to write", where=str(path))
    if not path.parent.is_dir():
        raise ConfigError("--attention: lies in no folder that is there", hint="make it first", where=str(path))
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ConfigError("--attention: may not be written", hint="check its permissions", where=str(path))


def _chunks(path: str, encoding: str | None) -> Iterator[list[tuple[int, str, str | None]]]:
    """Yield (number, line, what is wrong with it) in chunks; on a terminal, one at a time."""
    from elman.data.readers import STDIN, TextSource

    if path == STDIN and sys.stdin.isatty():
        sys.stdin.reconfigure(errors="replace")  # type: ignore[union-attr]
        for number, line in enumerate(sys.stdin, start=1):
            yield [(number, line.rstrip("\n"), None)]
        return
    lines = ((number, *line) for number, line in enumerate(TextSource(path, encoding=encoding, notify=say).lines(), 1))
    while chunk := list(itertools.islice(lines, CHUNK)):
        yield chunk


def _as_lines(answer: _Answer, n_best: int | None) -> list[str]:
    if n_best is None:
        return [_on_one_line(answer.found[0].text) if answer.found else ""]
    number = answer.number
    return [f"{number}\t{_on_one_line(each.text)}\t{each.score:.4f}" for each in answer.found] or [f"{number}\t\t"]


def _on_one_line(text: str) -> str:
    return text.replace("\r\n", " ").translate({ord(c): " " for c in "\r\n\t"})


def _as_json(answer: _Answer) -> dict[str, Any]:
    found = [{"text": each.text, "score": each.score, "log_probability": each.log_probability} for each in answer.found]
    wrong = {"error": answer.wrong} if answer.wrong else {}
    return {"line": answer.number, "source": answer.source, "predictions": found, **wrong}
