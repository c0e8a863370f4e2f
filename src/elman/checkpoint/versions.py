"""The versions of a run: how they are made current, rolled back and deleted, so that a kill at any moment is harmless.

    current               names the current version (current_version.py); to replace it is the one decisive moment
    versions/0003/        a run folder; with `outcome.json` once its training has ended and it was accepted or rejected
    model/                a copy of the current version's model, for programs that know no versions
    lock                  locked while a process trains a version      switch.lock    while `current` or versions change

The first replacement finds the files of version 1 in the run folder itself. They are linked, or else copied, to
versions/0001/; they are deleted after `current` names the new version. What a killed process has left to do, the next
one that trains or changes versions does first: `tidy`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from elman.errors import ConfigError
from elman.shell import quote

from .checksummed_folder import MANIFEST, recover_folder, replace_by_staged_folder, stage_folder
from .current_version import CURRENT, VERSIONS, read_history, version_folder, write_history
from .durable_files import TEMPORARY_SUFFIX, replace_file, sync_folder, translate_disk_errors, write_synced
from .model_folder import is_model_folder
from .run_folder import RUN_ENTRIES, RunFolder, is_run_folder, require_run_folder
from .serialization import json_bytes, parse_json

OUTCOME = "outcome.json"
CARD = "README.md"
DEFAULT_KEEP = 3
_SWITCH_LOCK = "switch.lock"
_MODEL = "model"
_DELETED_SUFFIX = ".deleted"


def has_versions(run: Path) -> bool:
    """Return whether a version was trained beside the first one."""
    return (run / VERSIONS).is_dir()


def run_of(path: Path) -> Path:
    """Return the run of which a folder is the current or the unfinished version; any other path as it is."""
    folder = path.absolute()
    run = folder.parent.parent
    is_version = folder.parent.name == VERSIONS and folder.name.isdecimal() and is_run_folder(run)
    return run if is_version and int(folder.name) in (history_of(run)[0], unfinished_version(run)) else path


def version_numbers(run: Path) -> list[int]:
    """Return the numbers of all versions, the oldest first; 1 for a run that was never replaced."""
    folders = (run / VERSIONS).iterdir() if (run / VERSIONS).is_dir() else iter(())
    numbers = {int(f.name) for f in folders if f.name.isdecimal() and f.name.isascii() and is_run_folder(f)}
    return sorted(numbers | (set() if read_history(run) else {1}))


def folder_of(run: Path, number: int) -> Path:
    """Return the run folder of a version."""
    return version_folder(run, number) if read_history(run) or number != 1 else run


def read_outcome(run: Path, number: int) -> dict[str, Any] | None:
    """Return what became of a version when its training ended; None before, and for the first version."""
    path = version_folder(run, number) / OUTCOME
    return parse_json(path.read_bytes(), path) if path.is_file() else None


def unfinished_version(run: Path) -> int | None:
    """Return the number of the version whose training was interrupted, if there is one."""
    current = history_of(run)[0]
    numbers = [n for n in version_numbers(run) if n not in (1, current) and read_outcome(run, n) is None]
    return numbers[-1] if numbers else None


def history_of(run: Path) -> tuple[int, ...]:
    """Return the numbers of the versions that were current, the current one first."""
    return read_history(run) or (1,)


def new_version(run: Path) -> tuple[int, Path]:
    """Return the number and the folder of a version that is to be trained."""
    number = max([*version_numbers(run), *history_of(run)]) + 1
    return number, version_folder(run, number)


@contextlib.contextmanager
def switching(run: Path) -> Iterator[None]:
    """Exclude other processes while versions change, for a moment; a training may go on meanwhile."""
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows, where nothing trains
        yield
        return
    with translate_disk_errors(run), (run / _SWITCH_LOCK).open("ab") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def tidy(run: Path) -> None:
    """Complete what a killed process has left to do; inside `switching`."""
    history, versions = read_history(run), run / VERSIONS
    for leftover in [*versions.glob(f".*{_DELETED_SUFFIX}"), *versions.glob(f".*{TEMPORARY_SUFFIX}")]:
        shutil.rmtree(leftover, ignore_errors=True)
    for leftover in [run / f"{CURRENT}{TEMPORARY_SUFFIX}", *versions.glob(f"*/{OUTCOME}{TEMPORARY_SUFFIX}")]:
        leftover.unlink(missing_ok=True)
    if not history:  # the files of version 1 are still in the run folder: a process had begun to link them
        _delete(version_folder(run, 1))
        return
    current = version_folder(run, history[0])
    if history[0] != 1 and current.is_dir() and read_outcome(run, history[0]) is None:
        write_outcome(run, history[0], {"accepted": True})
    _update_copy(current / _MODEL, run / _MODEL)
    for name in RUN_ENTRIES:  # of version 1, which is in its own folder now
        path = run / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def make_current(run: Path, number: int, outcome: dict[str, Any]) -> None:
    """Make a version that was trained just now the current one, atomically."""
    with switching(run):
        tidy(run)
        _switch(run, number)
        write_outcome(run, number, outcome)
        tidy(run)


def roll_back(run: Path, number: int | None, check: Callable[[Path], Any]) -> tuple[int, int]:
    """Return to a version, by default to the one that was current before; return the old number and the new one.

    check: loads a model folder, and raises a ModelError for one that cannot be used.
    """
    require_run_folder(run)
    with switching(run):
        tidy(run)
        history = history_of(run)
        if number is None and len(history) < 2:
            hint = f"List the versions with `elman versions {quote(run)}`, and name one"
            raise ConfigError("no earlier version was current", hint=hint, where=str(run))
        target = history[1] if number is None else number
        if target not in version_numbers(run):
            numbers = ", ".join(map(str, version_numbers(run)))
            raise ConfigError(f"version {target} is not there; expected one of {numbers}", where=str(run))
        if target != history[0]:
            if target == unfinished_version(run):
                hint = f"Continue it with `elman resume {quote(run)}`"
                raise ConfigError(f"the training of version {target} has not ended", hint=hint, where=str(run))
            check(folder_of(run, target) / _MODEL)
            with _training_excluded(run):
                _switch(run, target)
            tidy(run)
        return history[0], target


def prune(run: Path, keep: int, new: int) -> list[int]:
    """Delete all versions but `keep` of them, and return the numbers of those deleted.

    The current version, `new`, which was trained just now, and the one that was current before come first; then the
    newest. The first two are never deleted, and neither is a version that a process trains.
    """
    with switching(run):
        tidy(run)
        history = history_of(run)
        ended = [n for n in reversed(version_numbers(run)) if n == 1 or read_outcome(run, n) is not None]
        needed = list(dict.fromkeys([history[0], new, *history[1:2], *ended]))[: max(keep, len({history[0], new}))]
        deleted = [n for n in ended if n not in needed and not RunFolder(folder_of(run, n)).is_locked()]
        if deleted:
            write_history(run, tuple(n for n in history if n not in deleted))
        for number in deleted:
            _delete(version_folder(run, number))
        return sorted(deleted)


def reject(run: Path, number: int, outcome: dict[str, Any]) -> None:
    """Keep a version that was trained just now without making it current."""
    with switching(run):
        write_outcome(run, number, outcome)


def write_outcome(run: Path, number: int, outcome: dict[str, Any]) -> None:
    """Record what became of a version whose training has ended: `accepted`, and what it was compared with."""
    replace_file(version_folder(run, number) / OUTCOME, json_bytes(outcome))


@contextlib.contextmanager
def _training_excluded(run: Path) -> Iterator[None]:
    """Lock a run whose first version is still in the run folder itself, where a process may train it."""
    root = RunFolder(run)
    if not read_history(run):
        root.lock()
    try:
        yield
    finally:
        root.unlock()


def _switch(run: Path, number: int) -> None:
    """Make a version the current one. A history that has it already ends before it: the later ones are undone."""
    if not read_history(run):
        _link_first_version(run)
    history = history_of(run)
    stage_folder(run / _MODEL, _content(version_folder(run, number) / _MODEL))  # a full disk is met here
    write_history(run, history[history.index(number) :] if number in history else (number, *history))
    replace_by_staged_folder(run / _MODEL)


def _link_first_version(run: Path) -> None:
    """Give version 1, whose files are in the run folder itself, a folder of its own with links to them, or copies."""
    folder = version_folder(run, 1)
    new = folder.with_name(f".{folder.name}{TEMPORARY_SUFFIX}")
    with translate_disk_errors(run):
        shutil.rmtree(new, ignore_errors=True)
        try:
            new.mkdir(parents=True)
            for name in (*RUN_ENTRIES, _MODEL):
                if (run / name).is_dir():
                    shutil.copytree(run / name, new / name, copy_function=_link_or_copy)
                elif (run / name).exists():
                    _link_or_copy(run / name, new / name)
            for path in (*new.rglob("*"), new):
                if path.is_dir():
                    sync_folder(path)
            new.rename(folder)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
        sync_folder(folder.parent)


def _link_or_copy(source: str | Path, target: str | Path) -> None:
    """Make a second name for a file, or a copy of it where the file system has no hard links."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        write_synced(Path(target), Path(source).read_bytes())


