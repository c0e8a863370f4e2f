"""Spans in tags: the three schemes read alike, what breaks them counted as conlleval does."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.text.spans import Span, first_break, follow, scheme_of, spans

BIO = ["O", "B-X", "I-X", "B-Y", "I-Y"]
BIOES = [*BIO, "E-X", "S-X", "E-Y", "S-Y"]


def written(found: list[Span], length: int, scheme: str) -> list[str]:
    """The tags of spans that do not meet: the way back."""
    tags = ["O"] * length
    for begin, end, kind in found:
        tags[begin:end] = [f"B-{kind}", *[f"I-{kind}"] * (end - begin - 1)]
        if scheme == "bioes":
            tags[end - 1] = f"{'S' if end - begin == 1 else 'E'}-{kind}"
    return tags


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["B-PER", "I-PER", "O", "B-LOC"], [(0, 2, "PER"), (3, 4, "LOC")]),
        (["B-X", "B-X", "I-X"], [(0, 1, "X"), (1, 3, "X")]),
        (["B-X", "I-X", "E-X", "S-Y"], [(0, 3, "X"), (3, 4, "Y")]),
        (["B-X", "M-X", "L-X", "U-Y"], [(0, 3, "X"), (3, 4, "Y")]),
        (["B", "M", "E", "S", "B", "E"], [(0, 3, ""), (3, 4, ""), (4, 6, "")]),
        (["I-X", "I-X", "O", "I-Y"], [(0, 2, "X"), (3, 4, "Y")]),  # IOB1
        (["B-X", "I-Y", "O"], [(0, 1, "X"), (1, 2, "Y")]),
        (["O", "E-X", "E-X"], [(1, 2, "X"), (2, 3, "X")]),
        (["B_X", "I_X"], [(0, 2, "X")]),
        (["O", "O"], []),
        ([], []),
    ],
)
def test_spans_of_tags(tags: list[str], expected: list[tuple[int, int, str]]) -> None:
    assert spans(tags) == [Span(*each) for each in expected]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["O", "B-X", "I-X"], "bio"),
        (["O", "I-X"], "bio"),
        (["B-X", "I-X"], "bio"),
        (["O", "B-X", "E-X"], "bioes"),
        (["B", "M", "E", "S"], "bioes"),
        (["O"], "none"),
        (["NOUN", "O", "B-X"], "none"),
        (["I", "S"], "bioes"),
        ([], "none"),
        (["NOUN", "VERB"], "none"),
    ],
)
def test_a_scheme_is_told_by_its_tags(tags: list[str], expected: str) -> None:
    assert scheme_of(tags) == expected


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from("XY"), st.integers(0, 2)), max_size=5))
def test_what_is_written_in_a_scheme_is_read_back_and_breaks_nothing(drawn: list[tuple[int, str, int]]) -> None:
    found, place = [], 0
    for length, kind, gap in drawn:
        found.append(Span(place, place + length, kind))
        place += length + gap
    for scheme in ("bio", "bioes"):
        tags = written(found, place, scheme)
        assert spans(tags) == found
        assert first_break(tags, scheme) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(("labels", "scheme"), [(BIO, "bio"), (BIOES, "bioes")])
def test_what_is_allowed_is_exactly_what_spans_can_be_written_as(labels: list[str], scheme: str) -> None:
    allowed = follow(labels, scheme)  # type: ignore[arg-type]
    number = {label: i for i, label in enumerate(labels)}
    for tags in itertools.product(labels, repeat=3):
        path = [number[tag] for tag in tags]
        pairs = all(allowed.after[i, j] for i, j in itertools.pairwise(path))
        possible = bool(allowed.first[path[0]] and allowed.last[path[-1]] and pairs)
        assert possible == (written(spans(tags), 3, scheme) == list(tags)), tags
        assert possible == (first_break(tags, scheme) is None), tags  # type: ignore[arg-type]


def test_the_first_break_is_told_and_loose_tags_have_none() -> None:
    assert first_break(["O", "I-X", "I-Y"], "bio") == 1
    assert first_break(["O", "B-X", "I-Y"], "bio") == 2
    assert first_break(["S-X", "B-X"], "bioes") == 2
    assert first_break(["O", "I-X"], "loose") is None
    assert all(mask.all() for mask in follow(BIO, "loose"))
