"""The metrics of a language model on text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from elman.config import Config
from elman.tasks.spec import Scored

from .corpus import LanguageModelCorpus


def score_validation_set(scored: Scored, corpus: LanguageModelCorpus, options: Config) -> dict[str, Any]:
    """Return the metrics on the validation set of a run."""
    return _reported(scored, scored.predictor.evaluate(corpus.ids("valid")))


def score(scored: Scored, examples: Iterable[str], options: Config) -> dict[str, Any]:
    """Return the metrics on blocks of text, which are scored as one text."""
    return _reported(scored, scored.predictor.evaluate(examples))


def _reported(scored: Scored, metrics: dict[str, Any]) -> dict[str, Any]:
    if metrics["unknown"]:
        scored.notify(f"{metrics['unknown']:,} of {metrics['count']:,} tokens are unknown to the model")
    return metrics
