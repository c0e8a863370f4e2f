"""Checksummed folders: files and a manifest of their sizes and SHA-256, written as a whole or not at all.

To write: put every file, then `manifest.json`, into a temporary folder next to the target, fsync them, and rename the
folder. A process that is killed at any moment leaves the old folder or the new one, and perhaps a temporary folder,
which the next write removes. To read: the manifest must equal the one that elman would write for these files. A file is
parsed only after its SHA-256 is verified.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from elman.errors import ModelError

from .durable_files import TEMPORARY_SUFFIX, sync_folder, translate_disk_errors, write_synced
from .regular_files import read_regular_file
from .serialization import damaged_file_error, json_bytes, shown

MANIFEST = "manifest.json"
_BACKUP_SUFFIX = ".old"
_MAX_MANIFEST_BYTES = 1 << 20
_MAX_FILE_BYTES = 1 << 63
_MAX_NAMES = 3  # in an error


def write_folder(folder: Path, files: Mapping[str, bytes], *, editable: Mapping[str, bytes] | None = None) -> None:
    """Write the folder, replacing an existing one. A user may change `editable` files: the manifest omits them."""
    stage_folder(folder, {**(editable or {}), **files, MANIFEST: _manifest(files)})
    replace_by_staged_folder(folder)


def stage_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files, the manifest last among them, into the temporary folder beside the folder."""
    new = _sibling(folder, TEMPORARY_SUFFIX)
    with translate_disk_errors(folder):
        recover_folder(folder)
        try:
            new.mkdir(parents=True)
            for name, content in files.items():
                write_synced(new / name, content)
            sync_folder(new)
        except BaseException:
            with contextlib.suppress(OSError):
                recover_folder(folder)
            raise


def replace_by_staged_folder(folder: Path) -> None:
    """Replace the folder by the temporary folder that `stage_folder` has written."""
    new, backup = _sibling(folder, TEMPORARY_SUFFIX), _sibling(folder, _BACKUP_SUFFIX)
    with translate_disk_errors(folder):
        try:
            if folder.exists():
                folder.rename(backup)
            new.rename(folder)
        except BaseException:
            with contextlib.suppress(OSError):
                recover_folder(folder)
            raise
        sync_folder(folder.parent)
        shutil.rmtree(backup, ignore_errors=True)


def recover_folder(folder: Path) -> None:
    """Undo an interrupted write: restore the backup and remove temporary folders. Only the writer may call this."""
    new, backup = _sibling(folder, TEMPORARY_SUFFIX), _sibling(folder, _BACKUP_SUFFIX)
    if backup.exists() and not folder.exists():
        backup.rename(folder)
    shutil.rmtree(backup, ignore_errors=True)
    shutil.rmtree(new, ignore_errors=True)


def read_folder(
    folder: Path, names: Sequence[str], *, optional: Sequence[str] = (), editable: Mapping[str, int] | None = None
) -> dict[str, bytes]:
    """Return the verified content of the files `names` and of those `optional` files that exist.

    editable: the largest sizes of files that a user may have changed, deleted or made larger; the latter are left out.

    After a kill between the two renames of a write, the backup is read. Reading never writes, because another process
    may own the folder. A folder that is replaced while it is read is read again.
    """
    backup = _sibling(folder, _BACKUP_SUFFIX)
    while True:
        path = backup if not folder.exists() and backup.is_dir() else folder
        identity = _identity(path)
        try:
            files = _read_folder(path, names, optional) | _read_editable(path, editable or {})
        except (ModelError, OSError):
            is_gone = identity is None and not is_folder(folder)
            if is_gone or (identity is not None and identity == _identity(path)):
                raise
            continue
        if not editable or identity == _identity(path):  # else, they may be of another folder than the verified files
            return files


def _read_editable(folder: Path, sizes: Mapping[str, int]) -> dict[str, bytes]:
    contents = {}
    for name, size in sizes.items():
        with contextlib.suppress(ModelError):  # the user has put something else in its place than a short text
            contents[name] = read_regular_file(folder, name, max_bytes=size)
    return contents


def is_folder(folder: Path) -> bool:
    """Return whether there is a folder, be it in the moment in which it is replaced."""
    return folder.is_dir() or _sibling(folder, _BACKUP_SUFFIX).is_dir() or folder.is_dir()


def _identity(folder: Path) -> tuple[int, int] | None:
    """Return what another folder at the same path does not have; None if there is no folder."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_ino, status.st_ctime_ns


def _read_folder(folder: Path, names: Sequence[str], optional: Sequence[str]) -> dict[str, bytes]:
    manifest = read_regular_file(folder, MANIFEST, max_bytes=_MAX_MANIFEST_BYTES)
    sizes = _manifest_sizes(folder, manifest)
    missing, unknown = set(names) - set(sizes), set(sizes) - {*names, *optional}
    if missing:
        raise damaged_file_error(folder / MANIFEST, f"the manifest does not list {', '.join(sorted(missing))}")
    if unknown:
        names_shown = ", ".join(shown(name) for name in sorted(unknown)[:_MAX_NAMES])
        raise damaged_file_error(folder / MANIFEST, f"the manifest lists unknown files: {names_shown}")
    files = {name: read_regular_file(folder, name, expected_size=sizes[name]) for name in sorted(sizes)}
    if _manifest(files) != manifest:
        raise damaged_file_error(folder / _first_mismatch(files, manifest), "the file differs from what was written")
    return files


def _manifest(files: Mapping[str, bytes]) -> bytes:
    entries = {}
    for name, content in files.items():
        entries[name] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    return json_bytes({"files": entries, "format": 1})


def _manifest_sizes(folder: Path, manifest: bytes) -> dict[str, int]:
    try:
        sizes = {name: int(entry["size"]) for name, entry in json.loads(manifest)["files"].items()}
        if all(0 <= size < _MAX_FILE_BYTES for size in sizes.values()):
            return sizes
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        pass
    raise damaged_file_error(folder / MANIFEST, "the file is not a manifest")


def _first_mismatch(files: Mapping[str, bytes], manifest: bytes) -> str:
    """Return the first file whose SHA-256 the manifest contradicts, or the manifest itself."""
    entries = json.loads(manifest)["files"]
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return next((name for name in files if entries[name].get("sha256") != digests[name]), MANIFEST)


def _sibling(folder: Path, suffix: str) -> Path:
    folder = folder.absolute()
    return folder.with_name(f".{folder.name}{suffix}")
