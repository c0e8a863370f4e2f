"""The patterns that one cell fits: a template of the date, and the time of day behind it.

A time of day needs a day: `Jan 01 2020` is a date and not a month at 20:20.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from .date_patterns import WEEKDAY_NAMES, DatePattern

_SEPARATORS = ("-", "/", ".", " ")
_TEMPLATES = (
    *(f"%Y{s}%m{s}%d" for s in _SEPARATORS),
    *("%Y%m%d", "%Y年%m月%d日", "%Y年%m月", "%Y年"),
    *(f"%d{s}%m{s}{year}" for year in ("%Y", "%y") for s in _SEPARATORS),
    *(f"%m{s}%d{s}{year}" for year in ("%Y", "%y") for s in _SEPARATORS),
    *(f"%y{s}%m{s}%d" for s in _SEPARATORS),
    *(f"%d{s}%b{s}{year}" for year in ("%Y", "%y") for s in (*_SEPARATORS, "")),
    *(f"%b{s}%d{s}%Y" for s in _SEPARATORS),
    *("%b %d, %Y", "%d. %b %Y", "%d %b, %Y", "%b, %Y", "%b'%y"),
    *(f"%Y{s}%b{s}%d" for s in _SEPARATORS),
    *(f"%b{s}{year}" for year in ("%Y", "%y") for s in (*_SEPARATORS, "")),
    *(f"%Y{s}%b" for s in ("-", " ", "")),
    *(f"%Y{s}%m" for s in ("-", "/", ".")),
    *(f"%m{s}%Y" for s in ("-", "/", ".")),
    *(f"%Y{s}Q%q" for s in ("", " ", "-", "/", ":", ".")),
    *(f"Q%q{s}{year}" for year in ("%Y", "%y") for s in ("", " ", "-", "/", "'")),
    *(f"%qQ{s}{year}" for year in ("%Y", "%y") for s in ("", " ", "-")),
    *("%Y年%q季度", "%Y年第%q季度"),
    *(f"%Y{s}" for s in ("M%m", "-M%m", " M%m", "H%h", "-H%h", " H%h")),
    *(f"H%h{s}%Y" for s in ("-", " ", "/")),
    *("%G-W%V-%u", "%G-W%V", "%GW%V", "%G W%V", "%G/W%V"),
    *(f"{week}%V{s}%G" for week in ("KW ", "KW", "W") for s in ("/", " ", "-")),
    *(f"%G{s}{week}%V" for week in ("KW ", "KW") for s in ("/", " ", "-")),
)
_WEEKDAY = re.compile(rf"(?:{WEEKDAY_NAMES})\.?(,? )", re.IGNORECASE)
_TIME = re.compile(
    r"(?P<joiner> |T|, | at |; ?)(?:"
    r"(?P<hour>\d{1,2})(?P<colon>[:.h])\d\d(?P<second>(?P=colon)\d\d(?P<fraction>[.,]\d{1,9})?)?"
    r"(?P<half> ?[ap]\.?m\.?)?"
    r"|(?P<compact>\d{4}(?:\d\d)?)|(?P<hour_alone>\d{1,2})(?P<half_alone> ?[ap]\.?m\.?)?)"
    r"(?P<zone> ?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}(?::\d{2})?|[+-]\d{2}))?",
    re.IGNORECASE,
)


@functools.lru_cache(maxsize=4096)
def patterns_of(cell: str) -> tuple[str, ...]:
    """Return the patterns that a cell fits."""
    start = ""
    weekday = _WEEKDAY.match(cell)
    if weekday is not None:
        start, cell = f"%a{weekday[1]}", cell[weekday.end() :]
    found = [start + template for template in _templates_of(cell)]
    if cell.endswith(("Z", "+00:00")) and not found:
        found += [f"{start}{template}%z" for template in _templates_of(cell.removesuffix("Z").removesuffix("+00:00"))]
    for match in _TIME.finditer(cell):
        if match.end() == len(cell):
            time = _time_pattern(match)
            templates = (template for template in _templates_of(cell[: match.start()]) if "%d" in template)
            found += [f"{start}{template}{time}" for template in templates]
    return tuple(found)


def _templates_of(text: str) -> Iterator[str]:
    return (template for template, pattern in _compiled_templates() if pattern.read(text) is not None)


@functools.cache
def _compiled_templates() -> list[tuple[str, DatePattern]]:
    return [(template, DatePattern(template)) for template in _TEMPLATES]


def _time_pattern(match: re.Match[str]) -> str:
    joiner, zone = match["joiner"], match["zone"]
    end = "" if zone is None else f"{' ' * zone.startswith(' ')}%z"
    if match["compact"]:
        return f"{joiner}%H%M{'%S' * (len(match['compact']) > len('HHMM'))}{end}"
    half = match["half"] or match["half_alone"]
    hour = "%H" if half is None else "%I"
    half_pattern = "" if half is None else f"{' ' * half.startswith(' ')}%p"
    if match["hour_alone"]:
        return f"{joiner}{hour}{half_pattern}{end}"
    colon = match["colon"]
    mark = match["fraction"][0] if match["fraction"] else "."
    time = f"{joiner}{hour}{colon}%M[{colon}%S[{mark}%f]]{half_pattern}"
    return f"[{time}]{end}" if not end else f"{time}{end}"
