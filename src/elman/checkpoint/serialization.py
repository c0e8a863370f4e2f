"""The two serialisations in our folders: JSON objects and safetensors. Nothing is ever unpickled or executed."""

from __future__ import annotations

import json
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


def json_bytes(value: Any) -> bytes:
    """Return the value as JSON in one fixed layout: sorted keys, one entry a line, UTF-8."""
    return (json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def parse_json(content: bytes, path: Path) -> dict[str, Any]:
    """Return the JSON object in a file's content; anything else is a ModelError."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise damaged_file_error(path, "the file is not JSON") from None
    if not isinstance(value, dict):
        raise damaged_file_error(path, "the file does not hold a JSON object")
    return value


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

    try:
        return {
            name: np.frombuffer(entry["data"], _dtype(entry["dtype"])).reshape(entry["shape"])
            for name, entry in deserialize(content)  # type: ignore[no-untyped-call]
        }
    except (SafetensorError, KeyError, ValueError, TypeError, OverflowError) as error:
        raise damaged_file_error(path, f"the file is not in the safetensors format ({error})") from None


def _dtype(name: str) -> np.dtype[Any]:
    """Return the dtype of a name in the header of a safetensors file; an unknown one is a KeyError."""
    return BFLOAT16 if name == "BF16" else np.dtype(_DTYPES[name])


def damaged_file_error(path: Path, problem: str) -> ModelError:
    """Return the error for a file that differs from the file that elman wrote."""
    return ModelError(problem, hint="The folder is damaged: copy it again, or train again", where=str(path))
