"""The process in which a student's code runs: `python -m elman.labs.exercises.worker`.

It reads requests from its standard input, one JSON object a line, and writes a reply to each:

    {"bytes": memory, "seconds": computing time}           sets the limits
    {"run": source, "name": file, "line": first line}      runs a statement
    {"call": name, "arguments": [...]}                     calls a function of the student's

A reply is {"value": ...} or {"error": type, "message": ..., "name": ..., "line": ...}. Values are those of exchange.py.
The first request says how many bytes of memory and seconds of computing the process may use, where the system has such
limits. What the student's code prints is lost: its standard streams are the null device.
"""

from __future__ import annotations

import codeop
import contextlib
import json
import linecache
import os
from collections.abc import Iterator
from types import TracebackType
from typing import IO, Any

from .exchange import decode, encode

MAX_FILE, MAX_OPEN_FILES = 1 << 20, 64
MAX_MESSAGE = 300


def main() -> None:
    """Serve requests until the input ends."""
    requests, replies = _take_streams()
    namespace: dict[str, Any] = {"__name__": "exercise"}
    compiler = codeop.Compile()  # remembers `from __future__ import`
    while line := requests.readline():
        request = json.loads(line)
        if "bytes" in request:
            _limit(request["bytes"], request["seconds"])
            reply: dict[str, Any] = {"value": None}
        else:
            reply = _reply(request, namespace, compiler)
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def _take_streams() -> tuple[IO[str], IO[str]]:
    """Return the streams to the grader; the standard streams become the null device."""
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    return requests, replies


def _limit(memory: int, seconds: int) -> None:
    """Limit memory, computing time, files and processes, as far as the system can."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return
    limits = {
        "RLIMIT_AS": memory,
        "RLIMIT_CPU": seconds,
        "RLIMIT_FSIZE": MAX_FILE,
        "RLIMIT_NOFILE": MAX_OPEN_FILES,
        "RLIMIT_CORE": 0,
        "RLIMIT_NPROC": 0,  # no further process; does not bind the superuser
    }
    for name, value in limits.items():
        if hasattr(resource, name):
            with contextlib.suppress(ValueError, OSError):  # a lower limit is there already
                resource.setrlimit(getattr(resource, name), (value, value))


def _reply(request: dict[str, Any], namespace: dict[str, Any], compiler: Any) -> dict[str, Any]:
    try:
        if "run" in request:
            _run(request, namespace, compiler)
            return {"value": None}
        function = namespace.get(request["call"])
        if not callable(function):
            return {"error": "missing", "message": ""}
        arguments = [decode(argument) for argument in request["arguments"]]
        return {"value": encode(function(*arguments))}
    except BaseException as error:
        return _describe(error)


def _run(request: dict[str, Any], namespace: dict[str, Any], compiler: Any) -> None:
    name, source = request["name"], "\n" * (request["line"] - 1) + request["run"] + "\n"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    exec(compiler(source, name, "exec"), namespace)


def _describe(error: BaseException) -> dict[str, Any]:
    """Return an exception with the last place in the student's own code."""
    try:
        message = str(error)[:MAX_MESSAGE]
    except BaseException:
        message = ""
    reply: dict[str, Any] = {"error": type(error).__name__, "message": message}
    for name, line in _places(error.__traceback__):
        reply |= {"name": name, "line": line}
    return reply


def _places(traceback: TracebackType | None) -> Iterator[tuple[str, int]]:
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        if name.startswith("<student"):
            yield name, traceback.tb_lineno
        traceback = traceback.tb_next


if __name__ == "__main__":
    main()
