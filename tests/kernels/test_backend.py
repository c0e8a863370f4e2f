"""Availability, instruction set and number of threads, by environment variables and by calls."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import elman
from elman import kernels
from elman.cells import CELLS

from .answers import kernels_answer, needs_kernels, python, shared_problem

STATE = """
    from elman import kernels
    print(kernels.available(), kernels.instruction_set(), kernels.unavailable_reason(), sep="|")
"""


@pytest.mark.parametrize("setting", ["off", "OFF", "0", "no"])
def test_the_environment_disables_the_kernels(setting: str) -> None:
    assert python(STATE, ELMAN_KERNELS=setting) == "False|None|turned off by ELMAN_KERNELS"


def test_an_installation_without_kernels_says_so(tmp_path: Path) -> None:
    folder = Path(elman.__file__).parent
    shutil.copytree(folder, tmp_path / "elman", ignore=shutil.ignore_patterns("*.so", "labs", "native", "__pycache__"))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path[1:]]), "ELMAN_KERNELS": ""}
    no_redirection = (  # of an editable installation, which takes `import elman` to the sources
        "import sys; sys.meta_path[:] = [f for f in sys.meta_path if 'Redirecting' not in type(f).__name__]"
    )
    is_the_copy = f"import elman; assert elman.__path__[0].startswith({str(tmp_path)!r})"
    statements = f"{no_redirection}; {is_the_copy}; {STATE.strip().replace(chr(10), ';')}"
    code = ";".join(part.strip() for part in statements.split(";"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "False|None|not compiled in this installation\n"


@needs_kernels
def test_an_unknown_setting_disables_the_kernels_and_lists_the_valid_ones() -> None:
    valid = ", ".join(kernels.instruction_sets())
    assert python(STATE, ELMAN_KERNELS="fast") == f"False|None|ELMAN_KERNELS is 'fast'; expected off or one of {valid}"


@needs_kernels
def test_the_environment_selects_an_instruction_set() -> None:
    for name in kernels.instruction_sets():
        assert python(STATE, ELMAN_KERNELS=name) == f"True|{name}|"


@needs_kernels
def test_the_best_instruction_set_is_the_default() -> None:
    assert python(STATE, ELMAN_KERNELS="") == f"True|{kernels.instruction_sets()[0]}|"
    assert "plain" in kernels.instruction_sets()


def test_disabled_kernels_raise_errors() -> None:
    script = """
        import numpy as np
        from elman import kernels
        from elman.cells import CELLS, LayerParameters

        assert kernels.instruction_sets() == []
        assert not kernels.supports(CELLS["gru"](), np.float32)
        assert not kernels.borrow_threads("libm.so.6")
        for call in (
            lambda: kernels.use_instruction_set("plain"),
            lambda: kernels.Stack(CELLS["gru"](), [[LayerParameters(np.zeros((9, 2)), np.zeros((9, 3)))]]),
        ):
            try:
                call()
            except ValueError as error:
                print(error)
    """
    assert python(script, ELMAN_KERNELS="off").splitlines() == [
        "no kernels: turned off by ELMAN_KERNELS",
        "no kernels for GRU in float64: turned off by ELMAN_KERNELS",
    ]


@needs_kernels
def test_use_instruction_set_changes_the_name(instruction_set: str) -> None:
    assert kernels.instruction_set() == instruction_set


@needs_kernels
@pytest.mark.skipif(kernels.instruction_sets()[:1] == ["plain"], reason="this machine has only one instruction set")
def test_use_instruction_set_changes_the_code() -> None:
    """The plain kernels round products and sums separately, so some of thousands of results differ."""
    problem, before = shared_problem("gru"), kernels.instruction_set()
    assert before is not None
    answers = {}
    for name in kernels.instruction_sets():
        kernels.use_instruction_set(name)
        answers[name] = kernels_answer(problem)["outputs"]
    kernels.use_instruction_set(before)
    assert all(np.any(answers[name] != answers["plain"]) for name in answers.keys() - {"plain"})


@needs_kernels
def test_an_unknown_instruction_set_raises_an_error_and_changes_nothing() -> None:
    before = kernels.instruction_set()
    with pytest.raises(ValueError, match=r"^unknown instruction set 'sse9'$"):
        kernels.use_instruction_set("sse9")
    assert kernels.instruction_set() == before


@needs_kernels
def test_compiled_cells_are_supported_in_float32_and_float64_only() -> None:
    assert {"elman", "gru", "lstm"} == set(kernels.cells())
    for name in kernels.cells():
        cell_type = CELLS[name]
        assert [kernels.supports(cell_type(), d) for d in (np.float16, np.float32, np.float64)] == [False, True, True]


@pytest.fixture
def no_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the settings of the number of threads."""
    monkeypatch.setattr(kernels.backend, "_num_threads", None)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


@pytest.mark.usefixtures("no_number_of_threads")
def test_the_default_is_one_thread_per_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 3, 5}, raising=False)
    assert kernels.get_num_threads() == 3


@pytest.mark.usefixtures("no_number_of_threads")
@pytest.mark.parametrize(("setting", "expected"), [("7", 7), ("0", 3), ("-2", 3), ("4,2", 3), ("many", 3), ("", 3)])
def test_omp_num_threads_sets_the_number_of_threads(
    setting: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 3, 5}, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", setting)
    assert kernels.get_num_threads() == expected


@pytest.mark.usefixtures("no_number_of_threads")
def test_set_num_threads_has_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    kernels.set_num_threads(2)
    assert kernels.get_num_threads() == 2


@pytest.mark.usefixtures("no_number_of_threads")
@pytest.mark.parametrize("count", [0, -1])
def test_fewer_than_one_thread_raises_an_error(count: int) -> None:
    with pytest.raises(ValueError, match=f"^threads: given {count}; expected 1 or more$"):
        kernels.set_num_threads(count)


@needs_kernels
@pytest.mark.parametrize("size", [0, 1, 15, 127, 128, 129, 4097])
def test_sum_vector_returns_the_sum(instruction_set: str, size: int) -> None:
    data = np.random.default_rng(size).integers(-8, 9, size).astype(np.float32)  # whole numbers, so the sum is exact
    assert kernels.sum_vector(data) == data.sum()


@needs_kernels
def test_only_the_first_layer_that_runs_changes_the_process() -> None:
    """Importing elman.nn neither borrows threads nor tunes the allocator."""
    script = """
        import torch
        from elman import kernels

        class Recorder:
            calls = []

            def __getattr__(self, name):
                self.calls.append(name)
                return getattr(native, name)

        native, kernels.backend.native = kernels.backend.native, Recorder()
        from elman import nn

        assert Recorder.calls == [], Recorder.calls
        layer = nn.GRU(3, 4)
        for _ in range(2):
            layer(torch.zeros(5, 2, 3))
        print(*Recorder.calls)
    """
    calls = python(script).split()
    assert sorted(set(calls)) == ["Weights32", "borrow_threads", "cells", "keep_freed_memory", "register_array_type"]
    assert [calls.count(name) for name in ("borrow_threads", "keep_freed_memory", "register_array_type")] == [1, 1, 2]
