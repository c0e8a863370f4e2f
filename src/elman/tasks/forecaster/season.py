"""The season and the horizon of a series: given, or those of the calendar."""

from __future__ import annotations

from typing import Any

from elman.config import Values, positive_or_none

from .series import Series

DEFAULT_HORIZON, MAX_SEASONAL_HORIZON = 12, 60


def season_and_horizon(model: Values, train: Series | None) -> tuple[int, int]:
    """Return the season and the horizon among the model values, or the automatic ones.

    The automatic season is that of the calendar, if there are two of it. The automatic horizon is a season, or 12 rows.
    """
    step = train.step if train is not None else None
    automatic = step.season if step is not None and train is not None and 2 * step.season <= len(train) else 1
    if train is None and model.get("reference") == "season":
        automatic = 2  # any season will do until the rows are read
    season = whole_number(model.get("season"), automatic)
    return season, whole_number(model.get("horizon"), season if 1 < season <= MAX_SEASONAL_HORIZON else DEFAULT_HORIZON)


def whole_number(value: Any, default: int) -> int:
    """Return a whole number above 0, of Python or NumPy; the default for a value that validation will refuse."""
    number = positive_or_none(value.item() if hasattr(value, "item") else value)
    return int(number) if number is not None and number == int(number) else default
