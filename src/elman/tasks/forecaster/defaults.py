"""What a forecaster's training can be told, and what it chooses where it is told nothing.

- the season is the calendar's: 12 of monthly rows, 24 of hourly ones, 7 of daily ones;
- the logarithm: where all values are above 0 and a series moves in proportion to its level;
- levels: not read of a series that drifts, whose differences are then all that is known from before;
- the reference: the last value or that of a season before, whichever forecast the training part better;
- size: the largest hidden size with which the budget reads the rows EPOCHS times, and no larger than they can fill.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from elman.cells import CELLS
from elman.config import Config, Values, positive, table
from elman.tasks.forecaster.batches import futures, references, without_gaps
from elman.tasks.forecaster.readers import Columns, Series
from elman.tasks.sizing import given_budget, readings

Array = npt.NDArray[Any]

CELL = "gru"  # of three series, on each the best or beside it
RATES = {"elman": 1e-3, "gru": 2e-3, "lstm": 2e-3}  # of adamw, at 128 hidden units
SGD_RATE = 0.1
EPOCHS = 100
HIDDEN_SIZES: tuple[int, ...] = (16, 32, 64, 96, 128)
FULL_SIZE_ROWS, FULL_SIZE = 1e4, 64  # rows that can fill so many units; more fill their fourth root more
DEFAULT_HORIZON, LONGEST_HORIZON, DEFAULT_DELAYS, MOST_DELAYS = 12, 60, 16, 64
AVERAGED_SHARE, MOST_AVERAGED = 0.05, 1000  # of the updates
BATCH = 16  # windows
WINDOWS_LONG = 4  # a window is so many times what warms the memory up
DRIFT = 0.5  # of standard deviations, between the means of both halves
PROPORTIONAL = 1.5  # how much farther a series moves above its median than below it, for its logarithm


class SeriesDataConfig(Config):
    """How a series is read and split."""

    encoding: str | None = None  # None: UTF-8, or GB18030 where the text is clearly that
    targets: tuple[str, ...] | None = None  # None: the only column of numbers
    inputs: tuple[str, ...] = ()  # columns that help to forecast
    date: str | None = None  # None: the first column whose first cell is a date
    valid_fraction: float | None = Field(None, gt=0.0, lt=1.0)  # None: the last tenth, two horizons at least

    def columns(self) -> Columns:
        """The columns to read."""
        return Columns(self.targets, self.inputs, self.date)


def choices(given: Values, *, train: Series | None, positive_values: bool, flops: float) -> Values:
    """Return config values for what `given` leaves open, for the training part of a series; None: not known yet.

    positive_values: whether all values of the targets, held-out ones too, have a logarithm. flops is the rate at which
    this machine trains; a budget in minutes is worth that many operations.
    """
    model, training = table(given, "model"), table(given, "training")
    rows = len(train) if train is not None else 1000
    season, horizon = season_and_horizon(model, train)
    shape = _shape(model, train, season, horizon, positive_values=positive_values)
    delays = _count(model.get("delays"), min(MOST_DELAYS, max(DEFAULT_DELAYS, season), max(1, rows // 4)))
    sizes = {"memory": "recurrent", "cell": CELL, "delays": delays, "horizon": horizon, **model}
    cell = sizes["cell"] if isinstance(sizes["cell"], str) and sizes["cell"] in CELLS else CELL
    budget = given_budget(training, default_minutes(rows))
    window = training.get("bptt_steps", min(rows, WINDOWS_LONG * max(delays, season, horizon)))
    batch = training.get("batch_size", BATCH)
    columns = len(train.targets) + len(train.inputs) if train is not None else 1

    epoch = updates_per_epoch(rows, positive(window) or 1.0, delays, positive(batch) or 1.0)

    def times_read(hidden: int) -> float:
        operations = operations_per_row({**sizes, "hidden_size": hidden}, columns) * WINDOWS_LONG / (WINDOWS_LONG - 1)
        return readings(budget, a_minute=60.0 * flops / operations / rows, a_step=1.0 / epoch)

    room = FULL_SIZE * (rows / FULL_SIZE_ROWS) ** 0.25
    fitting = [hidden for hidden in HIDDEN_SIZES if hidden <= room and times_read(hidden) >= EPOCHS]
    hidden = model.get("hidden_size", max(fitting, default=HIDDEN_SIZES[0]))
    size = max(1, int(positive(hidden) or 1))
    rate = (
        SGD_RATE
        if training.get("optimizer") == "sgd"
        else RATES.get(cell, RATES["gru"]) * min(2.0, (128.0 / size) ** 0.5)
    )
    return {
        "model": {
            "season": season,
            "horizon": horizon,
            "delays": delays,
            "hidden_size": hidden,
            **shape,
            "dropout": 0.1,
        },
        "training": {
            **budget,
            "batch_size": batch,
            "bptt_steps": window,
            "learning_rate": float(f"{rate:.2g}"),
            "average_steps": int(min(MOST_AVERAGED, AVERAGED_SHARE * times_read(size) * epoch)),
        },
    }


def season_and_horizon(model: Values, train: Series | None) -> tuple[int, int]:
    """Return the season and the horizon: those given, the calendar's where the rows hold two of it, or a dozen rows."""
    step = train.dates.step if train is not None and train.dates is not None else None
    usual = step.season if step is not None and train is not None and 2 * step.season <= len(train) else 1
    if train is None and model.get("reference") == "season":
        usual = 2  # which it is, the rows will tell
    season = _count(model.get("season"), usual)
    return season, _count(model.get("horizon"), season if 1 < season <= LONGEST_HORIZON else DEFAULT_HORIZON)


