"""The model folder, which ships: a few megabytes that need no torch and hold no code.

config.json         format version, task, the model's sizes, how text becomes ids
model.safetensors   float32 weights
vocabulary.json     named lists of tokens (absent where a task has none)
README.md           the model card; a user may edit it, so it is not in the manifest
manifest.json       SHA-256 and size of the files above
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elman.errors import ConfigError, ModelError

from .sealed import MANIFEST, Tensors, json_bytes, parse_json, parse_tensors, read_sealed, tensor_bytes, write_sealed

FORMAT = 1
_CONFIG, _WEIGHTS, _VOCABULARY, _CARD = "config.json", "model.safetensors", "vocabulary.json", "README.md"
_LONGEST_CARD = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """What a model folder holds: `config` with task and sizes, weights by name, named lists of tokens, the card."""

    config: dict[str, Any]
    tensors: Tensors
    vocabularies: dict[str, list[str]]
    card: str = ""


def write_model(folder: Path, model: ModelFolder, *, replace: bool = False) -> None:
    """Write the folder whole, replacing a model that is there; a folder of anything else is refused.

    replace: whatever is there is known to be ours.
    """
    if not replace:
        _refuse_strangers(folder)
    files = {
        _CONFIG: json_bytes({**model.config, "format": FORMAT}),
        _WEIGHTS: tensor_bytes(model.tensors),
    }
    if model.vocabularies:
        files[_VOCABULARY] = json_bytes(model.vocabularies)
    write_sealed(folder, files, loose={_CARD: model.card.encode()})


def read_model(folder: Path) -> ModelFolder:
    """Read a model folder; whatever is wrong with it is one ModelError."""
    if folder.is_dir() and not (folder / MANIFEST).exists() and not (folder / _CONFIG).exists():
        hint = "expected config.json and model.safetensors in it"
        raise ModelError("is no model folder", hint=hint, where=str(folder))
    files = read_sealed(folder, (_CONFIG, _WEIGHTS), optional=(_VOCABULARY,))
    config = parse_json(files[_CONFIG], folder / _CONFIG)
    if config.get("format") != FORMAT:
        given = config.get("format")
        newer = "install the version of elman that wrote it" if isinstance(given, int) else None
        raise ModelError(f"has format {given!r}, expected {FORMAT}", hint=newer, where=str(folder / _CONFIG))
    tensors = parse_tensors(files[_WEIGHTS], folder / _WEIGHTS)
    for name, tensor in tensors.items():
        if tensor.dtype != np.float32 or not np.isfinite(tensor).all():
            raise ModelError(f"{name} is not finite float32", where=str(folder / _WEIGHTS))
    vocabularies = parse_json(files[_VOCABULARY], folder / _VOCABULARY) if _VOCABULARY in files else {}
    for name, tokens in vocabularies.items():
        if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
            raise ModelError(f"{name!r} is no list of tokens", where=str(folder / _VOCABULARY))
    return ModelFolder(config, tensors, vocabularies, _read_card(folder / _CARD))


def _refuse_strangers(folder: Path) -> None:
    """Saving replaces a folder: never one that holds more than a model."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError("is a file, expected a new folder", hint="choose another name", where=str(folder))
    known = {_CONFIG, _WEIGHTS, _VOCABULARY, _CARD, MANIFEST}
    strangers = sorted({entry.name for entry in folder.iterdir()} - known) if folder.exists() else []
    if strangers:
        hint = "choose a new folder"
        raise ConfigError(f"holds other files ({', '.join(strangers[:3])}): not replaced", hint=hint, where=str(folder))


def _read_card(path: Path) -> str:
    """The card as it is now: it is a user's to edit, and may be gone."""
    if not path.is_file() or path.stat().st_size > _LONGEST_CARD:
        return ""
    return path.read_text("utf-8", "replace")
