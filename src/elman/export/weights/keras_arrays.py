"""The arrays and the config of a Keras file, read by h5py: names and numbers, and nothing that is run."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.errors import ModelError

from .source import require_finite

Array = npt.NDArray[Any]

CONFIG, WEIGHTS = "config.json", "model.weights.h5"  # of a .keras archive
MARGIN = 50 << 20  # bytes that may be read beyond twice the size of the file: compressed arrays may be larger than it
DAMAGED = "Save the model again with Keras"


@dataclass(frozen=True, slots=True)
class KerasFile:
    """Arrays by their path in the file, the layers' names that Keras stored beside them, and the model's config."""

    kind: str
    arrays: Mapping[str, Array]
    config: dict[str, Any] | None
    layer_order: tuple[str, ...] = ()  # of a file of Keras 2


def open_keras_file(path: Path) -> KerasFile:
    """Return the content of a .keras or .h5 file; anything else is a ModelError."""
    where, limit = str(path), 2 * path.stat().st_size + MARGIN
    if path.suffix.lower() == ".keras":
        return _open_archive(path, limit)
    arrays, attributes = _read_arrays(path.read_bytes(), limit, where)
    config = _parse_config(attributes["model_config"], where) if "model_config" in attributes else None
    order = attributes.get("layer_names", ())
    kind = "Keras weights" if config is None else "Keras model (.h5)"
    return KerasFile(kind, arrays, config, tuple(order))


def _open_archive(path: Path, limit: int) -> KerasFile:
    where = str(path)
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if CONFIG not in names or WEIGHTS not in names:
                problem = f"the archive has {', '.join(names[:5])}; expected {CONFIG} and {WEIGHTS}"
                raise ModelError(problem, hint=DAMAGED, where=where)
            for name in (CONFIG, WEIGHTS):
                if archive.getinfo(name).file_size > limit:
                    raise ModelError(f"{name} is larger than a file of this size may hold", hint=DAMAGED, where=where)
            config, weights = archive.read(CONFIG), archive.read(WEIGHTS)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, OSError, EOFError, NotImplementedError, RuntimeError, ValueError):
        raise ModelError("the file is not a .keras archive", hint=DAMAGED, where=where) from None
    arrays, _ = _read_arrays(weights, limit, where)
    return KerasFile("Keras model (.keras)", arrays, _parse_config(config, where))


def _read_arrays(content: bytes, limit: int, where: str) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return all arrays of floating point numbers by path, and the attributes of the file that are needed."""
    import h5py

    arrays: dict[str, Array] = {}
    attributes: dict[str, Any] = {}
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            root = file.get("model_weights", file)
            for owner in (file, root):
                for key in ("model_config", "layer_names"):
                    if key in owner.attrs:
                        attributes[key] = _text_of(owner.attrs[key])
            total = 0
            for name, item in _datasets(root, ""):
                total += int(item.size) * item.dtype.itemsize
                if total > limit:
                    raise ModelError(
                        "the arrays are larger than a file of this size may hold", hint=DAMAGED, where=where
                    )
                if item.dtype.kind == "f" and item.ndim in (1, 2):
                    arrays[name] = require_finite(name, np.asarray(item[()]), where)
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, RecursionError, AttributeError) as error:
        raise ModelError(f"the file is not in the HDF5 format ({str(error)[:80]})", hint=DAMAGED, where=where) from None
    return arrays, attributes


def _datasets(group: Any, prefix: str, depth: int = 0) -> Any:
    """Yield the names and arrays in a group; links to other files are left out, as is what is nested very deeply."""
    import h5py

    if depth > 12:
        return
    for key in group:
        if isinstance(group.get(key, getlink=True), h5py.ExternalLink):
            continue
        item, name = group[key], f"{prefix}{key}"
        if isinstance(item, h5py.Dataset):
            if not item.is_virtual and not item.external:
                yield name, item
        elif isinstance(item, h5py.Group):
            yield from _datasets(item, f"{name}/", depth + 1)


def _text_of(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.ndarray):
        return tuple(_text_of(item) for item in value.tolist())
    return value


def _parse_config(content: bytes | str, where: str) -> dict[str, Any]:
    try:
        config = json.loads(content)
    except (ValueError, RecursionError, TypeError):
        raise ModelError("the config of the model is not JSON", hint=DAMAGED, where=where) from None
    if not isinstance(config, dict):
        raise ModelError("the config of the model is no JSON object", hint=DAMAGED, where=where)
    return config
