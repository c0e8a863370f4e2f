"""A student's code in a process of its own: a failure of a function is said plainly, and costs only its points."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import textwrap
import time
from pathlib import Path

import pytest

from elman.errors import ElmanError
from elman.labs.exercises import load_exercise
from elman.labs.exercises.exercise import StudentError
from elman.labs.exercises.grading import Grade, grade_file
from elman.labs.exercises.process import EndedError, Limits, Worker
from elman.labs.exercises.student import Student
from elman.labs.exercises.submission import Submission

from .code import key_of

pytestmark = pytest.mark.integration

LIMITS = Limits(seconds=2.0, megabytes=512)
BODY = "    return [np.clip(g, -bound, bound) for g in gradients]\n"
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limits of resources")


def grade_clip(tmp_path: Path, body: str, top: str = "") -> Grade:
    """Grade the key of clip with another body of clip_by_norm, the middle one of its three functions."""
    source = key_of("clip")
    start = source.index("    norm = global_norm")
    end = source.index("def clip_by_value")
    body = textwrap.indent(textwrap.dedent(body).strip(), "    ")
    path = tmp_path / "clip.py"
    path.write_text(f"{source[:start]}{body}\n\n\n{source[end:]}{top}", "utf-8")
    return grade_file(load_exercise("clip"), path, LIMITS)


FAILURES = {
    "an endless loop": ("while True: pass", "no result after 2 s; is there an endless loop?"),
    "an exception": ("return gradients + max_norm", "line LINE: TypeError: can only concatenate list"),
    "no return": ("norm = global_norm(gradients)", "large gradients: None (is a `return` missing?); expected 3 arrays"),
    "a wrong count": ("return gradients[:2]", "large gradients: 2 arrays; expected 3 arrays"),
    "a wrong shape": ("return [g.T for g in gradients]", "large gradients, array 0: shape (3, 4); expected (4, 3)"),
    "NaN": ("return [g * float('nan') for g in gradients]", "large gradients (all entries in one row): nan at [0]"),
    "texts": ("return ['a', 'b', 'c']", "large gradients, array 0: a string; expected an array of shape (4, 3)"),
    "complex numbers": ("return [g * 1j for g in gradients]", "array 0: an array of complex128; expected an array"),
    "objects": ("return [object() for g in gradients]", "array 0: an object of type object; expected an array"),
    "a huge array": (
        "return [np.zeros((1000, 1000))] * 3",
        "array 0: an array of shape (1000, 1000); expected an array",
    ),
    "many large arrays": ("return [[np.zeros(99_999)] * 30] * 3", "array 0: "),
    "an exit": ("raise SystemExit(0)", "SystemExit: 0"),
    "an end of the process": ("import os; os._exit(3)", "the process has ended, exit code 3"),
    "deep recursion": ("return clip_by_norm(gradients, max_norm)", "RecursionError: maximum recursion depth exceeded"),
    "an import that fails": (
        "import nothing_of_this_name",
        "ModuleNotFoundError: No module named 'nothing_of_this_name'",
    ),
    "a terminal's input": ("return input()", "EOFError"),
}
POSIX_FAILURES = {
    "a memory bomb": ("return [np.ones(10**10)]", "line LINE: needs more memory than 512 MiB"),
    "a growing list": ("x = [0]\nwhile True: x += x", "needs more memory than 512 MiB"),
    "a crash": ("import ctypes; ctypes.string_at(0)", "the process was ended by SIGSEGV"),
    "a large file": ("open('f', 'w').write('a' * 10**8)", "OSError: [Errno 27] File too large"),
}
LINE = key_of("clip")[: key_of("clip").index("    norm = global_norm")].count("\n") + 1


@pytest.mark.parametrize("case", [*FAILURES, *(pytest.param(case, marks=posix_only) for case in POSIX_FAILURES)])
def test_a_failure_is_said_plainly_and_the_other_functions_keep_their_points(case: str, tmp_path: Path) -> None:
    body, message = (FAILURES | POSIX_FAILURES)[case]
    grade = grade_clip(tmp_path, body)
    first, middle, last = grade.parts
    assert (first.points, last.points) == (1, 1)
    assert message.replace("LINE", str(LINE)) in middle.message("en")
    assert middle.message("zh") != middle.message("en") or case in ("an exit", "a terminal's input")
    assert middle.points == 0
    assert (grade.points, grade.of) == (2, 5)


def test_an_error_about_shapes_says_how_to_write_a_product_of_a_batch(tmp_path: Path) -> None:
    path = tmp_path / "srn.py"
    path.write_text(key_of("srn").replace("x @ W.T + b", "W @ x + b", 1), "utf-8")
    step = grade_file(load_exercise("srn"), path, LIMITS).parts[0]
    assert re.search(r"ValueError: matmul.*: `a = W @ x \+ b`.*W x is written x @ W\.T", step.message("en"))
    assert "`a = W @ x + b`。可能的原因：数组的形状不匹配" in step.message("zh")


def test_what_the_code_prints_does_not_disturb_the_grading(tmp_path: Path) -> None:
    loud = "print('x' * 10**6); import os, sys; os.write(1, b'{}\\n'); sys.stderr.write('e'); return gradients"
    middle = grade_clip(tmp_path, loud).parts[1]
    assert middle.points == 2
    assert "nothing is changed" in middle.message("en")


def test_the_code_sees_no_variables_of_the_user_and_a_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "secret")
    code = "def look():\n    import os\n    return [os.environ.get('SECRET_TOKEN'), os.getcwd(), os.listdir()]\n"
    submission = Submission()
    submission.add(code)
    with Student(submission, LIMITS) as student:
        secret, folder, names = student.call("look")
    assert (secret, names) == (None, [])
    assert Path(folder) != Path.cwd()
    assert not Path(folder).exists()


def test_a_function_cannot_change_another_one_that_is_graded_after_it_ended_the_process(tmp_path: Path) -> None:
    grade = grade_clip(tmp_path, "global clip_by_value; clip_by_value = None; import os; os._exit(0)")
    assert [part.points for part in grade.parts] == [1, 0, 1]


def test_statements_that_fail_or_hang_are_left_out_and_named(tmp_path: Path) -> None:
    top = "\nx = 1 / 0\ny = sum(iter(int, 1))\nimport os; z = os._exit(1)\nfor i in range(10**12): pass\n"
    grade = grade_clip(tmp_path, "return clipping(gradients, max_norm)", top)
    assert [part.points for part in grade.parts] == [1, 0, 1]
    first, second, third = (note.en for note in grade.notes)
    assert first.endswith("ZeroDivisionError: division by zero: `x = 1 / 0`")
    assert second.endswith("no result after 2 s; is there an endless loop?: `y = sum(iter(int, 1))`")
    assert "the process has ended, exit code 1" in third


@posix_only
def test_the_process_and_its_children_end_with_the_grading(tmp_path: Path) -> None:
    code = """
        def start():
            import os, time
            pid = os.fork()
            while not pid: time.sleep(1)
            return [os.getpid(), pid]
    """
    submission = Submission()
    submission.add(textwrap.dedent(code))
    try:
        with Student(submission, LIMITS) as student:
            pids = student.call("start")
    except StudentError as error:  # a user who is not the superuser cannot start a process at all
        assert "BlockingIOError" in error.text.en  # noqa: PT017
        return
    deadline = time.monotonic() + 10.0
    while any(is_running(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(is_running(pid) for pid in pids)


@posix_only
def test_a_process_that_escapes_does_not_stop_the_grading() -> None:
    code = """
        def escape():
            import os, time
            if os.fork() == 0:
                os.setsid()
                time.sleep(30)
                os._exit(0)
            return os.getpid()
    """
    submission = Submission()
    submission.add(textwrap.dedent(code))
    started = time.monotonic()
    with contextlib.suppress(StudentError), Student(submission, LIMITS) as student:
        student.call("escape")
    assert time.monotonic() - started < 25.0


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_forged_reply_is_not_trusted(tmp_path: Path) -> None:
    # The code finds the pipe to the grader and writes into it.
    forged = """
        import os
        for stream in range(3, 30):
            try: os.write(stream, b'{"value": {"array": ["a"], "shape": [1]}}\\n')
            except OSError: pass
        return gradients
    """
    middle = grade_clip(tmp_path, forged).parts[1]
    assert middle.points == 0
    assert middle.message("en") == "the result cannot be read"


@posix_only
def test_a_process_that_cannot_start_is_no_fault_of_the_student(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with Student(Submission(), LIMITS) as student, pytest.raises(ElmanError, match="no process can be started"):
        student.call("f")


def test_a_worker_ends_when_its_input_ends(tmp_path: Path) -> None:
    worker = Worker(LIMITS, str(tmp_path))
    process = worker._process
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=30) == 0
    with pytest.raises((EndedError, ValueError)):
        worker.ask({"call": "f", "arguments": []})
    worker.stop()
