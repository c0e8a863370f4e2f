"""Data sets by name, and the cache that stores each as NAME/FILE.

The cache has two folders: the one that the environment variable `ELMAN_DATA` names, if it is set (it may be shared and
read-only, and must exist), and the user's cache folder, which the first write creates. A file is taken from the first
folder that contains it, and its SHA-256 is verified at every use. Data sets from Python or from a package have no
pinned SHA-256; their version determines their content. A new file goes to the first folder that can be written. It is
written under a temporary name and then renamed, so a killed process never leaves a partial file.

Only `fetch` uses the network, and only for a download that is not in the cache.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import uuid
from difflib import get_close_matches
from pathlib import Path

from elman.errors import DataError

from . import generated_datasets, package_datasets
from .catalogue import DATA_SETS, DataSet
from .downloads import download
from .readers.encodings import Notify

CACHE_VARIABLE = "ELMAN_DATA"
BUILDERS = generated_datasets.BUILDERS | package_datasets.BUILDERS


def cache_folders() -> list[Path]:
    """Return the folders that may contain data sets, in the order of the search; they may not exist yet."""
    import pooch

    shared = os.environ.get(CACHE_VARIABLE)
    own: Path = pooch.os_cache("elman")
    return [Path(shared).expanduser(), own] if shared else [own]


def find_cached(name: str) -> Path | None:
    """Return the data set's verified file from the cache, or None if it is not there."""
    data_set = _look_up(name)
    for folder in cache_folders():
        file = folder / name / data_set.file_name
        digest = _file_sha256(file)
        if digest is None:
            continue
        if data_set.sha256 not in (None, digest):
            raise DataError(
                f"the file is damaged: its SHA-256 is {digest}; expected {data_set.sha256}",
                hint=f"Delete the file, then run: elman data fetch {name}",
                where=str(file),
            )
        return file
    return None


def is_available(name: str) -> bool:
    """Return whether the data set is in the cache or can be created without the network."""
    origin = _look_up(name).origin
    if find_cached(name) is not None or origin in ("built-in", "generated"):
        return True
    return origin == "package" and package_datasets.is_installed(name)


def command_to_get(name: str) -> str:
    """Return the command that makes a data set available."""
    return 'pip install "elman[data]"' if _look_up(name).origin == "package" else f"elman data fetch {name}"


def fetch(name: str, *, notify: Notify = lambda message: None) -> Path:
    """Return the data set's file; it is created or downloaded if it is not in the cache."""
    cached = find_cached(name)
    if cached is not None:
        return cached
    data_set = _look_up(name)
    if data_set.origin == "download":
        content = download(data_set, cache_folders()[-1] / name / data_set.file_name, notify)
    else:
        content = BUILDERS[name]()
        digest = hashlib.sha256(content).hexdigest()
        if data_set.sha256 not in (None, digest):
            hint = "Please report this with your version of Python"
            raise DataError(
                f"the SHA-256 of {name} from this Python is {digest}; expected {data_set.sha256}", hint=hint
            )
    return _write_to_cache(data_set, content, notify)


def local_path(name: str) -> Path:
    """Return the data set's file without using the network; a download must be in the cache."""
    if _look_up(name).origin != "download":
        return fetch(name)
    cached = find_cached(name)
    if cached is None:
        raise DataError(f"{name} is not in the cache", hint=f"Download it: elman data fetch {name}")
    return cached


def _look_up(name: str) -> DataSet:
    try:
        return DATA_SETS[name]
    except KeyError:
        *others, last = DATA_SETS
        close = get_close_matches(name, DATA_SETS, n=1)
        guess = f" (did you mean {close[0]!r}?)" if close else ""
        raise DataError(f"unknown data set {name!r}; expected {', '.join(others)} or {last}{guess}") from None


def _file_sha256(file: Path) -> str | None:
    """Return the file's SHA-256, or None if there is no such file."""
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        hint = "Check the permissions of the file"
        raise DataError(f"cannot read the file: {error.strerror}", hint=hint, where=str(file)) from None


def _write_to_cache(data_set: DataSet, content: bytes, notify: Notify) -> Path:
    """Write the file to the first cache folder that can be written, and return its path."""
    folders = cache_folders()
    problems = []
    for folder in folders:
        target = folder / data_set.name / data_set.file_name
        try:
            if folder == folders[-1]:
                folder.mkdir(parents=True, exist_ok=True)
            _write_file(target, content)
        except OSError as error:
            problems.append(f"{folder}: {error.strerror}")
            continue
        notify("; ".join([*problems, f"{data_set.name}: written to {target} (licence: {data_set.licence})"]))
        return target
    raise DataError(
        f"cannot write {data_set.name} to the cache ({'; '.join(problems)})",
        hint=f"Set {CACHE_VARIABLE} to a folder that can be written",
    )


def _write_file(target: Path, content: bytes) -> None:
    """Write the whole file or nothing; create at most its own folder, in a folder that exists."""
    _require_writable(target.parent.parent)
    target.parent.mkdir(exist_ok=True)
    _require_writable(target.parent)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        with temporary.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _require_writable(folder: Path) -> None:
    """Raise an error for a folder without write permission, also for root, which could write to it."""
    if not folder.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(errno.EACCES, "is read-only", str(folder))
