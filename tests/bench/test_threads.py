from __future__ import annotations

import sys

import pytest
import torch

from elman.bench import threads
from elman.bench.threads import on_threads


def test_torch_and_numpy_have_the_threads_that_are_asked_for_and_theirs_back() -> None:
    numpy = threads._of_numpy()
    before = torch.get_num_threads(), numpy and numpy.get()
    for count in (2, 1):
        with on_threads(count):
            assert torch.get_num_threads() == count
            assert numpy is None or numpy.get() == min(count, _most_of_numpy())
    assert (torch.get_num_threads(), numpy and numpy.get()) == before


def test_threads_are_given_back_after_a_failure() -> None:
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), on_threads(before + 1):
        _ = 1 / 0
    assert torch.get_num_threads() == before


def test_torch_is_not_loaded_to_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch")
    with on_threads(1):
        assert "torch" not in sys.modules


def _most_of_numpy() -> int:
    """OpenBLAS takes no more threads than it was built for, which is far above two."""
    return 64
