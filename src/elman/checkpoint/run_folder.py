"""The run folder: everything that a killed training run needs to resume with the same results, bit for bit.

request.json        the user's request, written first: a run that is killed while it reads the data restarts from it
config.toml         the complete config with automatic choices, written before step 1
env.json            versions and machine
data/               the encoded data
metrics.jsonl       losses and metrics, without times              timing.jsonl   times
checkpoints/step-00000500/    tensors.safetensors, state.json, manifest.json
last, best          the names of two checkpoints
model/              the model folder of the best step
lock                locked by flock while a process trains here; the end of the process releases it

A run that was replaced has versions, each a run folder of its own: see current_version.py.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from elman.errors import ConfigError, ModelError
from elman.shell import quote

from .checksummed_folder import read_folder, recover_folder, write_folder
from .current_version import CURRENT, VERSIONS, read_history
from .durable_files import TEMPORARY_SUFFIX, replace_file, sync_file, translate_disk_errors
from .regular_files import open_regular_file, read_regular_file
from .serialization import Tensors, json_bytes, parse_json, parse_tensors, tensor_bytes

_REQUEST = "request.json"
CONFIG_FILE = "config.toml"  # exists if the run is prepared
_LOCK, _METRICS, _CHECKPOINTS, _LAST, _BEST = "lock", "metrics.jsonl", "checkpoints", "last", "best"
_FILES_BEFORE_REQUEST = (_LOCK, _REQUEST + TEMPORARY_SUFFIX)  # of a run that was killed before its request was written
RUN_ENTRIES = (
    *(_REQUEST, CONFIG_FILE, "env.json", "data", "start", _METRICS, "timing.jsonl", _CHECKPOINTS, _LAST, _BEST),
    *(_REQUEST + TEMPORARY_SUFFIX, CONFIG_FILE + TEMPORARY_SUFFIX),
)  # of a run folder, beside its lock and its model
LOCK_ATTEMPTS, LOCK_PAUSE_SECONDS = 5, 0.02
_MAX_REQUEST_BYTES, _MAX_POINTER_BYTES = 64 << 20, 1000
_CHECKPOINT = re.compile(r"step-\d+")  # a name in the folder, and no path
_TENSORS, _STATE = "tensors.safetensors", "state.json"


def is_run_folder(path: Path) -> bool:
    """Return whether the folder was created by training; its versions may be in folders of their own."""
    return (path / _REQUEST).is_file() or ((path / CURRENT).is_file() and (path / VERSIONS).is_dir())


def require_run_folder(path: Path) -> None:
    """Raise a ModelError unless the folder was created by training."""
    if not is_run_folder(path):
        problem = "not a run folder" if path.is_dir() else "no such folder"
        raise ModelError(problem, hint="Name a folder that `elman train` has created", where=str(path))


class RunFolder:
    """A run folder: its paths, lock and checkpoints."""

    def __init__(self, path: Path, address: Path | None = None) -> None:
        self.path = path
        self.address = (
            path if address is None else address
        )  # by which the user knows the run, of which this is a version
        self._lock: IO[bytes] | None = None

    @classmethod
    def create(
        cls, path: Path, request: dict[str, Any], *, overwrite: bool = False, address: Path | None = None
    ) -> RunFolder:
        """Create and lock a new run folder; address: the run of which it is a version.

        An existing folder is a ConfigError; with `overwrite`, an existing run is set aside until
        `delete_replaced_run` or `discard` is called.
        """
        if path.exists() and not path.is_dir():
            raise ConfigError("this is a file; expected a new folder", hint="Choose another -o", where=str(path))
        if path.is_dir() and any(entry.name not in _FILES_BEFORE_REQUEST for entry in path.iterdir()):
            _require_overwrite(path, overwrite=overwrite)
            cls(path)._set_aside()
        run = cls(path, address)
        try:
            with translate_disk_errors(path):
                path.mkdir(parents=True, exist_ok=True)
                run.lock()
                replace_file(path / _REQUEST, json_bytes(request))
        except ConfigError:  # another process has created and locked the folder in the meantime
            raise
        except BaseException:
            run.discard()
            raise
        return run

    def _set_aside(self) -> None:
        """Move the run out of the way of a new one."""
        self.lock()  # fails if a process trains in the folder
        replaced = _replaced_path(self.path)
        try:
            if (self.path / CONFIG_FILE).exists() or read_history(self.path) or not replaced.exists():
                shutil.rmtree(replaced, ignore_errors=True)
                self.path.rename(replaced)
            else:  # this run never began to train; the run that it would have replaced stays set aside
                shutil.rmtree(self.path)
        finally:
            self.unlock()

    def delete_replaced_run(self) -> None:
        """Delete the run that this one replaces; call it once this run is prepared."""
        shutil.rmtree(_replaced_path(self.path), ignore_errors=True)

    def discard(self) -> None:
        """Delete this run, which never began, and restore the run that it would have replaced."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.unlock()
        if _replaced_path(self.path).exists():
            _replaced_path(self.path).rename(self.path)

    @classmethod
    def open(cls, path: Path, address: Path | None = None) -> RunFolder:
        """Open and lock an existing run folder; address: the run of which it is a version."""
        require_run_folder(path)
        run = cls(path, address)
        run.lock()
        recover_folder(path / "model")
        return run

    @property
    def request(self) -> dict[str, Any]:
        """The user's request."""
        content = read_regular_file(self.path, _REQUEST, max_bytes=_MAX_REQUEST_BYTES)
        return parse_json(content, self.path / _REQUEST)

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def lock(self) -> None:
        """Lock the folder until `unlock` or the end of the process; a locked folder is a ConfigError."""
        import fcntl  # not available on Windows, where prediction works but training does not

        stream = self._open_to_write(_LOCK)
        for remaining in reversed(range(LOCK_ATTEMPTS)):  # `is_locked` of another process holds it for a moment
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if remaining:
                    time.sleep(LOCK_PAUSE_SECONDS)
        else:
            stream.close()
            hint = "Wait until it ends, or choose another -o"
            raise ConfigError("another process is training in this folder", hint=hint, where=str(self.path))
        self._lock = stream

    def _open_to_write(self, name: str) -> IO[bytes]:
        """Open a file at its end, or create it; a pipe or a link in its place is a ModelError, and not waited for."""
        path = self.path / name
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
            stream = os.fdopen(os.open(path, flags, 0o666), "ab", buffering=0)
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.EISDIR):
                raise
            raise _not_a_file(path) from None
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            stream.close()
            raise _not_a_file(path)
        return stream

    def is_locked(self) -> bool:
        """Return whether a process trains in the folder."""
        try:
            import fcntl

            with open_regular_file(self.path, _LOCK) as stream:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except (ModelError, ModuleNotFoundError):  # there is no lock, or no plain file
            return False
        return False

    def unlock(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def save_checkpoint(self, step: int, tensors: Tensors, state: dict[str, Any], *, best: bool) -> None:
        """Write a checkpoint, point `last` (and `best`) at it, and delete checkpoints that are no longer needed.

        Needed are this checkpoint, the previous one in case this one is damaged, and the best step of both.
        """
        name = checkpoint_name(step)
        if (self.path / _METRICS).exists():
            sync_file(self.path / _METRICS)  # the checkpoint contains its size
        previous, previous_best = self.read_pointer(_LAST), self.read_pointer(_BEST)
        files = {_TENSORS: tensor_bytes(tensors), _STATE: json_bytes(state)}
        write_folder(self.path / _CHECKPOINTS / name, files)
        self.write_pointer(_LAST, name)
        if best:
            self.write_pointer(_BEST, name)
        if previous == name:  # the same step again: the checkpoint before it is still needed
            return
        needed = {name, previous, previous_best, self.read_pointer(_BEST)}
        for folder in (self.path / _CHECKPOINTS).iterdir():
            if folder.name not in needed:
                shutil.rmtree(folder, ignore_errors=True)

    def read_pointer(self, name: str) -> str | None:
        """Return the name of the checkpoint at which `last` or `best` points; None if there is none, or no name."""
        try:
            pointer = (
                read_regular_file(self.path, name, max_bytes=_MAX_POINTER_BYTES).decode("utf-8", "replace").strip()
            )
        except ModelError:
            return None
        return pointer if _CHECKPOINT.fullmatch(pointer) else None

    def write_pointer(self, name: str, checkpoint: str) -> None:
        """Point `last` or `best` at a checkpoint."""
        replace_file(self.path / name, f"{checkpoint}\n".encode())

    def load_checkpoint(self, name: str) -> tuple[Tensors, dict[str, Any]]:
        """Return the verified tensors and state of a checkpoint."""
        folder = self.path / _CHECKPOINTS / name
        files = read_folder(folder, (_TENSORS, _STATE))
        return parse_tensors(files[_TENSORS], folder / _TENSORS), parse_json(files[_STATE], folder / _STATE)

    def newest_checkpoint(self, notify: Callable[[str], None]) -> tuple[Tensors, dict[str, Any]] | None:
        """Return the newest intact checkpoint, or None if there never was one; notify the user of damaged ones."""
        folder = self.path / _CHECKPOINTS
        for temporary in list(folder.glob(".step-*")):
            recover_folder(folder / temporary.name.split(".")[1])
        names = sorted((entry.name for entry in folder.glob("step-*")), reverse=True)
        for name in names:
            try:
                checkpoint = self.load_checkpoint(name)
            except ModelError as error:
                notify(
                    f"Checkpoint {name} is damaged ({error.where}: {error.message}). Resuming from the previous one."
                )
                continue
            if self.read_pointer(_LAST) != name:
                self.write_pointer(
                    _LAST, name
                )  # the process was killed before it wrote the pointer, or `last` is damaged
            return checkpoint
        if names:
            raise ModelError("every checkpoint is damaged", hint="Train again with --overwrite", where=str(folder))
        return None

    def append_record(self, name: str, record: dict[str, Any]) -> None:
        """Append one line to metrics.jsonl or timing.jsonl. A lone surrogate of a text is escaped, as JSON can."""
        line = json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"
        with translate_disk_errors(self.path / name), self._open_to_write(name) as stream:
            stream.write(line.encode("utf-8", "backslashreplace"))

    def file_size(self, name: str) -> int:
        """Return the number of bytes of metrics.jsonl or timing.jsonl."""
        path = self.path / name
        return path.stat().st_size if path.exists() else 0

    def truncate_file(self, name: str, size: int) -> None:
        """Cut metrics.jsonl to the size that a checkpoint recorded; a shorter file does not change."""
        if self.file_size(name) != size:
            with self._open_to_write(name) as stream:
                stream.truncate(min(size, self.file_size(name)))


def _not_a_file(path: Path) -> ModelError:
    return ModelError("this is not a plain file; expected one", hint="Delete it", where=str(path))


def checkpoint_name(step: int) -> str:
    """Return the name of a step's checkpoint."""
    return f"step-{step:08d}"


def _require_overwrite(path: Path, *, overwrite: bool) -> None:
    """Raise a ConfigError unless the folder is a run folder and the user wants to overwrite it."""
    if not is_run_folder(path):
        problem = "the folder exists and is not a run folder, so it is not replaced"
        raise ConfigError(problem, hint="Choose another -o", where=str(path))
    if not overwrite:
        hint = f"Continue with `elman resume {quote(path)}`, replace it with --overwrite, or choose another -o"
        raise ConfigError("the folder already exists", hint=hint, where=str(path))


def _replaced_path(path: Path) -> Path:
    """Return the path of a run that was set aside."""
    path = path.absolute()
    return path.with_name(f".{path.name}.replaced")
