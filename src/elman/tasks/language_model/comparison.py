"""The current language model of a run compared with a new one, on the validation set of the new one's run.

Models with the same tokens are compared on the same tokens, by any metric. With other tokens, a loss per token says
nothing: there, only bits per character can be compared, on the text of the validation set, if both know all of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from elman.errors import ConfigError
from elman.tasks.spec import Comparison

from .corpus import LanguageModelCorpus, MemoryTokens
from .predictor import LanguageModelPredictor

PER_CHARACTER = "bits_per_character"


def require_comparable(new: LanguageModelPredictor, current: LanguageModelPredictor, metric: str) -> None:
    """Raise a ConfigError unless the metric of both models can be compared."""
    if _has_same_tokens(new, current):
        return
    if new.text.normalize != current.text.normalize:
        problem = "the new model and the current one normalize text differently, so they cannot be compared"
        raise ConfigError(problem, hint=f"Use --normalize {current.text.normalize}")
    if metric != PER_CHARACTER:
        problem = f"the new model and the current one have different tokens, so their {metric} cannot be compared"
        raise ConfigError(problem, hint="Use --only-if-better bits_per_character, or keep the tokens with --from RUN")


def score_current(
    current: LanguageModelPredictor, new: LanguageModelPredictor, corpus: LanguageModelCorpus
) -> dict[str, Any]:
    """Return the metrics of the current model on the validation set of the new one's run."""
    ids = np.concatenate(list(corpus.ids("valid").chunks()))
    if _has_same_tokens(new, current):  # whose order depends on how frequent they are in the training set
        return current.evaluate_blocks(MemoryTokens(current.vocabulary.encode(new.vocabulary.tokens)[ids]))
    metrics = current.evaluate_blocks([new.codec.decode(ids)])
    if unknown := corpus.valid_set.unknown or metrics["unknown"]:
        problem = f"{unknown:,} tokens of the validation set are unknown to one of the models; expected none"
        raise ConfigError(problem, hint="Keep the tokens of the current model with --from RUN, or use --byte-fallback")
    return metrics


def _has_same_tokens(new: LanguageModelPredictor, current: LanguageModelPredictor) -> bool:
    return new.text == current.text and set(new.vocabulary.tokens) == set(current.vocabulary.tokens)


COMPARISON = Comparison(
    {"loss": "lower", "perplexity": "lower", PER_CHARACTER: "lower"}, require_comparable, score_current
)
