"""The budget of a training: what is given, and how often it lets the training data be read."""

from __future__ import annotations

from elman.config import Values, positive

BUDGETS = ("steps", "epochs", "minutes")


def given_budget(training: Values, otherwise_minutes: float) -> Values:
    """Return the budget that the values of `training` hold, or so many minutes."""
    return {name: training[name] for name in BUDGETS if name in training} or {"minutes": otherwise_minutes}


def readings(budget: Values, *, a_minute: float, a_step: float) -> float:
    """Return how often a budget reads the data, of which a minute and a step read so many times all."""
    if (minutes := positive(budget.get("minutes"))) is not None:
        return minutes * a_minute
    if (epochs := positive(budget.get("epochs"))) is not None:
        return epochs
    return (positive(budget.get("steps")) or 1.0) * a_step
