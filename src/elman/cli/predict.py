"""elman predict: a line in, a line out, in order. Needs no torch.

Lines are read and answered in chunks, so a file larger than memory is no trouble; on a terminal, one by one. A line
that cannot be read gives an empty line, a message with its number, and exit code 3 at the end; the rest is done.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
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
        Path | None, typer.Option(metavar="FILE.json", help="Write what each target token looked at.")
    ] = None,
    ensemble: Annotated[
        list[Path] | None, typer.Option(metavar="RUN", help="Average with this model too; repeatable.")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Of the text.")] = None,
    as_json: Json = False,
) -> None:
    """Turn each line into what the model was trained to give for it."""
    from elman.runtime import Ensemble, load

    predictor = load(run)
    if predictor.task != "seq2seq":
        hint = f'elman generate {run} --prompt "..."'
        raise ConfigError("a language model continues text, and turns nothing into something else", hint=hint)
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
        for number, source, found in job.answers(chunk, data):
            if as_json:
                predictions.append(
                    {"line": number, "source": source, "predictions": [_as_json(each) for each in found]}
                )
                continue
            for line in _as_lines(number, found, n_best):
                sys.stdout.write(shown(line) + "\n")
        sys.stdout.flush()
    if attention is not None:
        attention.write_text(json.dumps(job.alignments, ensure_ascii=False), "utf-8")
    if as_json:
        print_json({"task": predictor.task, "count": len(predictions), "predictions": predictions})
    job.close(data)


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

    def answers(
        self, lines: list[tuple[int, str, str | None]], name: str
    ) -> Iterator[tuple[int, str, list[Prediction]]]:
        """Yield each line's number, its source and its predictions, none for a line that is no source."""
        good = []
        for number, text, wrong in lines:
            wrong = wrong or (None if text.strip() else "empty, expected a source")
            if wrong:
                self._bad += 1
                say(f"{'stdin' if name == '-' else name}:{number}: {wrong}")
            else:
                good.append((number, text.split("\t")[0].strip()))
        for _, source in good:
            self._unknown |= dict.fromkeys(self._predictor.source_codec.unknown_tokens(source))
        found = dict(
            zip(
                (number for number, _ in good),
                self._ensemble.predict(
                    [source for _, source in good], beam=self._beam, length_penalty=self._length_penalty
                ),
                strict=True,
            )
        )
        sources = dict(good)
        for number, text, _ in lines:
            best = found.get(number, [])[: self._n_best]
            if best and self._keep_attention:
                self._align(number, sources[number], best[0].text)
            yield number, sources.get(number, text), best

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

    def close(self, name: str) -> None:
        """Tell of what was unknown, and refuse with exit code 3 where lines were bad."""
        if self._unknown:
            told = ", ".join(map(repr, list(self._unknown)[:MOST_UNKNOWN_TOLD]))
            more = (
                f" and {len(self._unknown) - MOST_UNKNOWN_TOLD:,} more"
                if len(self._unknown) > MOST_UNKNOWN_TOLD
                else ""
            )
            say(f"the model does not know {told}{more}")
        if self._bad:
            raise DataError(
                f"{self._bad:,} line{'s' * (self._bad > 1)} without a prediction, told above; the rest is done",
                where=name,
            )


def _chunks(path: str, encoding: str | None) -> Iterator[list[tuple[int, str, str | None]]]:
    """Yield (number, line, what is wrong with it) in chunks; on a terminal, one at a time."""
    from elman.data.readers import STDIN, TextSource

    if path == STDIN and sys.stdin.isatty():
        for number, line in enumerate(sys.stdin, start=1):
            yield [(number, line.rstrip("\n"), None)]
        return
    lines = ((number, *line) for number, line in enumerate(TextSource(path, encoding=encoding, notify=say).lines(), 1))
    while chunk := list(itertools.islice(lines, CHUNK)):
        yield chunk


def _as_lines(number: int, found: list[Prediction], n_best: int | None) -> list[str]:
    if n_best is None:
        return [found[0].text if found else ""]
    return [f"{number}\t{each.text}\t{each.score:.4f}" for each in found] or [f"{number}\t\t"]


def _as_json(prediction: Prediction) -> dict[str, Any]:
    return {"text": prediction.text, "score": prediction.score, "log_probability": prediction.log_probability}
