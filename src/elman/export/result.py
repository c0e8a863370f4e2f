"""What an export wrote, and how it writes: all files of an export, or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from elman.checkpoint.durable_files import TEMPORARY_SUFFIX, write_synced
from elman.errors import ConfigError, ResourceError


@dataclass(frozen=True, slots=True)
class ExportResult:
    """The files of an export with their sizes in bytes, the fingerprint of the model, and what the format adds."""

    format: str
    task: str
    files: dict[Path, int]
    fingerprint: str
    details: dict[str, Any] = field(default_factory=dict)
    summary: str = ""  # of the comparison with the predictor, for people

    def as_json(self) -> dict[str, Any]:
        """Return the keys of `--json`."""
        return {
            "format": self.format,
            "task": self.task,
            "files": [{"file": str(path), "bytes": size} for path, size in self.files.items()],
            "fingerprint": self.fingerprint,
            **self.details,
        }


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What only some formats can do: elman/export/c. None and False are what each format does by itself."""

    max_length: int | None = None
    max_bytes: int | None = None
    self_test: bool = False

    def refuse_all(self) -> None:
        """Raise a ConfigError if any option is given, for a format that has none."""
        flags = {"--max-length": self.max_length, "--max-bytes": self.max_bytes, "--self-test": self.self_test or None}
        used = [flag for flag, value in flags.items() if value is not None]
        if used:
            problem = f"{used[0]}: given for a format that has no such option; expected a C file"
            raise ConfigError(problem, hint=f"Leave out {used[0]}, or name the file like model.c")


def replace_files(contents: Mapping[Path, bytes]) -> dict[Path, int]:
    """Write files, each of which appears as a whole, and return their sizes; an error leaves the old ones in place."""
    targets = {path: path.resolve() for path in contents}  # of symbolic links, which stay
    temporary = {path: target.with_name(f".{target.name}{TEMPORARY_SUFFIX}") for path, target in targets.items()}
    try:
        for path, content in contents.items():
            write_synced(temporary[path], content)
        for path, new in temporary.items():
            new.replace(targets[path])
    except OSError as error:
        hint = "Free some space, or choose another folder"
        raise ResourceError(f"cannot write: {error.strerror}", hint=hint, where=str(next(iter(contents)))) from None
    finally:
        for new in temporary.values():
            new.unlink(missing_ok=True)
    return {path: len(content) for path, content in contents.items()}
