"""The current tagger of a run compared with a new one, on the validation set of the new one's run."""

from __future__ import annotations

from elman.errors import ConfigError
from elman.tasks.spec import Comparison

from .corpus import TaggerCorpus
from .predictor import TaggerPredictor


def require_comparable(new: TaggerPredictor, current: TaggerPredictor, metric: str) -> None:
    """Raise a ConfigError unless the metric of both models can be compared.

    With other labels, the loss cannot, because it is that of a choice among others.
    """
    if new.text.level != current.text.level:
        problem = "the new model and the current one split sentences into different tokens, so they cannot be compared"
        raise ConfigError(problem, hint=f"Use --level {current.text.level}")
    if metric == "loss" and set(new.labels) != set(current.labels):
        problem = f"the new model and the current one have different labels, so their {metric} cannot be compared"
        raise ConfigError(problem, hint="Use --only-if-better accuracy")
    if metric.startswith("span_") and "none" in (new.config.scheme, current.config.scheme):
        problem = f"{metric}: the tags of a model mark no spans; expected a scheme of spans in both models"
        raise ConfigError(problem, hint="Use --only-if-better accuracy")


COMPARISON: Comparison[TaggerCorpus, TaggerPredictor] = Comparison(
    {
        "loss": "lower",
        "accuracy": "higher",
        "span_f1": "higher",
        "span_precision": "higher",
        "span_recall": "higher",
        "ece": "lower",
    },
    require_comparable,
)
