"""One thread: the models are small, and sums on one thread have one order. The default number of validations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from elman.training import intervals

from ..short_measurements import VALIDATIONS


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    original = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(original)


@pytest.fixture(autouse=True)
def _default_validations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intervals, "VALIDATIONS", VALIDATIONS)
