"""A session: restoring a checkpoint gives the same session, and a checkpoint of another run is an error."""

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
from elman.training import session as session_module
from elman.training.loop import update
from elman.training.session import NonFiniteError, Session

from .fakes import LinearTask, config, new_model, new_run


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunFolder]:
    run = new_run(tmp_path / "run")
    yield run
    run.unlock()


def new_session(run: RunFolder, *, seed: int = 0, **settings: Any) -> Session:
    return Session.new(LinearTask(), new_model(seed), config(**settings), run, seed)


def train(session: Session, steps: int) -> Session:
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
def test_a_restored_session_equals_the_saved_one_and_continues_in_the_same_way(run: RunFolder, optimizer: str) -> None:
    settings: dict[str, Any] = {"optimizer": optimizer, "momentum": 0.9, "accumulate_steps": 2}
    first = train(new_session(run, **settings), 3)
    first.counters.best_value, first.counters.rate_scale, first.counters.plateaus = 0.1 + 0.2, 0.3, 2
    first.save()
    checkpoint = run.newest_checkpoint(pytest.fail)
    assert checkpoint is not None
    second = new_session(run, seed=5, **settings)
    assert content(second) != content(first)
    second.restore(*checkpoint)
    assert content(second) == content(first)
    assert content(train(second, 4)) == content(train(first, 4))


def test_saving_does_not_change_the_session(run: RunFolder) -> None:
    session = train(new_session(run), 2)
    before = content(session)
    session.save()
    assert content(session) == before


def test_restoring_truncates_the_metrics(run: RunFolder) -> None:
    session = new_session(run)
    run.append_record("metrics.jsonl", {"step": 1})
    expected = (run / "metrics.jsonl").read_bytes()
    session.save()
    run.append_record("metrics.jsonl", {"step": 2})
    checkpoint = run.newest_checkpoint(pytest.fail)
    assert checkpoint is not None
    session.restore(*checkpoint)
    assert (run / "metrics.jsonl").read_bytes() == expected


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_weights_that_are_not_finite_are_never_saved(run: RunFolder, number: float) -> None:
    session = train(new_session(run), 2)
    bias = session.model.get_parameter("bias")
    bias.data[0] = number
    with pytest.raises(NonFiniteError, match="weights bias at step 2"):
        session.save()
    assert not (run / "checkpoints").exists()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda tensors, state: tensors.pop("rng"), "'rng'"),
        (lambda tensors, state: tensors.pop("model.weight"), "'weight'"),
        (lambda tensors, state: tensors.update({"model.weight": np.zeros((2, 9), np.float32)}), "size of tensor"),
        (lambda tensors, state: state.pop("tokens"), "'tokens'"),
        (lambda tensors, state: state.update(step=True), "step: True"),
        (lambda tensors, state: state.update(best_step="x"), "best_step: 'x'"),
        (lambda tensors, state: state.update(position=[]), "position: []"),
        (lambda tensors, state: state.update(finished=1), "finished: 1"),
    ],
    ids=["no rng", "no weight", "other shape", "no counter", "bool", "text", "list", "number"],
)
def test_a_checkpoint_that_does_not_match_the_run_raises_an_error(run: RunFolder, change: Any, problem: str) -> None:
    session = train(new_session(run), 1)
    session.save()
    checkpoint = run.newest_checkpoint(pytest.fail)
    assert checkpoint is not None
    change(*checkpoint)
    with pytest.raises(ModelError) as caught:
        session.restore(*checkpoint)
    assert str(caught.value).startswith(f"{run.path}: the checkpoint does not match this run (")
    assert problem in str(caught.value)


def test_progress_is_the_share_of_the_steps(run: RunFolder) -> None:
    session = new_session(run, steps=4)
    assert (session.total_steps, session.progress) == (4, 0.0)
    assert train(session, 3).progress == 0.75
    assert train(session, 3).progress == 1.0


@pytest.mark.parametrize(("epochs", "accumulate", "steps"), [(1, 1, 16), (2.5, 1, 40), (1, 4, 4), (0.001, 1, 1)])
def test_epochs_determine_the_number_of_steps(run: RunFolder, epochs: float, accumulate: int, steps: int) -> None:
    session = new_session(run, steps=None, epochs=epochs, accumulate_steps=accumulate)
    assert session.total_steps == steps  # an epoch of the task has 16 batches


def test_minutes_are_added_up_over_all_processes(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        now = 1000.0

        def monotonic(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr(session_module, "time", clock)

    def start() -> Session:
        session = new_session(run, steps=None, minutes=1.0)
        session.started = clock.now
        return session

    first = start()
    assert first.total_steps is None
    clock.now += 15.0
    assert (first.seconds, first.progress) == (15.0, 0.25)
    first.save()
    clock.now += 5000.0  # no process trains
    second = start()
    checkpoint = run.newest_checkpoint(pytest.fail)
    assert checkpoint is not None
    second.restore(*checkpoint)
    clock.now += 30.0
    assert (second.seconds, second.progress) == (45.0, 0.75)
    clock.now += 100.0
    assert second.progress == 1.0


def test_the_same_seed_gives_the_same_random_numbers(run: RunFolder) -> None:
    first, second, other = new_session(run, seed=3), new_session(run, seed=3), new_session(run, seed=4)
    numbers = [torch.rand(4, generator=session.rng) for session in (first, second, other)]
    assert torch.equal(numbers[0], numbers[1])
    assert not torch.equal(numbers[0], numbers[2])