def _count(value: Any, otherwise: int) -> int:
    """A whole number above 0, NumPy's too; what is none is left to validation to refuse."""
    number = positive(value.item() if hasattr(value, "item") else value)
    return int(number) if number is not None and number == int(number) else otherwise


def _shape(model: Values, train: Series | None, season: int, horizon: int, *, positive_values: bool) -> Values:
    """The logarithm and the reference, by the training part."""
    if train is None:
        return {"logarithm": False, "reference": "last", "levels": True}
    K = len(train.targets)
    y = train.values[:, :K]
    filled = without_gaps(y, np.nanmean(y, axis=0))
    lag = season if 2 * season <= len(filled) else 1
    logarithm = (
        positive_values and filled.min() > 0.0 and model.get("logarithm", moves_in_proportion(filled, lag)) is True
    )
    z = np.log(filled) if logarithm else filled
    errors: dict[str, float] = {}
    for kind, back in (("last", 1), ("season", lag)):
        error = np.abs(futures(z, horizon) - references(z, K, horizon, back))[lag:-horizon]
        errors[kind] = float((error / np.maximum(z.std(0), 1e-300)).mean()) if error.size else 0.0
    return {"logarithm": logarithm, "reference": min(errors, key=errors.__getitem__), "levels": not drifts(z)}


def drifts(z: Array) -> bool:
    """Whether a series (T, K) has moved away from where it was: what comes next may lie where it has never been."""
    halves = z[: len(z) // 2], z[len(z) // 2 :]
    moved = np.abs(halves[1].mean(0) - halves[0].mean(0))
    return bool((moved > DRIFT * np.maximum(z.std(0), 1e-300)).any())


def moves_in_proportion(values: Array, lag: int) -> bool:
    """Whether a series (T, K) moves farther, row by row and season by season, the higher it is."""
    level = (values[lag:] + values[:-lag]) / 2.0
    moves = np.abs(values[lag:] - values[:-lag])
    high = level > np.median(level, 0)
    ratios = [
        moves[high[:, k], k].mean() / max(moves[~high[:, k], k].mean(), 1e-30)
        for k in range(values.shape[1])
        if high[:, k].any() and not high[:, k].all()
    ]
    return bool(ratios and min(ratios) > PROPORTIONAL)


def updates_per_epoch(rows: int, window: float, warm: float, batch: float) -> float:
    """Return how many updates read all rows once, about: what warms a memory up is read again by the next window."""
    window = min(window, rows)
    return max(1.0, (rows - window) / max(1.0, window - warm) / batch)


def operations_per_row(model: Values, columns: int) -> float:
    """Return the floating-point operations of training on one row; what is no number in `model` counts as one."""

    def number(name: str, otherwise: float) -> float:
        return positive(model.get(name)) or otherwise

    layers, hidden, horizon = number("num_layers", 1.0), number("hidden_size", 1.0), number("horizon", 1.0)
    features = (2.0 + (model.get("levels") is not False)) * columns
    said = hidden * horizon * 3.0
    if model.get("memory") == "tdnn":
        return 6.0 * (number("delays", 1.0) * features * hidden + (layers - 1.0) * hidden**2 + said)
    if model.get("memory") == "narx":
        return 6.0 * horizon * (number("delays", 1.0) * features * hidden + (layers - 1.0) * hidden**2 + 3.0 * hidden)
    cell = model.get("cell")
    gates = CELLS[cell if isinstance(cell, str) and cell in CELLS else CELL]().gates
    return 6.0 * (gates * hidden * (layers * hidden + features + (layers - 1.0) * hidden) + said)


def default_minutes(rows: int) -> float:
    """Half a minute for a short series, five for fifty thousand rows."""
    return round(min(5.0, max(0.5, rows / 1e4)), 1)
