"""What every predictor does with a model folder: read its parts out, write them, say which file is damaged."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from elman.checkpoint import ModelFolder, Tensors, write_model
from elman.config import Config, validated
from elman.errors import ConfigError, ModelError
from elman.text import Vocabulary

from .cell_name import require_registered

AnyConfig = TypeVar("AnyConfig", bound=Config)


def config_of(folder: ModelFolder, key: str, kind: type[AnyConfig], *, where: Path) -> AnyConfig:
    """Return a part of config.json; a wrong one raises a ModelError, and so does a cell that is not registered."""
    values = folder.config.get(key, {})
    if isinstance(values, dict):
        require_registered(values, where=where / "config.json")
    try:
        return validated(kind, values)
    except ConfigError as error:
        raise damaged(error.message, where / "config.json") from None


def vocabulary_of(folder: ModelFolder, name: str, *, where: Path) -> Vocabulary:
    """Return a vocabulary by name; one that is wrong or missing is a ModelError."""
    try:
        return Vocabulary(folder.vocabularies.get(name, []))
    except ValueError as error:
        raise damaged(str(error), where / "vocabulary.json") from None


@contextlib.contextmanager
def damage_told(where: Path) -> Iterator[None]:
    """Tell of what does not fit together as of a damaged folder."""
    try:
        yield
    except ModelError as error:
        raise damaged(error.message, where / (error.where or "")) from None


def damaged(what: str, where: Path) -> ModelError:
    """Return the error of a damaged folder."""
    return ModelError(what, hint="the folder is damaged", where=str(where))


def write_predictor(
    path: str | Path,
    *,
    task: str,
    parts: Mapping[str, Config],
    tensors: Tensors,
    card: str,
    replace: bool,
    vocabularies: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Write a model folder, in the place of a model; of anything else only where replace says that it is known."""
    config = {"task": task, **{name: part.model_dump(mode="json") for name, part in parts.items()}}
    named = {name: list(tokens) for name, tokens in (vocabularies or {}).items()}
    write_model(Path(path), ModelFolder(config, tensors, named, card), replace=replace)


def weight_count(tensors: Tensors) -> int:
    """Return the number of weights."""
    return sum(tensor.size for tensor in tensors.values())
