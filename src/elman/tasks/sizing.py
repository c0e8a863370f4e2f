"""Sizes, learning rates and budgets chosen from the data and the speed of the machine: the part that tasks share.

A choice is made from values that are not validated yet. A value that validation will refuse must not stop the choices
before it, so it counts as 1, or as the default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from elman.cells import CELLS, SYNONYMS
from elman.config import BUDGETS, Values, positive_or_none

CHARACTERS_PER_TOKEN = 4.0  # about; equal tokens of a batch are encoded once
MAX_AVERAGED_UPDATES = 1000
AVERAGED_SHARE = 0.05  # of the updates


def budget_of(training: Values, default_minutes: float) -> Values:
    """Return the budget among the training values, or the default number of minutes."""
    return {name: training[name] for name in sorted(BUDGETS) if name in training} or {"minutes": default_minutes}


def passes_over_data(budget: Values, *, per_minute: float, per_step: float) -> float:
    """Return how many passes over the training set a budget allows, from the passes in one minute and in one update."""
    if (minutes := positive_or_none(budget.get("minutes"))) is not None:
        return minutes * per_minute
    if (epochs := positive_or_none(budget.get("epochs"))) is not None:
        return epochs
    return (positive_or_none(budget.get("steps")) or 1.0) * per_step


def known_cell(model: Values, default: str = "lstm") -> str:
    """Return the name of the cell among the model values; the default for a name that is not a cell."""
    cell = model.get("cell", default)
    cell = SYNONYMS.get(cell, cell) if isinstance(cell, str) else default
    return cell if cell in CELLS else default


def number_of(model: Values, name: str, default: float) -> float:
    """Return a positive number among the model values, or the default."""
    return positive_or_none(model.get(name)) or default


def largest_size(
    candidates: Iterable[int], *, at_most: float, passes: Callable[[int], float], min_passes: float
) -> int:
    """Return the largest hidden size within both limits: at_most, and the one that still allows min_passes."""
    sizes = list(candidates)
    fitting = (size for size in sizes if size <= at_most and passes(size) >= min_passes)
    return max(fitting, default=sizes[0])


def size_for_tokens(tokens: float, *, reference_tokens: float, reference_size: float) -> float:
    """Return the hidden size that a training set can fill: the reference size, times the fourth root of its size."""
    return float(reference_size * (tokens / reference_tokens) ** 0.25)


def learning_rate(
    training: Values, rates: Mapping[str, float], cell: str, hidden_size: float, *, reference_size: float, sgd: float
) -> float:
    """Return a rate of two digits: that of sgd, or that of the cell, higher for models below reference_size."""
    if training.get("optimizer") == "sgd":
        return two_digits(sgd)
    rate = rates.get(cell, min(rates.values()))
    return two_digits(rate * min(2.0, (reference_size / hidden_size) ** 0.5))


def two_digits(value: float) -> float:
    """Return a value rounded to two significant digits."""
    return float(f"{value:.2g}")


def averaged_updates(updates: float, share: float = AVERAGED_SHARE) -> int:
    """Return over how many of the last updates the weights are averaged: this share of all updates, at most 1000."""
    return int(min(MAX_AVERAGED_UPDATES, share * updates))


def token_encoder_operations(model: Values) -> float:
    """Return the floating-point operations of training a token encoder on one token.

    They are those of the layer over the characters and of the layers above it.
    """
    gates = CELLS[known_cell(model)]().gates
    layers, hidden = number_of(model, "num_layers", 1.0), number_of(model, "hidden_size", 1.0)
    directions = 1.0 if model.get("bidirectional") is False else 2.0
    size = number_of(model, "character_size", 0.0)
    characters = CHARACTERS_PER_TOKEN * 2.0 * gates * size * (size + number_of(model, "character_embedding_size", 32.0))
    inputs = number_of(model, "embedding_size", 1.0) + 2.0 * size + (layers - 1.0) * directions * hidden
    return 6.0 * (characters + directions * gates * hidden * (layers * hidden + inputs))
