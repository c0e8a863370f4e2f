"""The values that a forecaster chooses where the user gives none.

- Season: that of the calendar: 12 for monthly rows, 24 for hourly rows, 7 for daily rows.
- Logarithm: if all values are above 0 and the series changes in proportion to its level.
- Levels: not a feature of a series whose level drifts; only its differences are.
- Reference: the last value, or the value one season before, whichever predicts the training set better.
- Hidden size: the largest one with which the budget allows MIN_PASSES passes over the rows, and which the rows fill.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.cells import CELLS
from elman.config import Values, get_table, merge_values, positive_or_none, validate_config
from elman.errors import ConfigError, DataError
from elman.tasks.sizing import (
    averaged_updates,
    budget_of,
    known_cell,
    largest_size,
    learning_rate,
    number_of,
    passes_over_data,
    size_for_tokens,
)

from .batches import futures, references, without_missing
from .config import MAX_SEASON_NUMBERS, ForecasterRun
from .corpus import ForecasterCorpus
from .scales import first_not_positive
from .season import season_and_horizon, whole_number
from .series import Series

Array = npt.NDArray[Any]

ASSUMED_CPU_FLOPS = 1e11
CELL = "gru"  # of three series, the best on each or close to it
RATES = {"elman": 1e-3, "gru": 2e-3, "lstm": 2e-3}  # of adamw, at 128 hidden units
SGD_RATE = 0.1
MIN_PASSES = 100
HIDDEN_SIZES = (16, 32, 64, 96, 128)
REFERENCE_ROWS, REFERENCE_SIZE = 1e4, 64
DEFAULT_DELAYS, MAX_DELAYS = 16, 64
BATCH_SIZE = 16  # windows
WINDOW_LENGTH = 4  # rows of a window for each row that warms up the history encoder
DROPOUT = 0.1
DRIFT = 0.5  # standard deviations between the means of both halves
PROPORTIONAL = 1.5  # ratio of the changes above the median to those below it, for the logarithm


def resolve(values: Values, corpus: ForecasterCorpus | None = None, flops: float = ASSUMED_CPU_FLOPS) -> ForecasterRun:
    """Return the whole config; mistakes among the values are one ConfigError.

    corpus is None before the data is read. flops is the rate at which this machine trains: a budget in minutes is worth
    that many operations. A series that is too short for its config, or has no logarithm, is a DataError.
    """
    train = corpus.train_series if corpus is not None else []
    wrong = next(filter(None, (first_not_positive(part.series) for part in corpus.parts)), None) if corpus else None
    choices = _choices(values, train, positive_values=wrong is None, flops=flops)
    config = validate_config(ForecasterRun, merge_values({"data": {}}, choices, values))
    if corpus is not None:
        _check_fits(config, corpus, wrong)
    return config


def _choices(values: Values, train: Sequence[Series], *, positive_values: bool, flops: float) -> Values:
    model, training = get_table(values, "model"), get_table(values, "training")
    rows = sum(map(len, train)) if train else 1000
    longest = max(map(len, train), default=rows)
    columns = len(train[0].targets) + len(train[0].inputs) if train else 1
    season, horizon = season_and_horizon(model, train)
    automatic_delays = min(MAX_DELAYS, max(DEFAULT_DELAYS, season), max(1, longest // 4))
    delays = whole_number(model.get("delays"), automatic_delays)
    budget = budget_of(training, default_minutes(rows))
    window = training.get("bptt_steps", min(longest, WINDOW_LENGTH * max(delays, season, horizon)))
    batch = training.get("batch_size", BATCH_SIZE)
    updates_in_pass = updates_per_pass(rows, positive_or_none(window) or 1.0, delays, positive_or_none(batch) or 1.0)
    sizes = {"memory": "recurrent", "cell": CELL, "delays": delays, "horizon": horizon, **model}

    def passes(hidden_size: int) -> float:
        operations = operations_per_row({**sizes, "hidden_size": hidden_size}, columns)
        operations *= WINDOW_LENGTH / (WINDOW_LENGTH - 1)
        return passes_over_data(budget, per_minute=60.0 * flops / operations / rows, per_step=1.0 / updates_in_pass)

    limit = size_for_tokens(rows, reference_tokens=REFERENCE_ROWS, reference_size=REFERENCE_SIZE)
    automatic_size = largest_size(HIDDEN_SIZES, at_most=limit, passes=passes, min_passes=MIN_PASSES)
    hidden_size = model.get("hidden_size", automatic_size)
    size = max(1, int(positive_or_none(hidden_size) or 1))
    cell = known_cell(sizes, CELL)
    return {
        "model": {
            "season": season,
            "horizon": horizon,
            "delays": delays,
            "hidden_size": hidden_size,
            **_transformation(model, train, season, horizon, positive_values=positive_values),
            "dropout": DROPOUT,
        },
        "training": {
            **budget,
            "batch_size": batch,
            "bptt_steps": window,
            "learning_rate": learning_rate(training, RATES, cell, size, reference_size=128.0, sgd=SGD_RATE),
            "average_steps": averaged_updates(passes(size) * updates_in_pass),
        },
    }


def _transformation(
    model: Values, train: Sequence[Series], season: int, horizon: int, *, positive_values: bool
) -> Values:
    """Return logarithm, reference and levels, from the training set."""
    if not train:
        return {"logarithm": False, "reference": "last", "levels": True}
    K = len(train[0].targets)
    tables = []
    for one in train:
        y = one.values[:, :K]
        tables.append(without_missing(y, np.nanmean(y, axis=0)))
    lag = season if 2 * season <= max(map(len, tables)) else 1
    in_proportion = all(changes_in_proportion(filled, lag) for filled in tables if len(filled) > lag)
    logarithm = (
        positive_values
        and min(filled.min() for filled in tables) > 0.0
        and model.get("logarithm", in_proportion) is True
    )
    z = [np.log(filled) for filled in tables] if logarithm else tables
    errors: dict[str, float] = {}
    for name, back in (("last", 1), ("season", lag)):
        parts = [_naive_errors(table, horizon, back, lag) for table in z]
        error = np.concatenate(parts)
        errors[name] = float(error.mean()) if error.size else 0.0
    return {
        "logarithm": logarithm,
        "reference": min(errors, key=errors.__getitem__),
        "levels": 2 * sum(map(drifts, z)) < len(z),
    }


def _naive_errors(z: Array, horizon: int, back: int, lag: int) -> Array:
    """Return the absolute errors (N, H, K) of a naive forecast of a series (T, K), in standard deviations."""
    errors = np.abs(futures(z, horizon) - references(z, z.shape[1], horizon, back))[lag:-horizon]
    return np.asarray(errors / np.maximum(z.std(0), 1e-300))


def _check_fits(config: ForecasterRun, corpus: ForecasterCorpus, not_positive: str | None) -> None:
    """Raise an error if the training set is too short for the config, or has no logarithm."""
    model, where = config.model, ", ".join(source.name for source in corpus.sources)
    rows = max(part.train_rows for part in corpus.parts)
    if 2 * model.season > rows and model.season > 1:
        problem = f"model.season: given {model.season}; expected at most half of {rows:,} training rows"
        raise ConfigError(problem, hint="Use --season 1 for no season")
    columns = len(corpus.train_series[0].targets) + len(corpus.train_series[0].inputs)
    if model.season * columns > MAX_SEASON_NUMBERS:
        problem = f"model.season: given {model.season}; expected at most {MAX_SEASON_NUMBERS // columns:,}"
        raise ConfigError(problem, hint="Average the rows of an hour or a day, for example")
    if model.history_rows > rows:
        problem = f"has {rows:,} training rows; expected at least {model.history_rows:,}, which a forecast needs"
        raise DataError(problem, hint="Give more rows, or fewer --delays", where=where)
    if model.logarithm and not_positive:
        hint = "Use --set model.logarithm=false"
        raise DataError(f"{not_positive}; expected numbers above 0 for their logarithms", hint=hint, where=where)


def drifts(z: Array) -> bool:
    """Return whether the level of a series (T, K) has moved: its future may be outside of the range of its past."""
    halves = z[: len(z) // 2], z[len(z) // 2 :]
    moved = np.abs(halves[1].mean(0) - halves[0].mean(0))
    return bool((moved > DRIFT * np.maximum(z.std(0), 1e-300)).any())


def changes_in_proportion(values: Array, lag: int) -> bool:
    """Return whether a series (T, K) changes more, by row and by season, the higher it is."""
    level = (values[lag:] + values[:-lag]) / 2.0
    moves = np.abs(values[lag:] - values[:-lag])
    high = level > np.median(level, 0)
    ratios = [
        moves[high[:, k], k].mean() / max(moves[~high[:, k], k].mean(), 1e-30)
        for k in range(values.shape[1])
        if high[:, k].any() and not high[:, k].all()
    ]
    return bool(ratios and min(ratios) > PROPORTIONAL)


def updates_per_pass(rows: int, window: float, warm: float, batch: float) -> float:
    """Return about how many updates make one pass; the rows that warm up the history encoder are read twice."""
    window = min(window, rows)
    return max(1.0, (rows - window) / max(1.0, window - warm) / batch)


def operations_per_row(model: Values, columns: int) -> float:
    """Return the floating-point operations of training on one row."""
    layers, hidden = number_of(model, "num_layers", 1.0), number_of(model, "hidden_size", 1.0)
    horizon, delays = number_of(model, "horizon", 1.0), number_of(model, "delays", 1.0)
    features = (2.0 + (model.get("levels") is not False)) * columns
    readout = hidden * horizon * 3.0
    if model.get("memory") == "tdnn":
        return 6.0 * (delays * features * hidden + (layers - 1.0) * hidden**2 + readout)
    if model.get("memory") == "narx":
        return 6.0 * horizon * (delays * features * hidden + (layers - 1.0) * hidden**2 + 3.0 * hidden)
    gates = CELLS[known_cell(model, CELL)]().gates
    return 6.0 * (gates * hidden * (layers * hidden + features + (layers - 1.0) * hidden) + readout)


def default_minutes(rows: int) -> float:
    """Return half a minute for a short series, five for fifty thousand rows."""
    return round(min(5.0, max(0.5, rows / 1e4)), 1)
