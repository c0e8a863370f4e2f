"""Spans in tags: their beginnings and ends, and which tag may follow which.

    bio             B-X begins a span of type X, I-X continues it, O is outside   Tjong Kim Sang and Veenstra, 1999
    bioes           as bio, but the last tag of a span is E-X, and S-X is a span of a single token
    unconstrained   tags of spans in any order: IOB1, where B-X only separates two spans of one type (Ramshaw and
                    Marcus, 1995), or a file that violates its scheme
    none            the tags are not spans, but parts of speech, for example

M is read as I, L as E and U as S (BMES, BILOU), and a tag may be a letter alone, as in word segmentation. Tags that
violate their scheme still have spans, as conlleval defines them: a tag that continues nothing begins a span.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Scheme = Literal["none", "unconstrained", "bio", "bioes"]
Mask = npt.NDArray[np.bool_]

FORBIDDEN_SCORE = -1e4  # of a forbidden transition; finite, so that one path is the best even if none is allowed
_TAG = re.compile(r"([BIESMLU])(?:[-_](.+))?")
_ROLES = {"B": "begin", "S": "single", "U": "single", "I": "inside", "M": "inside", "E": "end", "L": "end"}
_OPENING, _CONTINUING = ("begin", "inside"), ("inside", "end")
_OUTSIDE = ("outside", "")


class Span(NamedTuple):
    """The tokens from `begin` up to, but without, `end`, and their type."""

    begin: int
    end: int
    type: str


class TransitionMask(NamedTuple):
    """The allowed transitions from tag to tag (C, C), first tags (C,) and last tags (C,)."""

    transitions: Mask
    start: Mask
    end: Mask


def detect_scheme(tags: Iterable[str]) -> Scheme:
    """Return none, bio or bioes from a set of tags; sentences may still violate the scheme (see first_violation)."""
    distinct = set(tags)
    if not distinct or not all(tag == "O" or _TAG.fullmatch(tag) for tag in distinct):
        return "none"
    roles = {_parse_tag(tag)[0] for tag in distinct}
    if roles & {"end", "single"}:
        return "bioes"
    return "bio" if roles & {"begin", "inside"} and ("begin" in roles or "outside" in roles) else "none"


def extract_spans(tags: Sequence[str]) -> list[Span]:
    """Return the spans of a sentence's tags, in order."""
    spans: list[Span] = []
    begin, open_type = 0, None  # of the span in progress
    for index, (role, type_) in enumerate(map(_parse_tag, tags)):
        if open_type is not None and (role not in _CONTINUING or type_ != open_type):
            spans.append(Span(begin, index, open_type))
            open_type = None
        if role == "outside":
            continue
        if open_type is None:
            begin, open_type = index, type_
        if role in ("end", "single"):
            spans.append(Span(begin, index + 1, open_type))
            open_type = None
    if open_type is not None:
        spans.append(Span(begin, len(tags), open_type))
    return spans


def transition_mask(tags: Sequence[str], scheme: Scheme) -> TransitionMask:
    """Return what a scheme allows for tags in this order; none and unconstrained allow everything."""
    count = len(tags)
    if scheme in ("none", "unconstrained"):
        return TransitionMask(np.ones((count, count), bool), np.ones(count, bool), np.ones(count, bool))
    parsed = [_parse_tag(tag) for tag in tags]
    allows = _ALLOWS[scheme]
    transitions = np.array([[allows(tag, next_tag) for next_tag in parsed] for tag in parsed])
    start = np.array([allows(_OUTSIDE, tag) for tag in parsed])
    end = np.array([allows(tag, _OUTSIDE) for tag in parsed])
    return TransitionMask(transitions, start, end)


def first_violation(tags: Sequence[str], scheme: Scheme) -> int | None:
    """Return the index of the first tag that violates the scheme, or None.

    The index is len(tags) if a span of bioes is still open at the end.
    """
    if scheme in ("none", "unconstrained"):
        return None
    allows = _ALLOWS[scheme]
    pairs = pairwise([_OUTSIDE, *map(_parse_tag, tags), _OUTSIDE])
    return next((index for index, (tag, next_tag) in enumerate(pairs) if not allows(tag, next_tag)), None)


def _parse_tag(tag: str) -> tuple[str, str]:
    """Return the role of a tag and the type of its span."""
    match = _TAG.fullmatch(tag)
    return (_ROLES[match[1]], match[2] or "") if match else _OUTSIDE


def _bio_allows(tag: tuple[str, str], next_tag: tuple[str, str]) -> bool:
    return next_tag[0] != "inside" or (tag[0] in _OPENING and tag[1] == next_tag[1])


def _bioes_allows(tag: tuple[str, str], next_tag: tuple[str, str]) -> bool:
    if tag[0] in _OPENING:
        return next_tag[0] in _CONTINUING and tag[1] == next_tag[1]
    return next_tag[0] not in _CONTINUING


_ALLOWS = {"bio": _bio_allows, "bioes": _bioes_allows}
