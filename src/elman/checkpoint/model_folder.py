"""The model folder: a trained model of a few megabytes, which can be used without torch and contains no code.

config.json         format version, task, sizes of the model, how text becomes ids
model.safetensors   weights: float32, or smaller types (weight_formats.py)
vocabulary.json     named lists of tokens (absent for a task without any)
README.md           the model card; a user may edit it, so the manifest omits it
manifest.json       SHA-256 and size of the other files

A folder whose weights are all float32 has the format version 1, which every version of elman reads; one with smaller
types has the format version 2.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elman.errors import ConfigError, ModelError

from .checksummed_folder import MANIFEST, read_folder, write_folder
from .serialization import FREE_BYTES, Tensors, json_bytes, parse_json, parse_tensors, shown, tensor_bytes
from .weight_formats import problem_of_float32, problem_of_weight, weights_type

FORMAT_VERSION = 1
QUANTIZED_FORMAT_VERSION = 2
CONFIG, _WEIGHTS, _VOCABULARY, _CARD = "config.json", "model.safetensors", "vocabulary.json", "README.md"
_MAX_CARD_BYTES = 1 << 20
TOKEN_BYTES = 110  # of a token in the index of its vocabulary


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """The content of a model folder: `config` with task and sizes, weights by name, named lists of tokens, the card.

    fingerprint: the SHA-256 of model.safetensors, if the folder was read from the disk.
    """

    config: dict[str, Any]
    tensors: Tensors
    vocabularies: dict[str, list[str]]
    card: str = ""
    fingerprint: str | None = None


def write_model(folder: Path, model: ModelFolder, *, replace: bool = False) -> None:
    """Write the folder, replacing an existing model; a folder with other files is a ConfigError unless `replace`."""
    if not replace:
        _require_replaceable(folder)
    version = FORMAT_VERSION if weights_type(model.tensors) == "float32" else QUANTIZED_FORMAT_VERSION
    files = {
        CONFIG: json_bytes({**model.config, "format": version}),
        _WEIGHTS: tensor_bytes(model.tensors),
    }
    if model.vocabularies:
        files[_VOCABULARY] = json_bytes(model.vocabularies)
    write_folder(folder, files, editable={_CARD: model.card.encode()})


def is_model_folder(path: Path) -> bool:
    """Return whether the folder has the files of a model folder; they may be damaged."""
    return (path / CONFIG).is_file() and (path / MANIFEST).is_file()


def read_model(folder: Path) -> ModelFolder:
    """Return the content of a model folder; any problem is a ModelError."""
    if folder.is_dir() and not (folder / MANIFEST).exists() and not (folder / CONFIG).exists():
        raise ModelError("not a model folder; expected config.json and model.safetensors in it", where=str(folder))
    editable = {_CARD: _MAX_CARD_BYTES}
    files = read_folder(folder, (CONFIG, _WEIGHTS), optional=(_VOCABULARY,), editable=editable)
    max_memory = FREE_BYTES + 2 * sum(map(len, files.values()))
    config = parse_json(files[CONFIG], folder / CONFIG, max_memory=max_memory)
    version = _checked_format(config.get("format"), folder / CONFIG)
    tensors = parse_tensors(files[_WEIGHTS], folder / _WEIGHTS)
    for name, tensor in sorted(tensors.items()):
        problem = problem_of_weight(tensors, name) if version != FORMAT_VERSION else problem_of_float32(name, tensor)
        if problem is not None:
            raise ModelError(shown(problem), where=str(folder / _WEIGHTS))
    vocabularies = _parse_vocabularies(files.get(_VOCABULARY), folder / _VOCABULARY, max_memory)
    card = files.get(_CARD, b"").decode("utf-8", "replace")
    return ModelFolder(config, tensors, vocabularies, card, hashlib.sha256(files[_WEIGHTS]).hexdigest())


def _parse_vocabularies(content: bytes | None, path: Path, max_memory: int) -> dict[str, list[str]]:
    """Return the named lists of tokens; none without a file."""
    if content is None:
        return {}
    indexes = TOKEN_BYTES * content.count(b",")
    vocabularies = parse_json(content, path, max_memory=max_memory - indexes)
    for name, tokens in vocabularies.items():
        if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
            raise ModelError(f"{shown(name)!r} is not a list of tokens", where=str(path))
    return vocabularies


def _checked_format(version: Any, path: Path) -> int:
    if version in (FORMAT_VERSION, QUANTIZED_FORMAT_VERSION):
        return int(version)
    hint = "Install the version of elman that wrote the model" if isinstance(version, int) else None
    problem = f"format version {shown(repr(version))}; expected {FORMAT_VERSION} or {QUANTIZED_FORMAT_VERSION}"
    raise ModelError(problem, hint=hint, where=str(path))


def _require_replaceable(folder: Path) -> None:
    """Raise a ConfigError if the path is a file, or a folder that contains more than a model."""
    if folder.exists() and not folder.is_dir():
        hint = "Choose another name"
        raise ConfigError("this is a file; expected a new folder", hint=hint, where=str(folder))
    known = {CONFIG, _WEIGHTS, _VOCABULARY, _CARD, MANIFEST}
    others = sorted({entry.name for entry in folder.iterdir()} - known) if folder.exists() else []
    if others:
        problem = f"the folder contains other files ({', '.join(others[:3])}), so it is not replaced"
        raise ConfigError(problem, hint="Choose a new folder", where=str(folder))
