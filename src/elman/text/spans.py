"""Spans in tags: where each begins and ends, and which tag may follow which.

    bio     B-X begins a span of type X, I-X goes on with it, O is outside of all      Tjong Kim Sang and Veenstra, 1999
    bioes   the last tag of a longer span is E-X, that of a span of one is S-X
    loose   tags of spans in any order: IOB1, where B-X only parts two spans of one type (Ramshaw and Marcus, 1995), or
            a file that breaks its scheme
    none    the tags are no spans: parts of speech, readings

M for I, L for E and U for S are read alike (BMES, BILOU), and a tag may be its letter alone, as in word segmentation.
Tags that break their scheme still have spans, as conlleval counts them: what goes on with nothing begins a span.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Scheme = Literal["none", "loose", "bio", "bioes"]
Mask = npt.NDArray[np.bool_]

FORBIDDEN = -1e4  # the score of what a scheme does not allow; not -inf: where no path goes, one is the best still
_TAG = re.compile(r"([BIESMLU])(?:[-_](.+))?")
_ROLES = {"B": "begin", "S": "single", "U": "single", "I": "inside", "M": "inside", "E": "end", "L": "end"}
_OPEN, _GOES_ON = ("begin", "inside"), ("inside", "end")
_OUTSIDE = ("outside", "")


class Span(NamedTuple):
    """Tokens from `begin` on, to the one before `end`, of a type."""

    begin: int
    end: int
    type: str


class Follow(NamedTuple):
    """Which tag may follow which (C, C), which may be the first (C,), and which the last (C,)."""

    after: Mask
    first: Mask
    last: Mask


def scheme_of(tags: Iterable[str]) -> Scheme:
    """Return the scheme that a set of tags looks like: none, bio or bioes; sentences may break it (first_break)."""
    known = set(tags)
    if not known or not all(tag == "O" or _TAG.fullmatch(tag) for tag in known):
        return "none"
    roles = {_parsed(tag)[0] for tag in known}
    if roles & {"end", "single"}:
        return "bioes"
    return "bio" if roles & {"begin", "inside"} and ("begin" in roles or "outside" in roles) else "none"


def spans(tags: Sequence[str]) -> list[Span]:
    """Return the spans of a sentence's tags, in order."""
    found: list[Span] = []
    begin, open_type = 0, None  # of the span that is open
    for place, (role, kind) in enumerate(map(_parsed, tags)):
        if open_type is not None and (role not in _GOES_ON or kind != open_type):
            found.append(Span(begin, place, open_type))
            open_type = None
        if role == "outside":
            continue
        if open_type is None:
            begin, open_type = place, kind
        if role in ("end", "single"):
            found.append(Span(begin, place + 1, open_type))
            open_type = None
    if open_type is not None:
        found.append(Span(begin, len(tags), open_type))
    return found


def follow(tags: Sequence[str], scheme: Scheme) -> Follow:
    """Return what a scheme allows of tags in this order; of loose and none that is everything."""
    count = len(tags)
    if scheme in ("none", "loose"):
        return Follow(np.ones((count, count), bool), np.ones(count, bool), np.ones(count, bool))
    parsed = [_parsed(tag) for tag in tags]
    may = _MAY[scheme]
    after = np.array([[may(before, next_) for next_ in parsed] for before in parsed])
    first = np.array([may(_OUTSIDE, each) for each in parsed])
    last = np.array([may(each, _OUTSIDE) for each in parsed])
    return Follow(after, first, last)


def first_break(tags: Sequence[str], scheme: Scheme) -> int | None:
    """Return the place of the first tag that the scheme does not allow there, or None; of bioes, len(tags) is the end.

    loose and none allow every tag everywhere.
    """
    if scheme in ("none", "loose"):
        return None
    may = _MAY[scheme]
    around = [_OUTSIDE, *map(_parsed, tags), _OUTSIDE]
    pairs = pairwise(around)
    return next((place for place, (before, next_) in enumerate(pairs) if not may(before, next_)), None)


def _parsed(tag: str) -> tuple[str, str]:
    """The role of a tag and the type of its span."""
    found = _TAG.fullmatch(tag)
    return (_ROLES[found[1]], found[2] or "") if found else _OUTSIDE


def _may_bio(before: tuple[str, str], next_: tuple[str, str]) -> bool:
    return next_[0] != "inside" or (before[0] in _OPEN and before[1] == next_[1])


def _may_bioes(before: tuple[str, str], next_: tuple[str, str]) -> bool:
    if before[0] in _OPEN:
        return next_[0] in _GOES_ON and before[1] == next_[1]
    return next_[0] not in _GOES_ON


_MAY = {"bio": _may_bio, "bioes": _may_bioes}
