"""A process that opens damaged folders, one after another, and says what happened.

It is forked from this one, which has imported everything. If a folder ends it or stops it, the next one gets a new
process, so that a crash belongs to one folder.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import select
import signal
import sys
import time
import traceback
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import elman
from elman import kernels
from elman.cli import main
from elman.errors import ElmanError, ModelError
from elman.text.terminal import replace_control_characters

from .content import Change, Content
from .formats import FORMATS, Format
from .guard import Guard, Meter

STALL_SECONDS = 20.0  # on the clock, after which the process is killed
ARRAY_SECONDS = 0.001  # more for each array of weights: a model of 1,000 layers takes longer
COMMAND_SECONDS = 2.0  # to load twice, and to import what the command needs
CASES = 400  # of one process
MAX_LINE = 2000  # characters of the line of an error


@dataclass
class Result:
    """What happened to a folder: refused, loaded or failed; seconds of the processor; bytes of memory."""

    outcome: str
    problem: str = ""  # of a failure
    message: str = ""  # of the error that refused the folder
    seconds: float = 0.0
    memory: int = 0
    failures: list[str] = field(default_factory=list)


class Worker:
    """The process, from outside."""

    def __init__(self, inputs: Path) -> None:
        """Take a folder with a file `texts.txt` and a file `series.csv` for commands to predict."""
        self._inputs, self._pid, self._cases = inputs, 0, 0

    def run(self, name: str, path: Path, content: Content, *, command: bool) -> Result:
        """Return what happens to a folder of a format; with `command`, elman's command must refuse it as well."""
        if self._pid == 0 or self._cases >= CASES:
            self.stop()
            self._start()
        self._cases += 1
        size, changes = content.size, [list(change) for change in content.changes]
        seconds = FORMATS[name].seconds + content.num_arrays * ARRAY_SECONDS
        request = {"format": name, "path": str(path), "size": size, "changes": changes, "command": command}
        request["seconds"] = seconds
        self._requests.write(json.dumps(request) + "\n")
        self._requests.flush()
        ready, _, _ = select.select([self._results], [], [], STALL_SECONDS)
        line = self._results.readline() if ready else ""
        if line:
            return Result(**json.loads(line))
        if ready:
            _, status = os.waitpid(self._pid, 0)
            self._close()
            return Result("failed", f"the process ended: {_described(status)}")
        self.stop()
        return Result("failed", f"nothing happened for {STALL_SECONDS:.0f} seconds")

    def stop(self) -> None:
        """End the process."""
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._close()

    def _close(self) -> None:
        self._requests.close()
        self._results.close()
        self._pid = 0

    def _start(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        of_requests, requests = os.pipe()
        results, of_results = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(requests)
            os.close(results)
            _serve(os.fdopen(of_requests), os.fdopen(of_results, "w"), self._inputs)
        os.close(of_requests)
        os.close(of_results)
        self._requests, self._results = os.fdopen(requests, "w"), os.fdopen(results)
        self._pid, self._cases = pid, 0


def _described(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _serve(requests: Any, results: Any, inputs: Path) -> None:
    """Open the folders that are requested, until the requests end. Never returns."""
    try:
        warnings.simplefilter("ignore")
        sys.dont_write_bytecode = True
        kernels.set_num_threads(1)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        source = Path(elman.__file__).parent
        guard = Guard(
            [
                source,
                Path(__file__).parent,
                Path(sys.prefix),
                Path(sys.base_prefix),
                inputs,
                Path("/usr/share/zoneinfo"),
                Path(os.devnull),
            ]
        )
        gc.collect()
        gc.freeze()  # of what was imported, which would be looked through before each folder
        for line in requests:
            request = json.loads(line)
            result = _open(guard, request, inputs)
            results.write(json.dumps(asdict(result), default=str) + "\n")
            results.flush()
    finally:
        os._exit(0)


def _open(guard: Guard, request: dict[str, Any], inputs: Path) -> Result:
    form, path = FORMATS[request["format"]], Path(request["path"])
    limit = 2 * request["size"] + form.free_bytes
    result = Result("loaded")
    gc.collect()
    meter = Meter(limit)
    with guard.watching(path, [Change(*change) for change in request["changes"]], is_own=form.is_own):
        _open_and_use(form, path, meter, result)
    result.memory = meter.end()
    result.failures += guard.violations
    if result.seconds > request["seconds"]:
        result.failures.append(f"{result.seconds:.2f} seconds; expected at most {request['seconds']:.3g}")
    if result.memory > limit:
        result.failures.append(
            f"{result.memory >> 20} MB; expected at most {limit >> 20} for {request['size']:,} bytes"
        )
    if result.outcome == "refused" and request["command"] and not request["changes"]:
        with guard.watching(path, (), is_own=form.is_own):
            for command in form.commands:
                _run_command(
                    command, path, inputs / ("series.csv" if request["format"] == "forecast" else "texts.txt"), result
                )
        result.failures += guard.violations
    if result.failures:
        result.outcome, result.problem = "failed", "; ".join(dict.fromkeys(result.failures))
    return result


def _open_and_use(form: Format, path: Path, meter: Meter, result: Result) -> None:
    uses: list[Any] = []
    try:
        uses = form.opened(path)
    except form.errors as error:
        result.outcome, result.message = "refused", str(error)
        _check_line(str(error), result)
    except BaseException as error:
        result.failures.append(_brief(error))
    result.seconds = meter.lap()
    for use in uses:
        try:
            use()
        except ElmanError as error:
            result.message = str(error)
        except BaseException as error:
            result.failures.append(f"in use: {_brief(error)}")
        result.seconds = max(result.seconds, meter.lap())


def _brief(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(frame.filename).parent.name}/{Path(frame.filename).name}:{frame.lineno}" for frame in frames[-4:]]
    return f"{type(error).__name__}: {str(error)[:300]} ({' < '.join(reversed(places))})"


def _check_line(line: str, result: Result) -> None:
    """Record a failure for a message that is more than a line, or that a terminal would obey."""
    if "\n" in line or len(line) > MAX_LINE:
        result.failures.append(f"the message has {line.count(chr(10)) + 1} lines and {len(line):,} characters")


def _run_command(command: tuple[str, ...], path: Path, inputs: Path, result: Result) -> None:
    """Run elman's command, which must refuse the folder with exit code 4 and one line."""
    places = {"PATH": str(path), "INPUT": str(inputs)}
    arguments, streams = sys.argv, (sys.stdout, sys.stderr)
    sys.argv = ["elman", *(places.get(word, word) for word in command)]
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    sys.stdout, sys.stderr = out, err
    begin = time.process_time()
    try:
        code: object = main()
    except BaseException as error:
        code = _brief(error)
    finally:
        sys.argv, (sys.stdout, sys.stderr) = arguments, streams
    text = "".join(stream.buffer.getvalue().decode("utf-8", "replace") for stream in (out, err))
    if (
        code != ModelError.exit_code
        or text.count("\n") != 1
        or text.strip() != replace_control_characters(text.strip())
    ):
        result.failures.append(f"elman {command[0]}: exit code {code}, {text[:300]!r}")
    if (seconds := time.process_time() - begin) > COMMAND_SECONDS:
        result.failures.append(f"elman {command[0]}: {seconds:.2f} seconds; expected at most {COMMAND_SECONDS:.0f}")


@contextlib.contextmanager
def running(inputs: Path) -> Any:
    """Run a worker, and end its process."""
    worker = Worker(inputs)
    try:
        yield worker
    finally:
        worker.stop()