def _update_copy(original: Path, copy: Path) -> None:
    """Make the copy of a model folder equal to it. If only their cards differ, the newer one is kept in both."""
    if not is_model_folder(original):
        return
    recover_folder(copy)
    manifests = [folder / MANIFEST for folder in (original, copy)]
    if not (is_model_folder(copy) and manifests[0].read_bytes() == manifests[1].read_bytes()):
        stage_folder(copy, _content(original))
        replace_by_staged_folder(copy)
        return
    cards = [folder / CARD for folder in (original, copy) if (folder / CARD).is_file()]
    if len(cards) == 2 and cards[0].read_bytes() != cards[1].read_bytes():
        older, newer = sorted(cards, key=lambda card: card.stat().st_mtime_ns)
        replace_file(older, newer.read_bytes())


def _content(folder: Path) -> dict[str, bytes]:
    """Return the files of a model folder, the manifest last."""
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
    return {**{name: content for name, content in files.items() if name != MANIFEST}, MANIFEST: files[MANIFEST]}


def delete_version(run: Path, number: int) -> None:
    """Delete a version that is not the current one."""
    with switching(run):
        _delete(version_folder(run, number))


def _delete(folder: Path) -> None:
    """Delete the folder of a version, which is gone as a whole before its files are."""
    if folder.is_dir():
        deleted = folder.with_name(f".{folder.name}{_DELETED_SUFFIX}")
        folder.rename(deleted)
        shutil.rmtree(deleted, ignore_errors=True)
