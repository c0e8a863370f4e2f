"""Spans in tags: all schemes, and violations that are read as conlleval reads them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.text.spans import Scheme, Span, detect_scheme, extract_spans, first_violation, transition_mask

BIO = ["O", "B-X", "I-X", "B-Y", "I-Y"]
BIOES = [*BIO, "E-X", "S-X", "E-Y", "S-Y"]


def tags_of(spans: list[Span], length: int, scheme: Scheme) -> list[str]:
    """Return the tags of spans that do not overlap."""
    tags = ["O"] * length
    for begin, end, type_ in spans:
        tags[begin:end] = [f"B-{type_}", *[f"I-{type_}"] * (end - begin - 1)]
        if scheme == "bioes":
            tags[end - 1] = f"{'S' if end - begin == 1 else 'E'}-{type_}"
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
def test_spans_are_extracted_from_tags(tags: list[str], expected: list[tuple[int, int, str]]) -> None:
    assert extract_spans(tags) == [Span(*span) for span in expected]


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
def test_a_scheme_is_detected_from_its_tags(tags: list[str], expected: str) -> None:
    assert detect_scheme(tags) == expected


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from("XY"), st.integers(0, 2)), max_size=5))
def test_spans_that_are_written_as_tags_are_extracted_again_without_violations(
    drawn: list[tuple[int, str, int]],
) -> None:
    spans: list[Span] = []
    position = 0
    for length, type_, gap in drawn:
        spans.append(Span(position, position + length, type_))
        position += length + gap
    schemes: tuple[Scheme, ...] = ("bio", "bioes")
    for scheme in schemes:
        tags = tags_of(spans, position, scheme)
        assert extract_spans(tags) == spans
        assert first_violation(tags, scheme) is None


@pytest.mark.parametrize(("labels", "scheme"), [(BIO, "bio"), (BIOES, "bioes")])
def test_exactly_the_tags_of_some_spans_are_allowed(labels: list[str], scheme: Scheme) -> None:
    allowed = transition_mask(labels, scheme)
    number_of = {label: i for i, label in enumerate(labels)}
    for tags in itertools.product(labels, repeat=3):
        path = [number_of[tag] for tag in tags]
        has_allowed_pairs = all(allowed.transitions[i, j] for i, j in itertools.pairwise(path))
        is_allowed = bool(allowed.start[path[0]] and allowed.end[path[-1]] and has_allowed_pairs)
        assert is_allowed == (tags_of(extract_spans(tags), 3, scheme) == list(tags)), tags
        assert is_allowed == (first_violation(tags, scheme) is None), tags


def test_the_first_violation_has_an_index_and_unconstrained_tags_have_none() -> None:
    assert first_violation(["O", "I-X", "I-Y"], "bio") == 1
    assert first_violation(["O", "B-X", "I-Y"], "bio") == 2
    assert first_violation(["S-X", "B-X"], "bioes") == 2
    assert first_violation(["O", "I-X"], "unconstrained") is None
    assert all(mask.all() for mask in transition_mask(BIO, "unconstrained"))
