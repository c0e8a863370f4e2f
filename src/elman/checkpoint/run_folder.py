"""The run folder, which trains: everything that a killed run needs to go on, bit for bit.

request.json        what was asked for, written first: a run killed while it reads its text starts over from it
config.toml         everything resolved, automatic choices included, written before step 1
env.json            versions and machine
data/               the encoded text
metrics.jsonl       what was measured, no clock in it         timing.jsonl   the clock
checkpoints/step-00000500/    tensors.safetensors, state.json, manifest.json
last, best          the names of two checkpoints
model/              the model folder of the best step
lock                held by flock while a process trains here; a killed process leaves it free
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from elman.errors import ConfigError, ModelError

from .sealed import (
    Tensors,
    disk_errors_told,
    json_bytes,
    parse_json,
    parse_tensors,
    read_sealed,
    recover,
    replace_file,
    sync_file,
    tensor_bytes,
    write_sealed,
)

_REQUEST = "request.json"
CONFIG = "config.toml"  # its being there says that the run is prepared
_BEFORE_REQUEST = ("lock", f"{_REQUEST}.new")  # all that a run killed before its request was written leaves
_TENSORS, _STATE = "tensors.safetensors", "state.json"


def is_run_folder(path: Path) -> bool:
    """Whether the folder is one that training made."""
    return (path / _REQUEST).is_file()


class RunFolder:
    """A run folder: paths, the lock, checkpoints."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[bytes] | None = None

    @classmethod
    def create(cls, path: Path, request: dict[str, Any], *, overwrite: bool = False) -> RunFolder:
        """Make and lock a new run folder; one that exists is refused, or with overwrite set aside until `keep`."""
        if path.exists() and not path.is_dir():
            raise ConfigError("is a file, expected a new folder", hint="choose another -o", where=str(path))
        occupied = path.is_dir() and any(entry.name not in _BEFORE_REQUEST for entry in path.iterdir())
        if occupied and not (overwrite and is_run_folder(path)):
            hint = f"go on with `elman resume {path}`, replace it with --overwrite, or choose another -o"
            if not is_run_folder(path):
                hint = "it is not a run folder, and nothing in it will be touched: choose another -o"
            raise ConfigError("exists already", hint=hint, where=str(path))
        if occupied:
            held = cls(path)
            held.lock()  # refuse to replace a folder that a process trains in
            try:
                if (path / CONFIG).exists() or not _aside(path).exists():
                    shutil.rmtree(_aside(path), ignore_errors=True)
                    path.rename(_aside(path))
                else:  # what is here never began: the run that it would have replaced is the one to keep
                    shutil.rmtree(path)
            finally:
                held.unlock()
        run = cls(path)
        try:
            with disk_errors_told(path):
                path.mkdir(parents=True, exist_ok=True)
                run.lock()
                replace_file(path / _REQUEST, json_bytes(request))
        except ConfigError:  # another process was quicker, and the folder is its own
            raise
        except BaseException:
            run.abandon()
            raise
        return run

    def keep(self) -> None:
        """The new run is whole: let go of the one that it replaces."""
        shutil.rmtree(_aside(self.path), ignore_errors=True)

    def abandon(self) -> None:
        """The new run never began: remove it, and put back the one that it would have replaced."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.unlock()
        if _aside(self.path).exists():
            _aside(self.path).rename(self.path)

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open and lock a run folder to go on with it."""
        if not is_run_folder(path):
            what = "is no run folder" if path.is_dir() else "no such folder"
            raise ModelError(what, hint="expected a folder that `elman train` made", where=str(path))
        run = cls(path)
        run.lock()
        recover(path / "model")
        return run

    @property
    def request(self) -> dict[str, Any]:
        """What was asked for."""
        return parse_json((self.path / _REQUEST).read_bytes(), self.path / _REQUEST)

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def lock(self) -> None:
        """Hold the folder until the process ends or `unlock` is called; refuse one that is held."""
        import fcntl  # not on every system, and what only predicts never locks

        stream = (self.path / "lock").open("ab")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.close()
            hint = "wait for it to end, or choose another -o"
            raise ConfigError("another process is training in this folder", hint=hint, where=str(self.path)) from None
        self._lock = stream

    def unlock(self) -> None:
        """Let go of the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def save_checkpoint(self, step: int, tensors: Tensors, state: dict[str, Any], *, best: bool) -> None:
        """Write a checkpoint, point `last` (and `best`) at it, and drop those that nothing needs.

        Needed are this one, the one before, should this one be damaged, and the best step of either.
        """
        name = checkpoint_name(step)
        if (self.path / "metrics.jsonl").exists():
            sync_file(self.path / "metrics.jsonl")  # its length is part of the checkpoint
        before, best_before = self.pointer("last"), self.pointer("best")
        files = {_TENSORS: tensor_bytes(tensors), _STATE: json_bytes(state)}
        write_sealed(self.path / "checkpoints" / name, files)
        self.point("last", name)
        if best:
            self.point("best", name)
        if before == name:  # written again: the one before it stays
            return
        kept = {name, before, best_before, self.pointer("best")}
        for folder in (self.path / "checkpoints").iterdir():
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    def pointer(self, name: str) -> str | None:
        """Return the name of the checkpoint that `last` or `best` points at."""
        path = self.path / name
        return path.read_text("utf-8").strip() if path.is_file() else None

    def point(self, name: str, checkpoint: str) -> None:
        """Point `last` or `best` at a checkpoint."""
        replace_file(self.path / name, f"{checkpoint}\n".encode())

    def load_checkpoint(self, name: str) -> tuple[Tensors, dict[str, Any]]:
        """Return the tensors and the state of a checkpoint, every byte checked."""
        folder = self.path / "checkpoints" / name
        files = read_sealed(folder, (_TENSORS, _STATE))
        return parse_tensors(files[_TENSORS], folder / _TENSORS), parse_json(files[_STATE], folder / _STATE)

    def newest_checkpoint(self, notify: Callable[[str], None]) -> tuple[Tensors, dict[str, Any]] | None:
        """Return the newest intact checkpoint, saying which ones were damaged; None where there never was one."""
        folder = self.path / "checkpoints"
        for old in list(folder.glob(".step-*")):
            recover(folder / old.name.removeprefix(".").removesuffix(".old").removesuffix(".new"))
        names = sorted((entry.name for entry in folder.glob("step-*")), reverse=True)
        for name in names:
            try:
                found = self.load_checkpoint(name)
            except ModelError as error:
                notify(f"checkpoint {name} is damaged ({error.where}: {error.message}): going on from the one before")
                continue
            if self.pointer("last") != name:
                self.point("last", name)  # a kill came in between, or the last one is damaged
            return found
        if names:
            raise ModelError("every checkpoint is damaged", hint="train again with --overwrite", where=str(folder))
        return None

    def append(self, name: str, record: dict[str, Any]) -> None:
        """Append one line to metrics.jsonl or timing.jsonl."""
        line = json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"
        with disk_errors_told(self.path / name), (self.path / name).open("a", encoding="utf-8") as stream:
            stream.write(line)

    def length(self, name: str) -> int:
        """Return the bytes of metrics.jsonl or timing.jsonl."""
        path = self.path / name
        return path.stat().st_size if path.exists() else 0

    def truncate(self, name: str, length: int) -> None:
        """Cut metrics.jsonl back to what a checkpoint knew; a shorter one is left as it is."""
        if self.length(name) != length:
            with (self.path / name).open("ab") as stream:
                stream.truncate(min(length, self.length(name)))


def checkpoint_name(step: int) -> str:
    """Return the name of a step's checkpoint."""
    return f"step-{step:08d}"


def _aside(path: Path) -> Path:
    path = path.absolute()
    return path.with_name(f".{path.name}.replaced")
