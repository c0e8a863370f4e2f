"""Sealed folders: files with a manifest of their sizes and hashes, written whole or not at all.

Writing: a temporary folder beside the place, every file fsynced, `manifest.json` last, then one rename. A process
killed at any moment leaves the old folder or the new one, and perhaps a temporary one that the next write removes.
Reading: the manifest must be exactly what we would have written for the files, and every file must match it; nothing
is parsed before its hash is right, and nothing is ever unpickled or executed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.errors import ModelError, ResourceError

Tensors = dict[str, npt.NDArray[Any]]
MANIFEST = "manifest.json"
_OLD, _NEW = ".old", ".new"


def write_sealed(folder: Path, files: Mapping[str, bytes], *, loose: Mapping[str, bytes] | None = None) -> None:
    """Write the folder, replacing one that is there. `loose` files are not in the manifest: a user may edit them."""
    new, old = _beside(folder, _NEW), _beside(folder, _OLD)
    with disk_errors_told(folder):
        recover(folder)
        try:
            new.mkdir(parents=True)
            for name, content in {**(loose or {}), **files, MANIFEST: _manifest(files)}.items():
                write_synced(new / name, content)
            _sync_folder(new)
            if folder.exists():
                folder.rename(old)
            new.rename(folder)
        except BaseException:
            with contextlib.suppress(OSError):
                recover(folder)
            raise
        _sync_folder(folder.parent)
        shutil.rmtree(old, ignore_errors=True)


def recover(folder: Path) -> None:
    """Undo a write that was cut off: the folder is there again if it ever was. For its one writer only."""
    new, old = _beside(folder, _NEW), _beside(folder, _OLD)
    if old.exists() and not folder.exists():
        old.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(new, ignore_errors=True)


def read_sealed(folder: Path, names: Sequence[str], *, optional: Sequence[str] = ()) -> dict[str, bytes]:
    """Return the content of the files, every one checked: exactly `names`, and perhaps `optional`.

    A folder that a kill left between two renames is read as it was. Nothing is written: another process may own it.
    """
    if not folder.exists() and _beside(folder, _OLD).is_dir():
        folder = _beside(folder, _OLD)
    manifest = _read(folder, MANIFEST)
    try:
        sizes = {name: int(entry["size"]) for name, entry in json.loads(manifest)["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise _damaged(folder / MANIFEST, "is not a manifest") from None
    missing, unknown = set(names) - set(sizes), set(sizes) - {*names, *optional}
    if missing or unknown:
        what = (
            f"lacks {', '.join(sorted(missing))}" if missing else f"names unknown files: {', '.join(sorted(unknown))}"
        )
        raise _damaged(folder / MANIFEST, what)
    files = {}
    for name in sorted(sizes):
        files[name] = _read(folder, name, sizes[name])
    if _manifest(files) != manifest:
        listed = json.loads(manifest)["files"]
        wrong = [name for name in files if listed[name].get("sha256") != hashlib.sha256(files[name]).hexdigest()]
        raise _damaged(folder / (wrong[0] if wrong else MANIFEST), "differs from what was written")
    return files


def json_bytes(value: Any) -> bytes:
    """Return the one serialisation that we write: sorted keys, one entry a line, UTF-8."""
    return (json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def parse_json(content: bytes, where: Path) -> dict[str, Any]:
    """Return the object that a file holds."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise _damaged(where, "is not JSON") from None
    if not isinstance(value, dict):
        raise _damaged(where, "holds no JSON object")
    return value


def tensor_bytes(tensors: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return tensors as safetensors."""
    from safetensors.numpy import save

    return save({name: np.asarray(tensor, order="C") for name, tensor in tensors.items()})


def parse_tensors(content: bytes, where: Path) -> Tensors:
    """Return the tensors of a safetensors file."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(content)
    except (SafetensorError, KeyError, ValueError, TypeError, OverflowError) as error:
        raise _damaged(where, f"is not a safetensors file ({error})") from None


def write_synced(path: Path, content: bytes) -> None:
    """Write a file and wait until it lies on the disk."""
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def sync_file(path: Path) -> None:
    """Wait until what was written to a file lies on the disk."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part."""
    temporary = path.with_name(path.name + _NEW)
    with disk_errors_told(path):
        write_synced(temporary, content)
        temporary.replace(path)
        _sync_folder(path.parent)


@contextlib.contextmanager
def disk_errors_told(place: Path) -> Iterator[None]:
    """Tell of a full or read-only disk in plain words."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            hint = "free some space; what was written before is intact: `elman resume` goes on from it"
            raise ResourceError("the disk is full", hint=hint, where=str(place)) from None
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise ResourceError(f"may not be written: {error.strerror}", where=str(place)) from None
        raise


def _manifest(files: Mapping[str, bytes]) -> bytes:
    entries = {}
    for name, content in files.items():
        entries[name] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    return json_bytes({"files": entries, "format": 1})


def _read(folder: Path, name: str, size: int | None = None) -> bytes:
    path = folder / name
    if not path.is_file():
        raise ModelError("no such file", hint="copy the whole folder again, or train again", where=str(path))
    found = path.stat().st_size
    if size is not None and found != size:
        raise _damaged(path, f"has {found:,} bytes, expected {size:,}")
    if name == MANIFEST and found > 1 << 20:
        raise _damaged(path, f"has {found:,} bytes, which no manifest of ours has")
    return path.read_bytes()


def _damaged(path: Path, what: str) -> ModelError:
    return ModelError(what, hint="the folder is damaged: copy it again, or train again", where=str(path))


def _beside(folder: Path, ending: str) -> Path:
    folder = folder.absolute()
    return folder.with_name(f".{folder.name}{ending}")


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # folders cannot be opened there
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
