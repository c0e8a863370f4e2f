"""Where a run's own held-out part lies."""

from __future__ import annotations

from pathlib import Path

from elman.errors import ConfigError


def data_of(run: Path) -> Path:
    """Return the data of a run folder; a model folder has none."""
    from elman.checkpoint import is_run_folder

    if not is_run_folder(run):
        hint = f"give data: elman evaluate {run} FILE"
        raise ConfigError("a model folder has no held-out part of its own", hint=hint, where=str(run))
    return run / "data"
