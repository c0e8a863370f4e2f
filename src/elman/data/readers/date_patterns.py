"""Patterns of dates: strftime's directives, read from a cell and written again, on every system and in every year.

    %Y %m %d %H %M %S %y %b %B %a %A %j %I %p %z %G %V %u %s     as in strftime; %s is the seconds since 1970
    %q %h                                                        the number of a quarter, of a half-year
    %E                                                           days since 1899-12-30, as in spreadsheets
    %-d %-m %-H %-I                                              without a leading zero
    %3f                                                          three digits of the fraction of a second
    [ ... ]                                                      may be absent, in patterns that elman makes itself

Names of months and weekdays are English, short or long. Two digits of a year are 1930 to 2029, as in spreadsheets.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Reading = tuple[datetime, int | None]  # the date and the time on the clock, and the offset from UTC in seconds

LARGEST_OFFSET = 15 * 3600  # from UTC, in seconds; no zone is further away
DAY_SECONDS = 86400
FIRST_DAY = datetime(1899, 12, 30)  # of spreadsheets
FIRST_OF_CENTURY = 30  # of two digits of a year: 30 is 1930, 29 is 2029
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SHORT = 3  # letters of a short name
MONTH_NUMBERS = {
    **{name[:size].lower(): n for n, name in enumerate(MONTHS, start=1) for size in (SHORT, None)},
    "sept": 9,
}
MONTH_NAMES = "|".join(sorted(MONTH_NUMBERS, key=len, reverse=True))
WEEKDAY_NAMES = "|".join((*WEEKDAYS, *(name[:SHORT] for name in WEEKDAYS)))
_SHORTHANDS = {"%F": "%Y-%m-%d", "%T": "%H:%M:%S", "%R": "%H:%M", "%D": "%m/%d/%y"}
_TOKENS = re.compile(r"%-?\d?[A-Za-z]|%%|.", re.DOTALL)
_DIRECTIVES = {
    "Y": r"\d{4}", "y": r"\d{2}", "m": r"\d{1,2}", "d": r"\d{1,2}", "j": r"\d{1,3}", "q": r"[1-4]", "h": r"[12]",
    "H": r"\d{1,2}", "I": r"\d{1,2}", "M": r"\d{2}", "S": r"\d{2}", "f": r"\d{1,9}", "s": r"\d{9,10}",
    "b": rf"(?:{MONTH_NAMES})\.?", "B": rf"(?:{MONTH_NAMES})\.?",
    "a": rf"(?:{WEEKDAY_NAMES})\.?", "A": rf"(?:{WEEKDAY_NAMES})\.?",
    "p": r"[ap]\.?m\.?", "z": r"Z|UTC|GMT|[+-]\d{2}:?\d{2}(?::\d{2})?|[+-]\d{2}",
    "G": r"\d{4}", "V": r"\d{1,2}", "u": r"[1-7]", "E": r"\d{1,6}(?:\.\d+)?",
}  # fmt: skip
DIRECTIVES = frozenset(_DIRECTIVES)


class DatePattern:
    """A pattern that reads the dates of a column. `width` has the digits of each number in the cells that were read."""

    def __init__(self, text: str, *, has_brackets: bool = False) -> None:
        """Compile a pattern; an unknown directive is a ValueError that names it."""
        self.text = functools.reduce(lambda text, pair: text.replace(*pair), _SHORTHANDS.items(), text)
        self._has_brackets = has_brackets
        self._match = re.compile(_expression(self.text, has_brackets), re.IGNORECASE).fullmatch
        self.shortest: dict[str, int] = {}  # by directive: the number of characters in the shortest cell
        self.longest: dict[str, int] = {}

    def read(self, cell: str) -> Reading | None:
        """Return the date of a cell; None if it does not fit."""
        match = self._match(cell.strip())
        if match is None:
            return None
        fields = {name: value for name, value in match.groupdict().items() if value is not None}
        try:
            reading = _date(fields), _offset(fields["z"]) if "z" in fields else None
        except (ValueError, OverflowError):
            return None
        for name, value in fields.items():
            size = len(value.rstrip("."))
            if name == "f" and not value.strip("0"):
                size = 0
            self.shortest[name] = min(size, self.shortest.get(name, size))
            self.longest[name] = max(size, self.longest.get(name, size))
        return reading

    def written(self, zone: str | None) -> str:
        """Return the pattern that dates are written in, as the cells that were read have them.

        A number has no leading zero where a cell has none. The zone is written as it is given, which is that of all
        dates.
        """
        text = self.text if zone is None else self.text.replace("%z", zone.replace("%", "%%"))
        text = re.sub(r" ?%z", "", text) if zone is None else text
        if self._has_brackets:
            text = "".join(part for part in re.split(r"\[|\]", text) if self._occurs(part))
        for name in "dmHIV":
            if self.shortest.get(name) == 1:
                text = text.replace(f"%{name}", f"%-{name}")
        text = text.replace("%f", f"%{min(6, self.longest.get('f', 0))}f")
        for name, longest in (("b", len("Sept")), ("a", SHORT)):
            if self.longest.get(name, 0) > longest:
                text = text.replace(f"%{name}", f"%{name.upper()}")
        return text

    def _occurs(self, part: str) -> bool:
        """Return whether a part of the pattern has a directive that was read, or none at all."""
        names = [token[-1] for token in _TOKENS.findall(part) if len(token) > 1 and token != "%%"]
        return not names or any(self.longest.get(name, 0) > 0 for name in names)


def write_date(date: datetime, pattern: str) -> str:
    """Return a date in a pattern."""
    return "".join(_written(date, token) for token in _TOKENS.findall(pattern))


def _expression(pattern: str, has_brackets: bool) -> str:
    parts, seen = [], set()
    for token in _TOKENS.findall(pattern):
        name = token[-1]
        if has_brackets and token in "[]":
            parts.append("(?:" if token == "[" else ")?")
        elif len(token) == 1 or token == "%%":
            parts.append(r"\s+" if token == " " else re.escape(name))
        elif name not in _DIRECTIVES:
            raise ValueError(token)
        else:
            expression = rf"\d{{{token[1]}}}" if token[1].isdigit() else _DIRECTIVES[name]
            parts.append(f"(?:{expression})" if name in seen else f"(?P<{name}>{expression})")
            seen.add(name)
    return "".join(parts)


def _date(fields: dict[str, str]) -> datetime:
    """Return the date of the values of directives; values out of range are a ValueError."""
    fraction = int(fields.get("f", "")[:6].ljust(6, "0"))
    if "s" in fields:
        return datetime.fromtimestamp(int(fields["s"]), UTC).replace(tzinfo=None, microsecond=fraction)
    if "E" in fields:
        return FIRST_DAY + timedelta(seconds=round(float(fields["E"]) * DAY_SECONDS))
    hour = int(fields.get("H", 0))
    if "I" in fields:
        half = fields.get("p", "am")[0].lower()
        hour = int(fields["I"]) % 12 + 12 * (half == "p")
        if not 1 <= int(fields["I"]) <= 12:
            raise ValueError("hour")
    midnight_after = hour == 24 and fields.get("M", "00") == "00" and fields.get("S", "00") == "00"
    time = (0 if midnight_after else hour, int(fields.get("M", 0)), int(fields.get("S", 0)), fraction)
    if "G" in fields:
        date = datetime.fromisocalendar(int(fields["G"]), int(fields["V"]), int(fields.get("u", 1)))
        return date.replace(hour=time[0], minute=time[1], second=time[2], microsecond=time[3])
    year = _year(fields)
    month = int(fields.get("m", 1))
    if "b" in fields or "B" in fields:
        month = MONTH_NUMBERS[(fields.get("b") or fields["B"]).lower().rstrip(".")]
    if "q" in fields:
        month = 3 * int(fields["q"]) - 2
    if "h" in fields:
        month = 6 * int(fields["h"]) - 5
    date = datetime(year, month, int(fields.get("d", 1)), *time)
    if "j" in fields:
        date += timedelta(days=int(fields["j"]) - 1)
    return date + timedelta(days=1) if midnight_after else date


def _year(fields: dict[str, str]) -> int:
    if "Y" in fields:
        return int(fields["Y"])
    digits = int(fields["y"])
    return digits + (1900 if digits >= FIRST_OF_CENTURY else 2000)


def _offset(zone: str) -> int:
    if zone[0] not in "+-":
        return 0
    digits = zone[1:].replace(":", "").ljust(6, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:4]) * 60 + int(digits[4:6])
    if seconds > LARGEST_OFFSET:
        raise ValueError
    return -seconds if zone[0] == "-" else seconds


def _written(date: datetime, token: str) -> str:
    if len(token) == 1 or token == "%%":
        return token[-1]
    text = _WRITERS[token[-1]](date)
    if token[1] == "-":
        return text.lstrip("0") or "0"
    return text[: int(token[1])] if token[1].isdigit() else text


_WRITERS: dict[str, Callable[[datetime], str]] = {
    "Y": lambda date: f"{date.year:04d}",
    "y": lambda date: f"{date.year % 100:02d}",
    "m": lambda date: f"{date.month:02d}",
    "d": lambda date: f"{date.day:02d}",
    "j": lambda date: f"{date.timetuple().tm_yday:03d}",
    "q": lambda date: str((date.month + 2) // 3),
    "h": lambda date: str(1 + (date.month > 6)),
    "E": lambda date: f"{(date - FIRST_DAY).total_seconds() / DAY_SECONDS:.10g}",
    "H": lambda date: f"{date.hour:02d}",
    "I": lambda date: f"{(date.hour + 11) % 12 + 1:02d}",
    "M": lambda date: f"{date.minute:02d}",
    "S": lambda date: f"{date.second:02d}",
    "f": lambda date: f"{date.microsecond:06d}",
    "s": lambda date: str(int(date.replace(tzinfo=UTC).timestamp())),
    "b": lambda date: MONTHS[date.month - 1][:SHORT],
    "B": lambda date: MONTHS[date.month - 1],
    "a": lambda date: WEEKDAYS[date.weekday()][:SHORT],
    "A": lambda date: WEEKDAYS[date.weekday()],
    "p": lambda date: "AM" if date.hour < 12 else "PM",
    "z": lambda date: "",
    "G": lambda date: f"{date.isocalendar().year:04d}",
    "V": lambda date: f"{date.isocalendar().week:02d}",
    "u": lambda date: str(date.isoweekday()),
}
