"""Spies on who computes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import elman.nn.layers


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
