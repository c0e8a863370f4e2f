"""Threads: several callers at once, forked processes, and the threads of an OpenMP runtime."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

import pytest

from ..cells.problems import COMPILED_NAMES, Problem, assert_same
from .answers import (
    MIN_FLOPS_PER_THREAD,
    few_rows_problem,
    floating_operations,
    kernels_answer,
    needs_kernels,
    python,
    shared_problem,
)

pytestmark = needs_kernels

# Runs in a process of its own. Outputs overwrite NaN, so that those of an earlier call cannot be mistaken for new ones.
SCRIPT = """
import os
import numpy as np
from elman import kernels
from tests.cells.problems import assert_same, named_gradients, named_states
from tests.kernels.answers import few_rows_problem, shared_problem

p = {problem}
stack = kernels.Stack(p.cell, p.params)

def answer(threads):
    outputs, final, tape = stack.forward(
        p.x, p.state, None, p.reset, threads=threads, outputs=np.full(p.d_outputs.shape, np.nan)
    )
    gradients = kernels.backward(tape, p.d_outputs, p.d_state, threads=threads)
    return dict(outputs=outputs, **named_states(final), **named_gradients(gradients))

expected = answer(1)
"""
BORROW_FROM_TORCH = """
import torch
assert kernels.borrow_threads(torch._C.__file__)
torch.randn(400, 400) @ torch.randn(400, 400)
"""
# torch's OpenMP runtime without torch, which takes two seconds to import.
BORROW = """
import ctypes, glob, importlib.util
(runtime,) = glob.glob(importlib.util.find_spec("torch").submodule_search_locations[0] + "/lib/libgomp*")
ctypes.CDLL(runtime)
assert kernels.borrow_threads(runtime)
"""
# A signal ends a child that waits forever.
FORK = """
child = os.fork()
if child == 0:
    import signal, sys
    signal.alarm(20)
    try:
        for threads in (2, 3):
            assert_same(answer(threads), expected)
    except AssertionError as error:
        print(error, file=sys.stderr)
        os._exit(1)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert_same(answer(2), expected)
"""
CHECK = """
for threads in (2, 3, 5, 2):
    assert_same(answer(threads), expected)
"""

torch_has_openmp = pytest.mark.skipif(sys.platform != "linux", reason="OpenMP threads are borrowed on Linux only")
can_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


SHARED, FEW_ROWS = 'shared_problem("lstm", ragged=False)', 'few_rows_problem("lstm")'


def script(*parts: str, problem: str = SHARED) -> str:
    return "".join([SCRIPT.format(problem=problem), *parts])


def test_the_problems_of_these_tests_are_large_enough_for_five_threads(name: str) -> None:
    for problem in (shared_problem(name), few_rows_problem(name)):
        assert floating_operations(problem) > 5 * MIN_FLOPS_PER_THREAD


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_the_requested_number_of_threads_is_used() -> None:
    count = "before = len(os.listdir('/proc/self/task')); answer(4); print(len(os.listdir('/proc/self/task')) - before)"
    assert python(script(count)) == "3"


@pytest.mark.parametrize("make", [shared_problem, few_rows_problem], ids=["rows", "units"])
def test_several_callers_at_once_get_their_own_results(make: Callable[[str], Problem]) -> None:
    problems = [make(name) for name in COMPILED_NAMES]
    expected = [kernels_answer(problem) for problem in problems]
    failures: list[BaseException] = []
    barrier = threading.Barrier(len(problems))

    def call(index: int) -> None:
        try:
            barrier.wait(timeout=60)
            for threads in (2, 1, 3, 2):
                assert_same(kernels_answer(problems[index], threads=threads), expected[index])
        except BaseException as error:
            failures.append(error)

    callers = [threading.Thread(target=call, args=(index,)) for index in range(len(problems))]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=60)
    assert not failures
    assert not any(caller.is_alive() for caller in callers)


@can_fork
def test_a_forked_child_has_threads_of_its_own() -> None:
    python(script(CHECK, FORK))


@torch_has_openmp
def test_borrowed_threads_change_no_bit_and_a_forked_child_does_not_wait_for_them() -> None:
    """In one process, because torch takes two seconds to import."""
    python(script(CHECK, BORROW_FROM_TORCH, CHECK, FORK) + script(CHECK, problem=FEW_ROWS))


@torch_has_openmp
@pytest.mark.parametrize(
    "environment",
    [{"OMP_NUM_THREADS": "1"}, {"OMP_NUM_THREADS": "3"}, {"OMP_DYNAMIC": "true"}, {"OMP_THREAD_LIMIT": "1"}],
    ids=lambda environment: "".join(environment),
)
def test_fewer_borrowed_threads_than_requested_do_all_the_work(environment: dict[str, str]) -> None:
    python(script(BORROW, CHECK) + script(CHECK, problem=FEW_ROWS), **environment)


@torch_has_openmp
def test_a_library_without_openmp_has_no_threads_to_borrow() -> None:
    other = """
import ctypes
ctypes.CDLL("libm.so.6")
assert not kernels.borrow_threads("libm.so.6")
assert not kernels.borrow_threads("no such library")
"""
    python(script(other, CHECK))
    python(script(BORROW, other, CHECK))


def test_several_callers_can_use_a_tape_at_once() -> None:
    """Many short calls, so that they overlap. An error would end the whole process."""
    python("""
        import threading
        import numpy as np
        from elman import kernels
        from tests.kernels.answers import any_problem

        p = any_problem("tanh", [[1]], (4, 50, 1))
        outputs, final, tape = kernels.forward(p.cell, p.params, p.x)
        expected = kernels.backward(tape, p.d_outputs, threads=1).x
        is_equal = []

        def run_backward():
            for _ in range(500):
                is_equal.append(np.array_equal(kernels.backward(tape, p.d_outputs, threads=1).x, expected))

        callers = [threading.Thread(target=run_backward) for _ in range(8)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join(timeout=50)
        assert len(is_equal) == 8 * 500 and all(is_equal)
    """)
