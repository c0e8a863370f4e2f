"""The process of a student's code, seen from the grader: started, asked, and ended when a limit is exceeded.

Each request has a limit of time. The process has a temporary folder as its working folder, an environment without the
user's variables, and no terminal; worker.py limits memory and more where the system can.

This protects the grading from mistakes, not from attacks: the code runs with the rights of the user who grades it.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import Any

from elman.labs.lab import Text

from .exchange import MAX_REPLY

START_SECONDS = 60.0  # Python and NumPy are started, on a busy machine too
END_SECONDS = 1.0  # between the end of the output of a process and its own end
KEPT_VARIABLES = ("PATH", "PYTHONPATH", "PYTHONHOME", "SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")  # each thread takes memory of its own


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a student's code: seconds of each statement and call, and memory of the process."""

    seconds: float = 5.0
    megabytes: int = 1024
    computing_seconds: int = 120  # of the process; ends it even if the grader itself was killed


class EndedError(Exception):
    """The process has ended or was ended; `reason` says why."""

    def __init__(self, reason: Text) -> None:
        super().__init__(reason.en)
        self.reason = reason


class Worker:
    """A running process of worker.py."""

    def __init__(self, limits: Limits, folder: str) -> None:
        self._limits = limits
        self._replies: queue.Queue[bytes] = queue.Queue()
        environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        environment |= {"HOME": folder, "MPLBACKEND": "Agg"} | dict.fromkeys(ONE_THREAD, "1")
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "elman.labs.exercises.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=environment,
            start_new_session=True,
            bufsize=0,
        )
        self._reader = threading.Thread(target=self._read_replies, daemon=True)
        self._reader.start()
        self.ask({"bytes": limits.megabytes << 20, "seconds": limits.computing_seconds}, START_SECONDS)

    def ask(self, request: dict[str, Any], seconds: float | None = None) -> dict[str, Any]:
        """Return the reply to a request. If there is none, end the process and raise an EndedError."""
        seconds = self._limits.seconds if seconds is None else seconds
        try:
            self._send(request)
            line = self._replies.get(timeout=seconds)
        except queue.Empty:
            self.stop()
            raise EndedError(
                Text(
                    f"no result after {seconds:g} s; is there an endless loop?",
                    f"{seconds:g} 秒内没有返回，是否有死循环？",
                )
            ) from None
        except OSError:  # the process has ended before
            line = b""
        reply = _parse(line)
        if reply is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_SECONDS)
            self.stop()
            raise EndedError(self._describe_end())
        return reply

    def stop(self) -> None:
        """End the process and those that it has started."""
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        else:
            self._process.kill()
        self._process.wait()
        self._reader.join(END_SECONDS)
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def _send(self, request: dict[str, Any]) -> None:
        stream = self._process.stdin
        assert stream is not None
        stream.write(json.dumps(request).encode() + b"\n")
        stream.flush()

    def _read_replies(self) -> None:
        """Read replies until no process holds the other end: one that escaped from its group may do so for longer."""
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            file, rest = stream.fileno(), b""
            while len(rest) < 2 * MAX_REPLY and (chunk := os.read(file, 1 << 16)):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._replies.put(line)
        self._replies.put(b"")

    def _describe_end(self) -> Text:
        code = self._process.returncode
        if code < 0:
            name = signal.Signals(-code).name
            return Text(f"the process was ended by {name}", f"进程被信号 {name} 终止")
        return Text(f"the process has ended, exit code {code}", f"进程已退出，退出码 {code}")


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        reply = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return reply if isinstance(reply, dict) else None
