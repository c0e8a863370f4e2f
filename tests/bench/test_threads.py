"""The number of threads during a measurement."""

from __future__ import annotations

import sys

import pytest
import torch

from elman.bench import threads
from elman.bench.threads import use_threads

MAX_NUMPY_THREADS = 64  # OpenBLAS uses no more threads than it was built for, which are many more than two


def test_the_threads_of_torch_and_numpy_are_set_and_restored() -> None:
    numpy = threads._numpy_setting()
    before = torch.get_num_threads(), numpy and numpy.get()
    for count in (2, 1):
        with use_threads(count):
            assert torch.get_num_threads() == count
            assert numpy is None or numpy.get() == min(count, MAX_NUMPY_THREADS)
    assert (torch.get_num_threads(), numpy and numpy.get()) == before


def test_threads_are_restored_after_an_error() -> None:
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), use_threads(before + 1):
        _ = 1 / 0
    assert torch.get_num_threads() == before


def test_torch_is_not_loaded_to_set_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch")
    with use_threads(1):
        assert "torch" not in sys.modules
