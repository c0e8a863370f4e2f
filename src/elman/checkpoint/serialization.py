"""The two serialisations in our folders: JSON objects and safetensors. Nothing is ever unpickled or executed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.errors import ModelError

Tensors = dict[str, npt.NDArray[Any]]


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


def tensor_bytes(tensors: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return the tensors in the safetensors format."""
    from safetensors.numpy import save

    return save({name: np.asarray(tensor, order="C") for name, tensor in tensors.items()})


def parse_tensors(content: bytes, path: Path) -> Tensors:
    """Return the tensors in a safetensors file's content; anything else is a ModelError."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(content)
    except (SafetensorError, KeyError, ValueError, TypeError, OverflowError) as error:
        raise damaged_file_error(path, f"the file is not in the safetensors format ({error})") from None


def damaged_file_error(path: Path, problem: str) -> ModelError:
    """Return the error for a file that differs from the file that elman wrote."""
    return ModelError(problem, hint="The folder is damaged: copy it again, or train again", where=str(path))
