"""A session: saved and restored, it is the same session; what does not fit is told."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from elman.checkpoint import RunFolder
from elman.errors import ModelError
from elman.training import session as module
from elman.training.loop import update
from elman.training.session import NotFinite, Session

from .fakes import LinearTask, config, new_model, new_run


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunFolder]:
    run = new_run(tmp_path / "run")
    yield run
    run.unlock()


def new_session(run: RunFolder, *, seed: int = 0, **given: Any) -> Session:
    return Session.new(LinearTask(), new_model(seed), config(**given), run, seed)


def trained(session: Session, steps: int) -> Session:
    batches = session.task.batches(session.counters.position)
    for _ in range(steps):
        update(session, batches, session.progress)
        torch.rand(1, generator=session.rng)
    return session


def content(session: Session) -> dict[str, Any]:
    counters = {name: value for name, value in asdict(session.counters).items() if name != "seconds"}
    weights = {name: p.detach().numpy().tobytes() for name, p in session.model.named_parameters()}
    carry = {name: t.numpy().tobytes() for name, t in (session.carry or {}).items()}
    return {**counters, **weights, **carry, "rng": session.rng.get_state().numpy().tobytes()}


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_what_is_restored_is_what_was_saved_and_goes_on_the_same_way(run: RunFolder, optimizer: str) -> None:
    given = {"optimizer": optimizer, "momentum": 0.9, "accumulate_steps": 2}
    first = trained(new_session(run, **given), 3)
    first.counters.best_value, first.counters.rate_scale, first.counters.plateaus = 0.1 + 0.2, 0.3, 2
    first.save()
    found = run.newest_checkpoint(pytest.fail)
    assert found is not None
    second = new_session(run, seed=5, **given)
    assert content(second) != content(first)
    second.restore(*found)
    assert content(second) == content(first)
    assert content(trained(second, 4)) == content(trained(first, 4))


def test_saving_changes_nothing(run: RunFolder) -> None:
    session = trained(new_session(run), 2)
    before = content(session)
    session.save()
    assert content(session) == before


def test_restoring_cuts_the_metrics_back(run: RunFolder) -> None:
    session = new_session(run)
    run.append("metrics.jsonl", {"step": 1})
    known = (run / "metrics.jsonl").read_bytes()
    session.save()
    run.append("metrics.jsonl", {"step": 2})
    found = run.newest_checkpoint(pytest.fail)
    assert found is not None
    session.restore(*found)
    assert (run / "metrics.jsonl").read_bytes() == known


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_weights_that_are_not_finite_are_never_saved(run: RunFolder, number: float) -> None:
    session = trained(new_session(run), 2)
    session.model.bias.data[0] = number
    with pytest.raises(NotFinite, match="weights bias at step 2"):
        session.save()
    assert not (run / "checkpoints").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda tensors, state: tensors.pop("rng"), "'rng'"),
        (lambda tensors, state: tensors.pop("model.weight"), "'weight'"),
        (lambda tensors, state: tensors.update({"model.weight": np.zeros((2, 9), np.float32)}), "size of tensor"),
        (lambda tensors, state: state.pop("tokens"), "'tokens'"),
    ],
    ids=["no rng", "no weight", "other shape", "no counter"],
)
def test_a_checkpoint_that_does_not_fit_is_told(run: RunFolder, change: Any, told: str) -> None:
    session = trained(new_session(run), 1)
    session.save()
    found = run.newest_checkpoint(pytest.fail)
    assert found is not None
    change(*found)
    with pytest.raises(ModelError) as caught:
        session.restore(*found)
    assert str(caught.value).startswith(f"{run.path}: the checkpoint does not fit this run (")
    assert told in str(caught.value)


def test_progress_is_steps_done_of_those_to_do(run: RunFolder) -> None:
    session = new_session(run, steps=4)
    assert (session.total_steps, session.progress) == (4, 0.0)
    assert trained(session, 3).progress == 0.75
    assert trained(session, 3).progress == 1.0


@pytest.mark.parametrize(("epochs", "accumulate", "steps"), [(1, 1, 16), (2.5, 1, 40), (1, 4, 4), (0.001, 1, 1)])
def test_epochs_are_so_many_steps(run: RunFolder, epochs: float, accumulate: int, steps: int) -> None:
    session = new_session(run, steps=None, epochs=epochs, accumulate_steps=accumulate)
    assert session.total_steps == steps  # an epoch of the task has 16 batches


def test_minutes_are_counted_on_over_all_processes(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        now = 1000.0

        def monotonic(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr(module, "time", clock)

    def started() -> Session:
        session = new_session(run, steps=None, minutes=1.0)
        session.started = clock.now
        return session

    first = started()
    assert first.total_steps is None
    clock.now += 15.0
    assert (first.seconds, first.progress) == (15.0, 0.25)
    first.save()
    clock.now += 5000.0  # nobody trains
    second = started()
    found = run.newest_checkpoint(pytest.fail)
    assert found is not None
    second.restore(*found)
    clock.now += 30.0
    assert (second.seconds, second.progress) == (45.0, 0.75)
    clock.now += 100.0
    assert second.progress == 1.0


def test_the_same_seed_starts_the_same_random_numbers(run: RunFolder) -> None:
    first, second, other = new_session(run, seed=3), new_session(run, seed=3), new_session(run, seed=4)
    numbers = [torch.rand(4, generator=session.rng) for session in (first, second, other)]
    assert torch.equal(numbers[0], numbers[1])
    assert not torch.equal(numbers[0], numbers[2])
