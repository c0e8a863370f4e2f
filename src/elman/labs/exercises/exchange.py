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

MAX_ENTRIES, MAX_LENGTH, MAX_DEPTH = 100_000, 10_000, 8
LARGEST_INTEGER = 2**63


class UnreadableError(ValueError):
    """A message that encode does not write."""


@dataclass(frozen=True, slots=True)
class Other:
    """A value that no exercise expects, in words."""

    description: str


def encode(value: Any, depth: int = 0) -> Any:
    """Return a value as an object for JSON."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value) in (bool, float):
        return value
    if type(value) is int:
        return value if abs(value) < LARGEST_INTEGER else {"other": f"an integer of {value.bit_length()} bits"}
    if type(value) is str:
        return value if len(value) <= MAX_LENGTH else {"other": f"a string of {len(value)} characters"}
    if isinstance(value, np.ndarray):
        return _encode_array(value)
    if isinstance(value, list | tuple | dict) and depth >= MAX_DEPTH:
        return {"other": "a structure that is nested too deeply"}
    if isinstance(value, list | tuple | dict) and len(value) > MAX_LENGTH:
        return {"other": f"{type(value).__name__} of {len(value)} items"}
    if isinstance(value, list | tuple):
        return {"list": [encode(item, depth + 1) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[_encode_key(key), encode(item, depth + 1)] for key, item in value.items()]}
    return {"other": f"an object of type {type(value).__name__}"[:200]}


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


def _encode_key(key: Any) -> Any:
    if isinstance(key, list | tuple | dict | np.ndarray):
        return {"other": f"a key of type {type(key).__name__}"}
    return encode(key)


def _encode_array(array: np.ndarray[Any, Any]) -> Any:
    if array.dtype.kind not in "biuf":
        return {"other": f"an array of {array.dtype}"}
    if array.size > MAX_ENTRIES:
        return {"other": f"an array of shape {array.shape}"}
    if array.dtype.kind == "f":
        array = array.astype(np.float64)
    return {"array": array.ravel().tolist(), "shape": list(array.shape)}


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
