"""Lines to targets, by an encoder-decoder or several."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.cli.predict.lines import Answer, Line, Lines, on_one_line
from elman.errors import ConfigError

if TYPE_CHECKING:
    from elman.runtime import Prediction, Seq2SeqPredictor


class Seq2SeqJob:
    """What is predicted, and how it is told."""

    def __init__(self, predictor: Seq2SeqPredictor, lines: Lines, options: dict[str, Any]) -> None:
        from elman.runtime import Ensemble, load

        self._predictor, self._lines = predictor, lines
        self._attention: Path | None = options["attention"]
        if self._attention is not None:
            _check_attention(predictor, self._attention)
        self._n_best: int | None = options["n_best"]
        self._beam: int = options["beam"] or self._n_best or 1
        if self._n_best is not None and self._n_best > self._beam:
            raise ConfigError(f"--n-best: given {self._n_best}, expected at most --beam, {self._beam}")
        penalty = options["length_penalty"]
        self._length_penalty = 1.0 if penalty is None else penalty
        self._ensemble = Ensemble([predictor, *(load(path) for path in options["ensemble"] or ())])
        self._alignments: list[dict[str, Any]] = []

    def answers(self, chunk: list[Line]) -> Iterator[Answer]:
        """Yield an answer to each line."""
        sources: dict[int, str] = {}
        wrongs: dict[int, str] = {}
        for number, text, wrong in chunk:
            source = text.split("\t")[0].strip()
            if wrong is None and source:
                sources[number] = source
                self._lines.note_unknown(self._predictor.source_codec.unknown_tokens(source))
                continue
            wrongs[number] = wrong or "empty, expected a source"
            self._lines.refuse(number, wrongs[number])
        predicted = self._ensemble.predict(sources.values(), beam=self._beam, length_penalty=self._length_penalty)
        found = dict(zip(sources, predicted, strict=True))
        for number, text, _ in chunk:
            best = found.get(number, [])[: self._n_best or 1]
            if best and self._attention is not None:
                self._align(number, sources[number], best[0].text)
            told: dict[str, Any] = {
                "line": number,
                "source": sources.get(number, text),
                "predictions": [_as_json(p) for p in best],
            }
            if number in wrongs:
                told["error"] = wrongs[number]
            yield Answer(self._as_lines(number, best), told)

    def finish(self) -> Iterator[Answer]:
        """Write the attention that was asked for."""
        from elman.checkpoint import disk_errors_told

        if self._attention is not None:
            with disk_errors_told(self._attention):
                self._attention.write_text(json.dumps(self._alignments, ensure_ascii=False), "utf-8")
        yield from ()

    def _align(self, number: int, source: str, target: str) -> None:
        alignment = self._predictor.align(source, target)
        self._alignments.append(
            {
                "line": number,
                "source": alignment.source,
                "target": alignment.target,
                "attention": [[round(float(share), 5) for share in row] for row in alignment.shares],
            }
        )

    def _as_lines(self, number: int, found: list[Prediction]) -> list[str]:
        if self._n_best is None:
            return [on_one_line(found[0].text) if found else ""]
        return [f"{number}\t{on_one_line(each.text)}\t{each.score:.4f}" for each in found] or [f"{number}\t\t"]


def _as_json(found: Prediction) -> dict[str, Any]:
    return {"text": found.text, "score": found.score, "log_probability": found.log_probability}


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
