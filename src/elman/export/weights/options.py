"""What a file of weights does not say: the options of an import, and the tokens of a vocabulary."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from elman.errors import ConfigError

Task = Literal["lm", "classify", "tag"]


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the file does not say. The fields are the options of `elman import`."""

    cell: str | None = None
    activation: str | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)
    layers: tuple[str, ...] = ()
    examples: Path | None = None
    task: Task = "lm"
    vocabulary: Path | None = None
    labels: Path | None = None
    level: str | None = None
    normalize: str = "none"
    unknown: str | None = None


def read_tokens(path: Path, flag: str) -> list[str]:
    """Return the tokens of a JSON file in their order: a list, {token: number}, or an elman vocabulary.json."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{flag}: no such file", where=str(path)) from None
    except (OSError, ValueError, RecursionError):
        raise ConfigError(f"{flag}: the file is not JSON; expected a list of tokens", where=str(path)) from None
    if isinstance(value, dict):
        lists = [value[key] for key in ("tokens", "words", "labels") if isinstance(value.get(key), list)]
        if lists:
            value = lists[0]
        elif sorted(value.values(), key=repr) == sorted(range(len(value)), key=repr):
            value = sorted(value, key=value.__getitem__)
    if not isinstance(value, list) or not value or not all(isinstance(token, str) for token in value):
        problem = f"{flag}: expected a list of tokens, or an object with the number of each token from 0 on"
        raise ConfigError(problem, where=str(path))
    if len(set(value)) < len(value):
        twice = next(token for number, token in enumerate(value) if token in value[:number])
        raise ConfigError(f"{flag}: the token {twice!r} occurs twice; expected different tokens", where=str(path))
    return value
