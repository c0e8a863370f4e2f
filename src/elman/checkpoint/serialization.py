"""The two serialisations in our folders: JSON objects and safetensors. Nothing is ever unpickled or executed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from elman.errors import ModelError

from .weight_formats import BFLOAT16, Array
from .weight_formats import Tensors as Tensors

_DTYPES = {
    **{f"{letter}{size}": f"<{letter.lower()}{size // 8}" for letter in "FIU" for size in (16, 32, 64)},
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
    "C64": "<c8",
}
_NAMES = {np.dtype(code): name for name, code in _DTYPES.items()}

FREE_BYTES = 40 << 20  # that a folder may take beside twice its size
MAX_HEADER_BYTES = 8 << 20  # of safetensors
TENSOR_BYTES = 2048  # that reading a tensor takes beside its numbers
MAX_SHOWN = 200  # characters
_WIDE = re.compile(rb"[\xf0-\xf4]|\\u[dD][89abAB]")  # a character outside of the basic plane, or its escape


def json_bytes(value: Any) -> bytes:
    """Return the value as JSON in one fixed layout: sorted keys, one entry a line, UTF-8."""
    return (json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def parse_json(content: bytes, path: Path, *, max_memory: int | None = None) -> dict[str, Any]:
    """Return the JSON object in a file's content; anything else is a ModelError.

    So is JSON that would take more than max_memory bytes as Python objects: by default, FREE_BYTES and twice the
    content. A megabyte of empty lists takes twenty.
    """
    limit = FREE_BYTES + 2 * len(content) if max_memory is None else max_memory
    if (needed := _json_memory(content)) > limit:
        problem = f"the JSON would take up to {needed >> 20:,} MB of memory; expected at most {limit >> 20:,} MB"
        raise damaged_file_error(path, problem)
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise damaged_file_error(path, "the file is not JSON") from None
    if not isinstance(value, dict):
        raise damaged_file_error(path, "the file does not hold a JSON object")
    return value


def _json_memory(content: bytes) -> int:
    """Return about how many bytes the objects of JSON take at most, without reading it.

    Four copies are there at once of a text, which takes 4 bytes for each character if one of them is outside of the
    basic plane. Beside, a text, a number, a list or an object takes a fixed number of bytes, for which commas, colons
    and brackets are counted.
    """
    width = 1 if content.isascii() and b"\\u" not in content else 4 if _WIDE.search(content) else 2
    values = 72 * content.count(b",") + 140 * content.count(b":")
    return 4 * width * len(content) + values + 120 * content.count(b"[") + 300 * content.count(b"{")


def tensor_bytes(tensors: Mapping[str, Array]) -> bytes:
    """Return the tensors in the safetensors format."""
    from safetensors.numpy import save

    arrays = {name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}
    if all(array.dtype != BFLOAT16 for array in arrays.values()):
        return save(arrays)
    header, begin = {}, 0
    for name, array in sorted(arrays.items()):
        kind = "BF16" if array.dtype == BFLOAT16 else _NAMES[array.dtype]
        header[name] = {"dtype": kind, "shape": array.shape, "data_offsets": (begin, begin + array.nbytes)}
        begin += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    data = [array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes() for _, array in sorted(arrays.items())]
    return b"".join([len(text).to_bytes(8, "little"), text, *data])


def parse_tensors(content: bytes, path: Path) -> Tensors:
    """Return the tensors in a safetensors file's content; anything else is a ModelError."""
    from safetensors import SafetensorError, deserialize

    header_size = int.from_bytes(content[:8], "little")
    if MAX_HEADER_BYTES < header_size <= len(content):
        problem = f"the file has a header of {header_size:,} bytes; expected at most {MAX_HEADER_BYTES:,}"
        raise damaged_file_error(path, problem)
    num_tensors, most = content.count(b"{", 8, 8 + header_size), (FREE_BYTES + 2 * len(content)) // TENSOR_BYTES
    if num_tensors > most:
        problem = f"the file has {num_tensors:,} arrays; expected at most {most:,} for its size"
        raise damaged_file_error(path, problem)
    try:
        return {
            name: np.frombuffer(entry["data"], _dtype(entry["dtype"])).reshape(entry["shape"])
            for name, entry in deserialize(content)  # type: ignore[no-untyped-call]
        }
    except (SafetensorError, KeyError, ValueError, TypeError, OverflowError) as error:
        raise damaged_file_error(path, f"the file is not in the safetensors format ({shown(str(error))})") from None


def shown(text: str, most: int = MAX_SHOWN) -> str:
    """Return a text of a file as an error shows it: on one line, without control characters, and not too long."""
    shortened = text if len(text) <= most else f"{text[:most]}…"
    return shortened if shortened.isprintable() else ascii(shortened)[: most + 2]


def _dtype(name: str) -> np.dtype[Any]:
    """Return the dtype of a name in the header of a safetensors file; an unknown one is a KeyError."""
    return BFLOAT16 if name == "BF16" else np.dtype(_DTYPES[name])


def damaged_file_error(path: Path, problem: str) -> ModelError:
    """Return the error for a file that differs from the file that elman wrote."""
    return ModelError(problem, hint="The folder is damaged: copy it again, or train again", where=str(path))
