"""The budget of a training: what is given, how often it lets the training data be read, and what reading costs."""

from __future__ import annotations

from elman.cells import CELLS
from elman.config import Values, positive

BUDGETS = ("steps", "epochs", "minutes")
CHARACTERS_A_TOKEN = 4.0  # that are read, about: tokens that are spelled alike are spelled once a batch


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


def operations_of_reading(model: Values) -> float:
    """Return the floating-point operations of training on one token, of what classifiers and taggers have in common.

    That is the characters' layer and the layers above; what is no number in `model` counts as one, or as the default.
    """

    def number(name: str, otherwise: float) -> float:
        return positive(model.get(name)) or otherwise

    cell = model.get("cell")
    gates = CELLS[cell if isinstance(cell, str) and cell in CELLS else "lstm"]().gates
    layers, hidden = number("num_layers", 1.0), number("hidden_size", 1.0)
    directions = 1.0 if model.get("bidirectional") is False else 2.0
    spelled = number("character_size", 0.0)
    spelling = CHARACTERS_A_TOKEN * 2.0 * gates * spelled * (spelled + number("character_embedding_size", 32.0))
    inputs = number("embedding_size", 1.0) + 2.0 * spelled + (layers - 1.0) * directions * hidden
    return 6.0 * (spelling + directions * gates * hidden * (layers * hidden + inputs))
