"""A student's functions, called in a process of their own.

A process that does not answer or that ends is replaced by a new one when the next function is called, so that one
function cannot spoil the points of another.
"""

from __future__ import annotations

import re
import tempfile
from typing import Any

from elman.errors import ElmanError
from elman.labs.lab import Text

from .comparing import CAUSE
from .exchange import UnreadableError, decode, encode
from .exercise import StudentError
from .process import EndedError, Limits, Worker
from .submission import Place, Submission

SHAPES = re.compile(r"matmul: |shapes \(.*not aligned|operands could not be broadcast")  # what NumPy says of shapes
SHAPES_DIFFER = Text(
    "the shapes do not fit. Compare them with those of the docstring: where the batch is the first axis, W x is "
    "written x @ W.T",
    "数组的形状不匹配。请对照文档字符串里的形状：第一个轴是批次时，W x 写作 x @ W.T",
)
FILE = re.compile(r"<student(?: (\d+))?>")  # the name of a file or of a cell in tracebacks


class Student:
    """The functions of a submission. Use it as a context manager."""

    def __init__(self, submission: Submission, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._submission = submission
        self._worker: Worker | None = None
        self._failed: dict[int, Text] = {}  # statements that raised an exception, or ended the process
        self._skipped: set[int] = set()  # statements that ended the process
        self._folder = tempfile.TemporaryDirectory(prefix="elman-", ignore_cleanup_errors=True)

    def __enter__(self) -> Student:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._folder.cleanup()

    @property
    def notes(self) -> list[Text]:
        """What the grader could not use of the file."""
        return [*self._submission.notes, *(self._failed[number] for number in sorted(self._failed))]

    def call(self, name: str, *arguments: Any) -> Any:
        """Return what a function returns; a StudentError says why there is nothing."""
        while self._worker is None:
            self._load()
        reply = self._ask({"call": name, "arguments": [encode(argument) for argument in arguments]})
        if "error" in reply:
            raise StudentError(self._describe(reply))
        try:
            return decode(reply.get("value"))
        except UnreadableError:
            self._stop()
            raise StudentError(Text("the result cannot be read", "无法读取返回值")) from None

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._worker is not None
        try:
            return self._worker.ask(request)
        except EndedError as error:
            self._worker = None
            raise StudentError(error.reason) from None

    def _load(self) -> None:
        """Run the statements of the submission in a new process. One that ends it is left out the next time."""
        try:
            self._worker = Worker(self._limits, self._folder.name)
        except EndedError as error:
            raise ElmanError(f"no process can be started for the student's code: {error.reason.en}") from None
        for number, statement in enumerate(self._submission.statements):
            if number in self._skipped:
                continue
            place = statement.place
            try:
                reply = self._ask({"run": statement.source, "name": _file(place), "line": place.line})
            except StudentError as error:
                self._skipped.add(number)
                self._failed[number] = self._at(place, error.text)
                return
            if "error" in reply:
                self._failed[number] = self._describe(reply)

    def _stop(self) -> None:
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def _describe(self, reply: dict[str, Any]) -> Text:
        """Return an exception in words, with its place in the file."""
        kind, message = str(reply["error"]), str(reply.get("message", ""))
        if kind == "missing":
            return Text("the function is missing", "缺少这个函数")
        if kind == "NotImplementedError":
            return Text("not written yet", "尚未完成")
        problem = Text(f"{kind}: {message}", f"{kind}：{message}") if message else Text(kind, kind)
        if kind in ("MemoryError", "_ArrayMemoryError"):
            limit = self._limits.megabytes
            problem = Text(f"needs more memory than {limit} MiB", f"所需内存超过 {limit} MiB")
        file, line = FILE.fullmatch(str(reply.get("name"))), reply.get("line")
        if file is not None and isinstance(line, int):
            problem = self._at(Place(line, int(file[1]) if file[1] else None), problem)
        if kind == "ValueError" and SHAPES.search(message) is not None:
            return Text(*(f"{p}{c}{s}" for p, c, s in zip(problem, CAUSE, SHAPES_DIFFER, strict=True)))
        return problem

    def _at(self, place: Place, problem: Text) -> Text:
        where, line = place.text(), self._submission.line_at(place)
        return Text(f"{where.en}: {problem.en}: `{line}`", f"{where.zh}：{problem.zh}：`{line}`")


def _file(place: Place) -> str:
    return "<student>" if place.cell is None else f"<student {place.cell}>"
