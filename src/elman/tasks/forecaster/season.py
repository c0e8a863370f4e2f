"""The season and the horizon of a series: given, or those of the calendar."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from elman.config import Values, positive_or_none

from .series import Series

DEFAULT_HORIZON, MAX_SEASONAL_HORIZON = 12, 60


def season_and_horizon(model: Values, train: Sequence[Series]) -> tuple[int, int]:
    """Return the season and the horizon among the model values, or the automatic ones.

    train is empty before the data is read. The automatic season is that of the calendar, if the longest series has two
    of it. The automatic horizon is a season, or 12 rows.
    """
    seasons = Counter(one.step.season for one in train if one.step is not None)
    automatic = seasons.most_common(1)[0][0] if seasons else 1
    if 2 * automatic > max(map(len, train), default=0):
        automatic = 1
    if not train and model.get("reference") == "season":
        automatic = 2  # any season will do until the rows are read
    season = whole_number(model.get("season"), automatic)
    return season, whole_number(model.get("horizon"), season if 1 < season <= MAX_SEASONAL_HORIZON else DEFAULT_HORIZON)


def whole_number(value: Any, default: int) -> int:
    """Return a whole number above 0, of Python or NumPy; the default for a value that validation will refuse."""
    number = positive_or_none(value.item() if hasattr(value, "item") else value)
    return int(number) if number is not None and number == int(number) else default
