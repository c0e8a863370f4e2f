"""Values as JSON: what is encoded is decoded, everything else is refused, and nothing is executed."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.labs.exercises.comparing import describe_other
from elman.labs.exercises.exchange import MAX_ENTRIES, Other, UnreadableError, decode, encode

SCALARS = st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False) | st.text(max_size=20)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))


def sent(value: Any) -> Any:
    return decode(json.loads(json.dumps(encode(value))))


@given(VALUES)
def test_a_value_arrives_as_it_was_sent(value: Any) -> None:
    assert sent(value) == value or "Other(" in repr(sent(value))  # nested too deeply


@pytest.mark.parametrize("shape", [(), (3,), (0, 4), (2, 3, 4)])
@pytest.mark.parametrize("kind", ["float64", "int64", "bool"])
def test_an_array_arrives_bit_by_bit(shape: tuple[int, ...], kind: str) -> None:
    array = np.random.default_rng(0).normal(size=shape).astype(kind)
    received = sent(array)
    assert received.shape == shape
    assert (received == array).all()


def test_infinities_and_nan_arrive() -> None:
    assert np.array_equal(sent(np.array([np.inf, -np.inf, np.nan])), [np.inf, -np.inf, np.nan], equal_nan=True)


@pytest.mark.parametrize(
    ("value", "description"),
    [
        (np.zeros(3, complex), "an array of complex128"),
        (np.array(["a"]), "an array of <U1"),
        (np.array([object()]), "an array of object"),
        (np.zeros(MAX_ENTRIES + 1), f"an array of shape ({MAX_ENTRIES + 1},)"),
        ([0] * 200_000, "a list of 200000 items"),
        ("a" * 20_000, "a string of 20000 characters"),
        (2**100, "an integer of 101 bits"),
        (print, "an object of type builtin_function_or_method"),
        (1j, "an object of type complex"),
        ({1, 2}, "an object of type set"),
    ],
)
def test_what_no_exercise_expects_arrives_in_words(value: Any, description: str) -> None:
    assert sent(value) == Other(description)
    assert " of " not in describe_other(Other(description)).zh


def test_the_entries_of_all_arrays_together_are_limited() -> None:
    first, second, third = sent([np.zeros(60_000), np.zeros(60_000), np.zeros(30_000)])
    assert (len(first), second, len(third)) == (60_000, Other("an array of shape (60000,)"), 30_000)


def test_a_list_that_contains_itself_arrives() -> None:
    value: list[Any] = []
    value.append(value)
    assert "nested too deeply" in repr(sent(value))
    assert sent({(1, 2): 3}) == {Other("a key of type tuple"): 3}


@pytest.mark.parametrize(
    "message",
    [
        [1, 2],
        {},
        {"list": 3},
        {"array": [1.0, 2.0], "shape": [3]},
        {"array": ["a"], "shape": [1]},
        {"array": [[1.0]], "shape": [1]},
        {"array": [1.0], "shape": [-1]},
        {"array": [], "shape": [0, 10**30]},
        {"dict": [[1, 2, 3]]},
        {"dict": [[{"list": []}, 2]]},
        {"other": 3},
        {"pickle": "gASVJAAAAA=="},
    ],
)
def test_any_other_message_is_refused(message: Any) -> None:
    with pytest.raises(UnreadableError):
        decode(message)
