"""What `elman predict` prints for each source by an encoder-decoder."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from elman.checkpoint import check_output_file, translate_disk_errors
from elman.data.readers.encodings import Notify
from elman.data.readers.inputs import Input
from elman.errors import ConfigError
from elman.figures.style import SUFFIXES, available_language, require_matplotlib, write_figure
from elman.tasks.descriptions import on_one_line
from elman.tasks.loading import load
from elman.tasks.one_by_one import computed, memory_error
from elman.tasks.spec import Answer
from elman.translations import current_language

from .alignment import Alignment
from .config import PredictOptions
from .ensemble import Prediction
from .pictures import alignment_drawing
from .predictor import Seq2SeqPredictor

WEIGHT_DIGITS = 5  # of an attention weight in the file of --attention
MOST_DRAWN = 20  # alignments; the data of all of them go to a file of JSON


class Seq2SeqAnswers:
    """An InputPredictor: each input is a source, and its answer is a target."""

    def __init__(self, predictor: Seq2SeqPredictor, options: PredictOptions, notify: Notify) -> None:
        self._predictor, self._options, self._notify = predictor, options, notify
        self._attention_file = None if options.attention is None else Path(options.attention)
        self._draws = self._attention_file is not None and self._attention_file.suffix.lower() in SUFFIXES
        if self._attention_file is not None:
            _check_attention(predictor, self._attention_file)
        self._ensemble = predictor.ensemble_with([load(path) for path in options.ensemble or ()])
        self._alignments: list[tuple[int, Alignment]] = []
        self._num_not_drawn = 0
        self.unknown: dict[str, None] = {}

    def answer(self, chunk: Sequence[Input]) -> Iterator[Answer]:
        """Yield an answer for each source."""
        sources = {item.number: item.text.strip() for item in chunk if item.error is None}
        sources = {number: source for number, source in sources.items() if source}
        for source in sources.values():
            self.unknown |= dict.fromkeys(self._predictor.source_codec.unknown_tokens(source))
        options = self._options
        predict = partial(self._ensemble.predict, beam=options.beam_size, length_penalty=options.length_penalty)
        predictions = dict(zip(sources, computed(predict, list(sources.values())), strict=True))
        for item in chunk:
            best = (predictions.get(item.number) or [])[: options.n_best or 1]
            if best and self._attention_file is not None:
                self._align(item.number, sources[item.number], best[0].text)
            error = None if item.number in sources else item.error or "empty; expected a source"
            if item.number in sources and predictions[item.number] is None:
                error = memory_error(sources[item.number])
            as_json: dict[str, Any] = {
                "line": item.number,
                "source": sources.get(item.number, item.text),
                "predictions": _as_json(best),
                **({} if error is None else {"error": error}),
            }
            columns = _columns(best, self._options)
            yield Answer(item.number, self._lines(item.number, best), as_json, error, columns)

    def finish(self) -> Iterator[Answer]:
        """Write the file of --attention; every source has been answered."""
        path = self._attention_file
        if path is not None and self._draws:
            _draw_alignments(path, self._alignments, self._notify)
            if self._num_not_drawn:
                num_lines = f"{MOST_DRAWN + self._num_not_drawn:,}"
                self._notify(
                    f"{path}: drew the first {MOST_DRAWN} of {num_lines} lines; for all, name a file that ends in .json"
                )
        elif path is not None:
            objects = [_alignment_as_json(number, alignment) for number, alignment in self._alignments]
            with translate_disk_errors(path):
                path.write_text(json.dumps(objects, ensure_ascii=False), "utf-8")
        yield from ()

    def _align(self, number: int, source: str, target: str) -> None:
        if self._draws and len(self._alignments) == MOST_DRAWN:
            self._num_not_drawn += 1
        else:
            self._alignments.append((number, self._predictor.align(source, target)))

    def _lines(self, number: int, best: Sequence[Prediction]) -> list[str]:
        if self._options.n_best is None:
            return [on_one_line(best[0].text) if best else ""]
        lines = [f"{number}\t{on_one_line(prediction.text)}\t{prediction.score:.4f}" for prediction in best]
        return lines or [f"{number}\t\t"]


def added_columns(options: PredictOptions) -> tuple[str, ...]:
    """Return the names of the columns that are added to a table: the target and its probability, or n best scores."""
    if options.n_best is None:
        return ("prediction", "probability")
    return tuple(name for rank in range(1, options.n_best + 1) for name in _names(rank))


def _columns(best: Sequence[Prediction], options: PredictOptions) -> dict[str, str | float]:
    """Return what is added to a row of a table."""
    if options.n_best is None:
        return {"prediction": best[0].text, "probability": best[0].probability} if best else {}
    columns: dict[str, str | float] = {}
    for rank, prediction in enumerate(best, 1):
        text, score = _names(rank)
        columns |= {text: prediction.text, score: prediction.score}
    return columns


def _names(rank: int) -> tuple[str, str]:
    """Return the names of the columns of a target and its score."""
    return f"prediction_{rank}", f"score_{rank}"


def _as_json(n_best: Sequence[Prediction]) -> list[dict[str, Any]]:
    """Return predictions as JSON. n_best_probability is the share of the sum of the probabilities in the list."""
    log_total = float(np.logaddexp.reduce([prediction.log_probability for prediction in n_best])) if n_best else 0.0
    return [
        {
            "text": prediction.text,
            "score": prediction.score,
            "log_probability": prediction.log_probability,
            "probability": prediction.probability,
            "n_best_probability": math.exp(prediction.log_probability - log_total),
            "finished": prediction.finished,
        }
        for prediction in n_best
    ]


def _alignment_as_json(number: int, alignment: Alignment) -> dict[str, Any]:
    return {
        "line": number,
        "source": alignment.source,
        "target": alignment.target,
        "attention": [[round(float(a), WEIGHT_DIGITS) for a in row] for row in alignment.attention_weights],
    }


def _draw_alignments(path: Path, alignments: Sequence[tuple[int, Alignment]], notify: Notify) -> None:
    """Draw an alignment as the file that was named, and several as files with the numbers of their lines."""
    language = available_language(current_language(), notify)
    for number, alignment in alignments:
        file = path if len(alignments) == 1 else path.with_stem(f"{path.stem}-{number}")
        write_figure([file], alignment_drawing(alignment), language)


def _check_attention(predictor: Seq2SeqPredictor, path: Path) -> None:
    """Raise a ConfigError, before the predictions, if the file of --attention cannot be written."""
    if predictor.config.attention == "none":
        hint = "Train with --attention dot, general or additive"
        raise ConfigError("--attention: the model has no attention; expected one with attention", hint=hint)
    check_output_file(path, "--attention")
    if path.suffix.lower() in SUFFIXES:
        require_matplotlib()
