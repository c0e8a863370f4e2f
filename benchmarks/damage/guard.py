"""What a process does while it opens a damaged folder: files outside, programs, connections, time and memory."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .content import Change

FORBIDDEN = (  # audit events of Python: docs.python.org/3/library/audit_events.html
    *(
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "os.fork",
        "os.forkpty",
        "os.startfile",
        "pty.spawn",
        "subprocess.Popen",
    ),
    *("socket.connect", "socket.bind", "socket.getaddrinfo", "urllib.Request", "pickle.find_class", "ctypes.dlopen"),
)
WRITING = (
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.symlink",
    "os.link",
    "os.chmod",
    "os.chown",
    "os.truncate",
)
SLACK_BYTES = 256 << 20  # of the address space, which stacks of threads and arenas of the allocator reserve
MAX_ADDRESS_SPACE = 8 << 30
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Guard:
    """Watches one process. Python cannot remove an audit hook, so a process has one guard."""

    def __init__(self, readable: Sequence[Path]) -> None:
        """Take the folders that may be read beside the damaged one, such as those of Python's modules."""
        self._readable = tuple(str(path.resolve()) for path in readable)
        self._folder, self._changes, self._opened, self._is_own = "", [Change(0, "", "")][:0], 0, False
        self._active = False
        self.violations: list[str] = []
        sys.addaudithook(self._hear)

    @contextlib.contextmanager
    def watching(self, folder: Path, changes: Sequence[Change], *, is_own: bool) -> Iterator[None]:
        """Watch the block, which opens a folder, and change the folder meanwhile."""
        self._folder, self._changes, self._opened, self._is_own = str(folder.resolve()), list(changes), 0, is_own
        self.violations = []
        self._active = True
        try:
            yield
        finally:
            self._active = False

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._active:
            return
        self._active = False  # what this function does is not watched
        try:
            if event == "open":
                self._hear_open(*arguments)
            elif event == "ctypes.dlopen" and self._is_own:
                pass  # torch loads its libraries
            elif event in FORBIDDEN or (event in WRITING and not self._may_write(_place(arguments))):
                self.violations.append(f"{event} {str(arguments)[:200]}")
        finally:
            self._active = True

    def _hear_open(self, path: Any, mode: Any, flags: int) -> None:
        if isinstance(path, int) or path is None:
            return
        name = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - links are followed below
        if self._is_inside(name):
            for change in [change for change in self._changes if change.at == self._opened]:
                with contextlib.suppress(OSError):
                    apply_change(Path(self._folder), change)
            self._opened += 1
        follows = not flags & os.O_NOFOLLOW
        place = os.path.realpath(name) if follows else name
        if flags & _WRITE_FLAGS and not self._may_write(path if follows else Path(name).parent):
            self.violations.append(f"writes {name}")
        elif not self._is_own and not self._is_inside(place) and not place.startswith(self._readable):
            self.violations.append(f"reads {place}")
        elif (
            self._is_inside(place)
            and place.endswith((".py", ".pyc", ".so", ".pkl", ".bin"))
            and "state.bin" not in place
        ):
            self.violations.append(f"reads code {place}")

    def _is_inside(self, path: str) -> bool:
        return path == self._folder or path.startswith(self._folder + os.sep)

    def _may_write(self, path: Any) -> bool:
        inside = isinstance(path, str | bytes | os.PathLike) and self._is_inside(os.path.realpath(os.fsdecode(path)))
        return self._is_own and inside


def _place(arguments: tuple[Any, ...]) -> Any:
    """Return the folder that an event changes; its path may be relative to a descriptor, the last argument."""
    path, folder = arguments[0], arguments[-1]
    if isinstance(path, str) and isinstance(folder, int) and folder >= 0 and not Path(path).is_absolute():
        path = Path(f"/proc/self/fd/{folder}").readlink() / path
    return Path(os.fsdecode(path)).parent if isinstance(path, str | bytes | os.PathLike) else path


def apply_change(folder: Path, change: Change) -> None:
    """Change a file of a folder that is being read."""
    path = folder / change.name
    if change.action in ("delete", "replace", "link", "pipe"):
        path.unlink()
    if change.action == "truncate":
        os.truncate(path, path.stat().st_size // 2)
    elif change.action == "grow":
        os.truncate(path, path.stat().st_size + 1000)
    elif change.action == "grow far":
        os.truncate(path, 1 << 36)
    elif change.action == "replace":
        path.write_bytes(b"{}")
    elif change.action == "link":
        path.symlink_to("/dev/zero")
    elif change.action == "pipe":
        os.mkfifo(path)


class Meter:
    """Processor seconds, and the peak of the resident memory above that at the beginning."""

    def __init__(self, limit: int) -> None:
        """Begin. More than `limit` bytes of address space, and SLACK_BYTES, cannot be allocated until the end."""
        _trim()
        address_space, self._resident = _status("VmSize"), _status("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # sets VmHWM to VmRSS
        self._old = resource.getrlimit(resource.RLIMIT_AS)
        bound = address_space + min(limit + SLACK_BYTES, MAX_ADDRESS_SPACE)
        resource.setrlimit(resource.RLIMIT_AS, (bound, self._old[1]))
        self._start = time.process_time()

    def lap(self) -> float:
        """Return the processor seconds since the beginning or the last lap."""
        now = time.process_time()
        seconds, self._start = now - self._start, now
        return seconds

    def end(self) -> int:
        """Return the bytes of the peak, and allow allocations again."""
        resource.setrlimit(resource.RLIMIT_AS, self._old)
        return max(0, _status("VmHWM") - self._resident)


def _status(name: str) -> int:
    text = Path("/proc/self/status").read_text()
    return int(text.split(f"{name}:")[1].split()[0]) * 1024


def _trim() -> None:
    """Give free memory back, so that what is allocated next is seen."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
