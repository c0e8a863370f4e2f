"""Torch on one thread: problems of this size only lose by more. And spies on who computes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

import elman.nn.layers


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def by_kernels(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows with every call of the kernels."""
    return spied(monkeypatch, elman.nn.layers, "run_by_kernels")


@pytest.fixture
def by_torch(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Return lists that grow with every forward of torch.nn's, by the name of the layer."""
    return {name: spied(monkeypatch, getattr(torch.nn, name), "forward") for name in ("RNN", "GRU", "LSTM")}


def spied(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[str]:
    calls: list[str] = []
    original = getattr(owner, name)

    def spy(*arguments: Any) -> Any:
        calls.append(name)
        return original(*arguments)

    monkeypatch.setattr(owner, name, spy)
    return calls
