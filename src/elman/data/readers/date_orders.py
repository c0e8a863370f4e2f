"""The order of day and month in the pattern of a column, and how well dates in an order follow each other."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from .date_patterns import DatePattern


def order_of(pattern: str) -> tuple[str, ...]:
    """Return the order of year, month and day in a pattern."""
    return tuple(letter.lower() for letter in re.findall(r"%-?([YymdbB])", pattern))


def is_day_first(pattern: str) -> bool | None:
    """Return whether the day is before the month, both in digits; None for a pattern of another kind."""
    orders: dict[tuple[str, ...], bool] = {("d", "m", "y"): True, ("m", "d", "y"): False}
    return orders.get(order_of(pattern))


def preference(pattern: str) -> int:
    """Return the place of a pattern among those that fit equally well."""
    day_first = is_day_first(pattern)
    return 2 if day_first is None else int(day_first == ("/" in pattern))


def regularity(dates: Sequence[datetime | None]) -> tuple[bool, float]:
    """Return whether the dates rise or fall, and the share of the most frequent step: more is more likely.

    Dates that come again, as those of several series do, count once.
    """
    different = list(dict.fromkeys(date for date in dates if date is not None))
    if len(different) < 3:
        return True, 0.0
    pairs = list(itertools.pairwise(different))
    rising = all(a < b for a, b in pairs) or all(a > b for a, b in pairs)
    different.sort()
    pairs = list(itertools.pairwise(different))
    seconds = Counter(b - a for a, b in pairs).most_common(1)[0][1]
    same_day = len({date.day for date in different}) == 1
    months = Counter((b.year - a.year) * 12 + b.month - a.month for a, b in pairs).most_common(1)[0][1] * same_day
    return rising, round(max(seconds, months) / len(pairs), 3)


def other_order(pattern: str) -> str | None:
    """Return the pattern with day and month exchanged; None if it has not both in digits."""
    if is_day_first(pattern) is None:
        return None
    exchanged = {"d": "m", "m": "d"}
    return re.sub(r"%(-?)([dm])", lambda match: f"%{match[1]}{exchanged[match[2]]}", pattern)


def fits_other_order(cell: str, pattern: str) -> bool:
    """Return whether a cell is a date in the pattern with day and month exchanged only."""
    other = other_order(pattern)
    return other is not None and DatePattern(other).read(cell) is not None
