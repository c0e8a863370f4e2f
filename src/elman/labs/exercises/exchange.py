"""Values as JSON, between the grader and the process of the student's code. Nothing is unpickled.

    numbers, strings, True, False, None      as they are
    lists and tuples                         {"list": [...]}
    dictionaries                             {"dict": [[key, value], ...]}
    arrays of numbers                        {"array": [all entries], "shape": [...]}
    anything else                            {"other": what it is}, which decode returns as an Other

Both sides use these functions; decode trusts nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

MAX_ENTRIES = 100_000  # of all arrays, lists and dictionaries of a result
MAX_LENGTH, MAX_DEPTH = 10_000, 8  # of strings, and of nested lists
LARGEST_INTEGER = 2**63
MAX_REPLY = 4_000_000  # characters of a result


class UnreadableError(ValueError):
    """A message that encode does not write."""


@dataclass(frozen=True, slots=True)
class Other:
    """A value that no exercise expects, in words."""

    description: str


def encode(value: Any) -> Any:
    """Return a value as an object for JSON."""
    return _Encoder().encode(value, 0)


def decode(value: Any) -> Any:
    """Return the value of an object that encode returned; tuples are lists. Raise an UnreadableError for others."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    match value:
        case {"list": list(items)}:
            return [decode(item) for item in items]
        case {"dict": list(pairs)}:
            return _decode_dictionary(pairs)
        case {"array": list(entries), "shape": list(shape)}:
            return _decode_array(entries, shape)
        case {"other": str(description)}:
            return Other(description[:200])
    raise UnreadableError("expected a value as encode returns it")


class _Encoder:
    """Encodes a value; it counts the entries, so that no result takes long to send."""

    def __init__(self) -> None:
        self.left = MAX_ENTRIES

    def encode(self, value: Any, depth: int) -> Any:
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or type(value) in (bool, float):
            return value
        if type(value) is int:
            return value if abs(value) < LARGEST_INTEGER else {"other": f"an integer of {value.bit_length()} bits"}
        if type(value) is str:
            return value if len(value) <= MAX_LENGTH else {"other": f"a string of {len(value)} characters"}
        if isinstance(value, np.ndarray):
            return self._encode_array(value)
        if isinstance(value, list | tuple | dict):
            return self._encode_items(value, depth + 1)
        return {"other": f"an object of type {type(value).__name__}"[:200]}

    def _encode_items(self, value: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:
            return {"other": "a structure that is nested too deeply"}
        if not self._takes(len(value)):
            return {"other": f"a {type(value).__name__} of {len(value)} items"}
        if isinstance(value, dict):
            return {"dict": [[self._encode_key(key), self.encode(item, depth)] for key, item in value.items()]}
        return {"list": [self.encode(item, depth) for item in value]}

    def _encode_key(self, key: Any) -> Any:
        if isinstance(key, list | tuple | dict | np.ndarray):
            return {"other": f"a key of type {type(key).__name__}"}
        return self.encode(key, 0)

    def _encode_array(self, array: np.ndarray[Any, Any]) -> Any:
        if array.dtype.kind not in "biuf":
            return {"other": f"an array of {array.dtype}"}
        if not self._takes(array.size):
            return {"other": f"an array of shape {array.shape}"}
        if array.dtype.kind == "f":
            array = array.astype(np.float64)
        return {"array": array.ravel().tolist(), "shape": list(array.shape)}

    def _takes(self, entries: int) -> bool:
        if entries > self.left:
            return False
        self.left -= entries
        return True


def _decode_array(entries: list[Any], shape: list[Any]) -> np.ndarray[Any, Any]:
    if not all(type(entry) in (bool, int, float) for entry in entries):
        raise UnreadableError("an array holds something other than numbers")
    if not all(type(size) is int and size >= 0 for size in shape) or math.prod(shape) != len(entries):
        raise UnreadableError("the shape of an array does not fit its entries")
    try:
        return np.array(entries, np.float64 if not entries else None).reshape(shape)
    except (ValueError, OverflowError) as error:
        raise UnreadableError(str(error)) from None


def _decode_dictionary(pairs: list[Any]) -> dict[Any, Any]:
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise UnreadableError("a dictionary is not a list of pairs")
    decoded = [(decode(key), decode(item)) for key, item in pairs]
    if not all(key is None or isinstance(key, bool | int | float | str | Other) for key, _ in decoded):
        raise UnreadableError("a key is neither a number nor a string")
    return dict(decoded)
