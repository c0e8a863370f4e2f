"""Whether the kernels are here, which instruction set, how many threads: by the environment and by calls."""

import os

import numpy as np
import pytest

from elman import kernels
from elman.cells import CELLS

from .answers import kernels_answer, needs_kernels, python, shared_problem

STATE = """
    from elman import kernels
    print(kernels.available(), kernels.instruction_set(), kernels.unavailable_reason(), sep="|")
"""


@pytest.mark.parametrize("word", ["off", "OFF", "0", "no"])
def test_the_environment_turns_the_kernels_off(word) -> None:
    assert python(STATE, ELMAN_KERNELS=word) == "False|None|turned off by ELMAN_KERNELS"


@needs_kernels
def test_a_wrong_word_turns_them_off_and_says_what_is_right() -> None:
    right = ", ".join(kernels.instruction_sets())
    assert python(STATE, ELMAN_KERNELS="fast") == f"False|None|ELMAN_KERNELS is 'fast', expected off or one of {right}"


@needs_kernels
def test_the_environment_picks_an_instruction_set() -> None:
    for name in kernels.instruction_sets():
        assert python(STATE, ELMAN_KERNELS=name) == f"True|{name}|"


@needs_kernels
def test_without_a_word_it_is_the_best() -> None:
    assert python(STATE, ELMAN_KERNELS="") == f"True|{kernels.instruction_sets()[0]}|"
    assert "plain" in kernels.instruction_sets()


def test_what_is_off_has_nothing_and_says_so() -> None:
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
def test_another_instruction_set_is_used_from_then_on(instruction_set) -> None:
    assert kernels.instruction_set() == instruction_set


@needs_kernels
@pytest.mark.skipif(kernels.instruction_sets()[:1] == ["plain"], reason="there is no other here")
def test_it_is_not_the_name_alone_that_changes() -> None:
    """The plain set rounds products and sums apart: among thousands of numbers some end otherwise."""
    problem, before = shared_problem("gru"), kernels.instruction_set()
    answers = {}
    for name in kernels.instruction_sets():
        kernels.use_instruction_set(name)
        answers[name] = kernels_answer(problem)["outputs"]
    kernels.use_instruction_set(before)
    assert all(np.any(answers[name] != answers["plain"]) for name in answers.keys() - {"plain"})


@needs_kernels
def test_an_unknown_instruction_set_is_refused_and_changes_nothing() -> None:
    before = kernels.instruction_set()
    with pytest.raises(ValueError, match=r"^unknown instruction set 'sse9'$"):
        kernels.use_instruction_set("sse9")
    assert kernels.instruction_set() == before


@needs_kernels
def test_all_cells_are_supported_in_both_precisions_and_in_no_other() -> None:
    for made in CELLS.values():
        assert [kernels.supports(made(), d) for d in (np.float16, np.float32, np.float64)] == [False, True, True]


@pytest.fixture
def as_if_just_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has set the number of threads."""
    monkeypatch.setattr(kernels.backend, "_num_threads", None)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


@pytest.mark.usefixtures("as_if_just_loaded")
def test_there_is_a_thread_a_core(monkeypatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 3, 5}, raising=False)
    assert kernels.get_num_threads() == 3


@pytest.mark.usefixtures("as_if_just_loaded")
@pytest.mark.parametrize(("asked", "expected"), [("7", 7), ("0", 3), ("-2", 3), ("4,2", 3), ("many", 3), ("", 3)])
def test_or_as_many_as_the_environment_asks(asked, expected, monkeypatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 3, 5}, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert kernels.get_num_threads() == expected


@pytest.mark.usefixtures("as_if_just_loaded")
def test_or_as_many_as_were_set(monkeypatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    kernels.set_num_threads(2)
    assert kernels.get_num_threads() == 2


@pytest.mark.usefixtures("as_if_just_loaded")
@pytest.mark.parametrize("count", [0, -1])
def test_no_threads_are_refused(count) -> None:
    with pytest.raises(ValueError, match=f"^threads: given {count}, expected 1 or more$"):
        kernels.set_num_threads(count)


@needs_kernels
@pytest.mark.parametrize("size", [0, 1, 15, 127, 128, 129, 4097])
def test_reading_a_vector_gives_its_sum(instruction_set, size) -> None:
    data = np.random.default_rng(size).integers(-8, 9, size).astype(np.float32)  # sums of these are exact
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
    assert sorted(set(calls)) == ["Weights32", "borrow_threads", "keep_freed_memory", "register_array_type"]
    assert [calls.count(name) for name in ("borrow_threads", "keep_freed_memory", "register_array_type")] == [1, 1, 2]
