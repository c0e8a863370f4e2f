"""elman.nn's layers on threads, in forked processes, and in processes that train together."""

from __future__ import annotations

import os
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, distributed
from torch.nn.parallel import DistributedDataParallel

from .layer_pairs import (
    CELLS,
    assert_equal,
    assert_same,
    batch,
    layer_pair,
    loss,
    needs_kernels,
    outcome,
    states,
    tensors,
)

pytestmark = pytest.mark.integration

PROCESSES = 2
TIMEOUT = timedelta(seconds=60)  # of what takes four
SIZES = (8, 24)


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def large(cell: str, dtype: torch.dtype = torch.float32) -> tuple[Any, Tensor]:
    """Return a layer and a batch that are worth more than one thread."""
    layer, _ = layer_pair(cell, dtype, sizes=SIZES, num_layers=2, bidirectional=True)
    return layer, batch(layer, shape=(20, 70), width=SIZES[0])


@needs_kernels
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_the_number_of_threads_changes_not_a_bit(cell: str, dtype: torch.dtype, threads: Callable[[int], None]) -> None:
    results = []
    for count in (1, 2):
        threads(count)
        layer, x = large(cell, dtype)
        results.append(outcome(layer, "batch", states(layer, rows=(x.shape[1],)), x))
    assert_equal(*results)


@needs_kernels
@pytest.mark.parametrize("cell", CELLS)
def test_forward_and_backward_may_have_different_numbers_of_threads(cell: str, threads: Callable[[int], None]) -> None:
    gradients = []
    for forward, backward in ((1, 1), (1, 2), (2, 1)):
        layer, x = large(cell)
        threads(forward)
        total = loss(layer(x))
        threads(backward)
        total.backward()
        gradients.append([p.grad for p in layer.parameters()])
    assert_equal(gradients[0], gradients[1])
    assert_equal(gradients[0], gradients[2])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("cell", CELLS)
def test_a_forked_process_works_on_one_thread_after_two(cell: str, threads: Callable[[int], None]) -> None:
    """As a DataLoader's workers do: they are forked, and set their threads to one."""
    layer, x = large(cell, torch.float64)  # the order of sums depends on the number of threads in torch.nn
    threads(2)
    expected = outcome(layer, "batch", (), x)

    def work() -> None:
        torch.set_num_threads(1)
        assert_same(outcome(layer, "batch", (), x), expected)

    assert exit_code_of_fork(work) == 0
    assert_equal(outcome(layer, "batch", (), x), expected)  # and the parent goes on with two


def exit_code_of_fork(work: Callable[[], None]) -> int:
    """Run a function in a forked process and return 0 if it ended well; a process that hangs is killed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python's of 3.12 on, of any process with threads
        warnings.filterwarnings("ignore", "os.fork", RuntimeWarning)  # jax's, where elman bench has imported it
        child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    deadline = time.monotonic() + TIMEOUT.total_seconds()
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise AssertionError(f"the forked process did not end in {TIMEOUT.total_seconds():.0f} s")


def share_of(rank: int, folder: Path, all_done: Any) -> None:
    """Train on every second row of the batch, and leave the gradients in the folder."""
    torch.set_num_threads(1)
    rendezvous = (folder / "meeting").as_uri()
    distributed.init_process_group("gloo", init_method=rendezvous, rank=rank, world_size=PROCESSES, timeout=TIMEOUT)
    for cell in CELLS:
        layer, x = training_problem(cell)
        parallel = DistributedDataParallel(layer)
        for _ in range(2):  # the second time the buckets are in the order of the first backward
            layer.zero_grad()
            mean_loss(parallel(x[:, rank::PROCESSES])).backward()
        torch.save([p.grad for p in layer.parameters()], folder / f"{cell}-{rank}.pt")
    all_done.wait(TIMEOUT.total_seconds())
    os._exit(0)  # an orderly end aborts now and then inside of torch's gloo, with torch.nn's layers too


def training_problem(cell: str) -> tuple[Any, Tensor]:
    layer, _ = layer_pair(cell, num_layers=2, bidirectional=True)
    return layer, batch(layer, shape=(5, 6))


def mean_loss(result: Any) -> Tensor:
    return torch.stack([t.square().mean() for t in tensors(result)]).sum()


@pytest.mark.skipif(
    not distributed.is_available() or not distributed.is_gloo_available(), reason="this torch has no gloo"
)
def test_processes_that_train_together_have_the_gradients_of_the_whole_batch(forks: Any, tmp_path: Path) -> None:
    all_done = forks.Barrier(PROCESSES)
    processes = [
        forks.Process(target=share_of, args=(rank, tmp_path, all_done), daemon=True) for rank in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(TIMEOUT.total_seconds())
        if process.exitcode != 0:  # the others would wait for it
            for other in processes:
                other.kill()
    assert [process.exitcode for process in processes] == [0] * PROCESSES
    for cell in CELLS:
        layer, x = training_problem(cell)
        mean_loss(layer(x)).backward()
        for rank in range(PROCESSES):
            together = torch.load(tmp_path / f"{cell}-{rank}.pt", weights_only=True)
            assert_same(together, [p.grad for p in layer.parameters()])
