"""What a model folder says about its origin: name, version, date, data and metrics. Older folders say nothing of it."""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from elman.errors import ConfigError

from .serialization import damaged_file_error

INFO = "info"  # the key in config.json
MAX_NAME = 200  # characters
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The origin of a model. What is not known is None, and `metrics` is empty.

    name: of the run, or what `--name` says. version: its number in the run folder. date: when its training began, UTC,
    as in 2026-12-01T13:30:00Z. data_sha256: see `data_hash`. metrics: the single numbers of the validation set.
    """

    name: str | None = None
    version: int | None = None
    date: str | None = None
    data_sha256: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return what is known, as config.json has it."""
        return {key: value for key, value in asdict(self).items() if value not in (None, {})}

    @classmethod
    def of_config(cls, config: Mapping[str, Any], path: Path) -> ModelInfo:
        """Return the origin in the content of config.json, which has none in older folders; `path` is for errors."""
        values = config.get(INFO, {})
        if not (isinstance(values, dict) and all(_is_valid(key, value) for key, value in values.items())):
            raise damaged_file_error(path, f"{INFO}: given {str(values)[:100]}; expected the origin of the model")
        return cls(**values)


def _is_valid(key: str, value: Any) -> bool:
    match key:
        case "name":
            return isinstance(value, str) and len(value) <= MAX_NAME
        case "version":
            return type(value) is int and value > 0
        case "date":
            return isinstance(value, str) and _DATE.fullmatch(value) is not None
        case "data_sha256":
            return isinstance(value, str) and _SHA256.fullmatch(value) is not None
        case "metrics":
            return isinstance(value, dict) and all(_is_number(number) for number in value.values())
    return False


def single_numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the metrics that are finite numbers, without tables and those that have no value."""
    return {name: value for name, value in metrics.items() if _is_number(value)}


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 2**53 if isinstance(value, int) else math.isfinite(value)


def checked_name(name: str) -> str:
    """Return the name of a model; one that is too long or has line ends is a ConfigError."""
    if len(name) > MAX_NAME or not name.isprintable():
        problem = f"--name: given {name[:MAX_NAME]!r}; expected one line of at most {MAX_NAME} characters"
        raise ConfigError(problem)
    return name


def name_of_folder(path: Path) -> str:
    """Return the name of a model that is named after its run folder."""
    return "".join(filter(str.isprintable, path.resolve().name))[:MAX_NAME]


def data_hash(sha256_of_sources: Iterable[str]) -> str:
    """Return the SHA-256 of the data of a run: that of its file; of several, that of their lines `SHA-256 LF`."""
    digests = list(sha256_of_sources)
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("".join(f"{digest}\n" for digest in digests).encode()).hexdigest()


def present_date() -> str:
    """Return the date as ModelInfo has it; that of SOURCE_DATE_EPOCH, in seconds since 1970, if it is set.

    https://reproducible-builds.org/specs/source-date-epoch
    """
    seconds = os.environ.get("SOURCE_DATE_EPOCH", "")
    date = datetime.fromtimestamp(int(seconds), UTC) if re.fullmatch(r"\d{1,11}", seconds) else datetime.now(UTC)
    return date.strftime("%Y-%m-%dT%H:%M:%SZ")
