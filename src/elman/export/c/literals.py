"""Numbers, texts and names as C writes them. Numbers are hexadecimal, so that a compiler reads the same bits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.errors import ModelError

Array = npt.NDArray[Any]

WIDTH = 120  # of a line
C_TYPES = {
    np.dtype(np.float32): "float",
    np.dtype(np.float64): "double",
    np.dtype(np.int8): "int8_t",
    np.dtype(np.uint8): "uint8_t",
    np.dtype(np.int32): "int32_t",
}
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "?": "\\?"}  # `??=` is a trigraph


def number(value: float, dtype: npt.DTypeLike = np.float64) -> str:
    """Return a number of this type."""
    if np.dtype(dtype).kind in "iu":
        return str(int(value))
    text = float(value).hex()
    mantissa, exponent = text.split("p")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").removesuffix(".")
    suffix = "f" if np.dtype(dtype) == np.float32 else ""
    return f"{mantissa}p{int(exponent)}{suffix}"


def numbers(array: Array) -> list[str]:
    """Return the numbers of an array in row-major order; numbers that are not finite are a ModelError."""
    if not np.isfinite(array).all():
        raise ModelError("has weights that are not finite; expected numbers", hint="Train the model again")
    return [number(value, array.dtype) for value in array.ravel().tolist()]


def wrapped(items: Iterable[str], indent: str = "    ") -> list[str]:
    """Return lines of items, each with a comma, that are not too wide."""
    lines: list[str] = []
    line = indent
    for item in items:
        if len(line) + len(item) + 2 > WIDTH and line.strip():
            lines.append(line.rstrip())
            line = indent
        line += item + ", "
    return [*lines, line.rstrip()] if line.strip() else lines


def text(value: str) -> str:
    """Return a string literal. Printable characters stay as they are, in UTF-8."""
    return '"' + "".join(map(_character, value)) + '"'


def texts(values: Sequence[str]) -> list[str]:
    """Return string literals."""
    return [text(value) for value in values]


def _character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogatepass"))


def comment(value: str) -> str:
    """Return a text as it may stand in a comment of one line: no control characters, no backslash at its end."""
    shown = "".join(character if character.isprintable() else "?" for character in value)
    return shown.rstrip("\\")
