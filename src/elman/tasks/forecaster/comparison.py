"""The current forecaster of a run compared with a new one, on the validation set of the new one's run."""

from __future__ import annotations

from elman.errors import ConfigError
from elman.tasks.spec import Comparison

from .corpus import ForecasterCorpus
from .predictor import ForecasterPredictor

IN_UNITS = ("mae", "rmse", "smape")  # of the values themselves; the others are relative to a training set or a season


def require_comparable(new: ForecasterPredictor, current: ForecasterPredictor, metric: str) -> None:
    """Raise a ConfigError unless the metric of both models can be compared."""
    hint = "Train with those of the current model, as --from RUN does"
    if (new.scales.targets, new.scales.inputs) != (current.scales.targets, current.scales.inputs):
        problem = "the new model and the current one have different columns, so they cannot be compared"
        raise ConfigError(problem, hint=hint)
    if new.config.horizon != current.config.horizon:
        problem = "the new model and the current one have different horizons, so they cannot be compared"
        raise ConfigError(problem, hint=hint)
    scales = [
        (model.config.quantiles, model.config.season, model.scales.naive_mae, model.scales.units, model.scales.spread)
        for model in (new, current)
    ]
    if metric not in IN_UNITS and scales[0] != scales[1]:
        problem = f"{metric} is relative to the training set, and that of the current model is another one"
        raise ConfigError(problem, hint=f"Use --only-if-better {' or '.join(IN_UNITS)}")


COMPARISON: Comparison[ForecasterCorpus, ForecasterPredictor] = Comparison(
    {"mae": "lower", "rmse": "lower", "smape": "lower", "mase": "lower", "relative_mae": "lower", "loss": "lower"},
    require_comparable,
)
