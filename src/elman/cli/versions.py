"""elman versions and elman rollback: the versions of a run that `elman train --replace` has made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elman.shell import quote
from elman.translations import display_width, pad, translate

from .console import print_json, say
from .options import Json

if TYPE_CHECKING:
    from elman.checkpoint.version_list import Version

MAX_METRICS = 3  # that are shown of a version
HASH_DIGITS = 8
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]


def versions(run: Run, as_json: Json = False) -> None:
    """List the versions of a run: number, state, name, date, data, metrics and size."""
    from elman.checkpoint.version_list import list_versions
    from elman.checkpoint.versions import history_of

    all_versions = list_versions(run)
    if as_json:
        listed = [version.as_json() for version in all_versions]
        print_json({"run": str(run), "current": history_of(run)[0], "versions": listed})
        return
    heads = ("version", "state", "name", "date", "data", "size", "metrics")
    rows = [[translate(head, "words") for head in heads], *map(_row, all_versions)]
    widths = [max(display_width(row[column]) for row in rows) for column in range(len(heads))]
    for row in rows:
        print("  ".join(pad(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for version in all_versions:
        if version.state == "unfinished":
            say(f"The training of version {version.number} has not ended. Continue it with `elman resume {quote(run)}`")


def rollback(
    run: Run,
    version: Annotated[
        int | None,
        typer.Argument(
            metavar="VERSION", help="The number of a version.  [default: the one that was current before]", min=1
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make another version of a run the current one: the one before it, or any."""
    from elman.checkpoint.versions import roll_back
    from elman.tasks.loading import load

    before, now = roll_back(run, version, load)
    if as_json:
        print_json({"run": str(run), "version": now, "previous_version": before})
    elif before == now:
        say(f"version {now} is the current version already")
    else:
        say(f"version {now} is the current version now; before, it was version {before}")


def _row(version: Version) -> list[str]:
    info = version.info
    date = "" if info.date is None else info.date.replace("T", " ").removesuffix(":00Z").removesuffix("Z")
    return [
        str(version.number),
        translate(version.state, "words"),
        info.name or "",
        date,
        (info.data_sha256 or "")[:HASH_DIGITS],
        format(version.folder_bytes / 1e6, ",.1f") + " MB",
        _metrics(version),
    ]


def _metrics(version: Version) -> str:
    """Return the first of the metrics by which the task compares models."""
    from elman.tasks.spec import TASKS, task_spec

    comparison = task_spec(version.task).evaluation.comparison if version.task in TASKS else None
    names = [name for name in comparison.better if name in version.info.metrics] if comparison is not None else []
    return ", ".join(f"{translate(name, 'words')} {version.info.metrics[name]:.4g}" for name in names[:MAX_METRICS])
