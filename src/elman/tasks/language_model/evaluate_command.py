"""The metrics of a language model on texts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.cli.console import say
from elman.cli.evaluate.held_out import data_of

if TYPE_CHECKING:
    from elman.runtime import LanguageModelPredictor


def measured(predictor: LanguageModelPredictor, run: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics of the files that the options name, or of the run's held-out part."""
    from elman.tasks.language_model.corpus import Corpus

    data: list[str] | None = options["data"]
    given = _texts(data, options["encoding"]) if data else Corpus.open(data_of(run)).ids("valid")
    metrics = predictor.evaluate(given)
    if metrics["unknown"]:
        say(f"{metrics['unknown']:,} of {metrics['count']:,} tokens are unknown to the model")
    return metrics


def _texts(paths: list[str], encoding: str | None) -> Iterator[str]:
    from elman.data.readers import TextSource

    for path in paths:
        yield from TextSource(path, encoding=encoding, notify=say).blocks()
