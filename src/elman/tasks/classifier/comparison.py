"""The current classifier of a run compared with a new one, on the validation set of the new one's run."""

from __future__ import annotations

from elman.errors import ConfigError
from elman.tasks.spec import Comparison

from .corpus import ClassifierCorpus
from .predictor import ClassifierPredictor


def require_comparable(new: ClassifierPredictor, current: ClassifierPredictor, metric: str) -> None:
    """Raise a ConfigError unless the metric of both models can be compared: with other labels, accuracy alone."""
    if metric != "accuracy" and set(new.labels) != set(current.labels):
        problem = f"the new model and the current one have different labels, so their {metric} cannot be compared"
        raise ConfigError(problem, hint="Use --only-if-better accuracy")


COMPARISON: Comparison[ClassifierCorpus, ClassifierPredictor] = Comparison(
    {"loss": "lower", "accuracy": "higher", "macro_f1": "higher", "brier": "lower", "ece": "lower"}, require_comparable
)
