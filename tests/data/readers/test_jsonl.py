"""JSON Lines: objects with their places, and excerpts of values in error messages."""

from __future__ import annotations

import pytest

from elman.data.readers.excerpts import MAX_CHARACTERS, list_names, shorten, shorten_json
from elman.data.readers.jsonl import read_objects
from elman.errors import DataError


def test_each_line_that_is_not_blank_is_an_object() -> None:
    lines = [("f:1", '{"a": 1, "b": "中"}'), ("f:2", "  "), ("f:3", '{"a": null}')]
    assert list(read_objects(lines, ["a"], "hint")) == [("f:1", {"a": 1, "b": "中"}), ("f:3", {"a": None})]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "not JSON ("),
        ("[" * 100_000, "not JSON ("),
        ("[1]", "[1]; expected a JSON object"),
        ('{"b": 1}', 'no key "a" in the object'),
    ],
)
def test_any_other_line_raises_an_error_with_its_place(line: str, problem: str) -> None:
    with pytest.raises(DataError) as caught:
        list(read_objects([("f:1", '{"a": 1}'), ("f:2", line)], ["a"], "Write objects."))
    assert caught.value.message.startswith(problem)
    assert (caught.value.where, caught.value.hint) == ("f:2", "Write objects.")


def test_long_values_are_shortened() -> None:
    assert shorten("x" * MAX_CHARACTERS) == "x" * MAX_CHARACTERS
    assert shorten("x" * (MAX_CHARACTERS + 1)) == "x" * (MAX_CHARACTERS - 1) + "…"
    assert shorten_json({"a": "中"}) == '{"a": "中"}'


def test_long_lists_of_names_are_shortened() -> None:
    assert list_names(["a", "b"]) == "a, b"
    assert list_names([str(number) for number in range(1005)], limit=3) == "0, 1, 2 and 1,002 more"
