"""Validation during training: its interval, the best step, early stopping and the plateau schedule."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from elman.checkpoint import RunFolder
from elman.training import loop
from elman.training.loop import FitResult, fit
from elman.training.session import Session

from .fakes import LinearTask, Recorder, Weights, config, new_model, new_run


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunFolder]:
    run = new_run(tmp_path / "run")
    yield run
    run.unlock()


def run_fit(run: RunFolder, task: LinearTask, **settings: Any) -> tuple[FitResult, torch.nn.Module, Recorder]:
    model, recorder = new_model(), Recorder()
    return fit(task, model, config(**settings), run, recorder, seed=0), model, recorder


class Rates:
    """Records the progress before each update, and its learning rate."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.history: list[tuple[float, float]] = []
        self.plateaus: list[int] = []
        original = loop.update

        def recorded(session: Session, batches: Any, progress: float) -> float:
            self.plateaus.append(session.counters.plateaus)
            result = original(session, batches, progress)
            self.history.append((progress, session.optimizer.param_groups[0]["lr"]))
            return result

        monkeypatch.setattr(loop, "update", recorded)


def test_by_default_there_are_sixteen_validations(run: RunFolder) -> None:
    _, _, recorder = run_fit(run, LinearTask(), steps=100, patience=0)
    steps = [event[0] for event in recorder.of("validation")]
    assert len(steps) == 16
    assert steps == [math.ceil(100 * n / 16) for n in range(1, 17)]


@pytest.mark.parametrize(
    ("epoch", "accumulate", "early"),
    [(1, 1, [16, 32, 64, 128]), (64, 1, [64, 128]), (64, 2, [32, 64, 128]), (70, 1, [128]), (200, 1, [])],
)
def test_small_data_are_validated_before_a_sixteenth_of_the_budget(
    run: RunFolder, epoch: int, accumulate: int, early: list[int]
) -> None:
    task = LinearTask()
    task.batches_per_epoch = epoch
    _, _, recorder = run_fit(run, task, steps=3200, patience=0, accumulate_steps=accumulate)
    steps = [event[0] for event in recorder.of("validation")]
    assert steps == early + [200 * n for n in range(1, 17)]


def test_there_are_no_early_validations_with_an_interval(run: RunFolder) -> None:
    _, _, recorder = run_fit(run, LinearTask(), steps=320, validate_every_steps=160)
    assert [event[0] for event in recorder.of("validation")] == [160, 320]


def test_validations_follow_the_interval_and_the_last_step(run: RunFolder) -> None:
    _, _, recorder = run_fit(run, LinearTask(), steps=11, validate_every_steps=4)
    assert [event[0] for event in recorder.of("validation")] == [4, 8, 11]


def test_the_training_loss_is_the_mean_since_the_last_validation(run: RunFolder) -> None:
    values = {1: 2.0, 2: 1.0, 3: 3.0}
    result, _, recorder = run_fit(run, LinearTask(metric=values.__getitem__), steps=11, validate_every_steps=4)
    losses = [loss for _, _, loss, _ in recorder.of("step")]
    means = [sum(losses[i:j]) / (j - i) for i, j in ((0, 4), (4, 8), (8, 11))]
    assert [train["loss"] for train in recorder.training] == pytest.approx(means, rel=1e-12)
    assert result.best_step == 8
    assert result.best_train == recorder.training[1]
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [record["train"] for record in records if "valid" in record] == recorder.training


VALUES = [5.0, 3.0, 4.0, 2.0, 2.0, 6.0, 7.0, 8.0]


@pytest.mark.parametrize(("direction", "best"), [("min", 4), ("max", 8)])
def test_the_model_of_the_best_step_is_exported(run: RunFolder, direction: Any, best: int) -> None:
    weights: dict[int, str] = {}

    class Recording(LinearTask):
        def predictor(self, model: torch.nn.Module) -> Weights:
            weights[self.validations + 1] = Weights(model).text
            return super().predictor(model)

    task = Recording(metric=lambda n: VALUES[n - 1], direction=direction)
    result, _, recorder = run_fit(run, task, validate_every_steps=1, patience=0)
    best_steps = [step for step, _, is_best, _ in recorder.of("validation") if is_best]
    assert best_steps == ([1, 2, 4] if direction == "min" else [1, 6, 7, 8])
    assert result.best_step == best
    assert run.read_pointer("best") == f"step-{best:08d}"
    assert (run / "model" / "weights.txt").read_text() == weights[best]
    assert len(set(weights.values())) == 8
    state = run.load_checkpoint(f"step-{best:08d}")[1]
    assert state["best_value"] == (2.0 if direction == "min" else -8.0)


def test_for_equal_metrics_the_lower_loss_is_better(run: RunFolder) -> None:
    losses = [3.0, 2.0, 2.5, 1.5, 1.5]

    class Tied(LinearTask):
        def validate(self, model: torch.nn.Module, predictor: Weights) -> dict[str, float]:
            super().validate(model, predictor)
            return {"loss": losses[self.validations - 1], "accuracy": 0.5}

    task = Tied()
    task.objective = ("accuracy", "max")
    result, _, recorder = run_fit(run, task, steps=5, validate_every_steps=1, patience=0)
    assert [step for step, _, is_best, _ in recorder.of("validation") if is_best] == [1, 2, 4]
    assert result.best_step == 4


def test_the_last_step_within_one_standard_error_of_the_lowest_loss_is_the_best(run: RunFolder) -> None:
    losses, errors = [3.0, 2.0, 2.2, 2.4, 1.9, 2.3, 2.0, 2.2], [0.9, 0.3, 9.0, 9.0, 0.2, 9.0, 9.0, 9.0]

    class Uncertain(LinearTask):
        def validate(self, model: torch.nn.Module, predictor: Weights) -> dict[str, float]:
            super().validate(model, predictor)
            return {"loss": losses[self.validations - 1], "loss_error": errors[self.validations - 1]}

    result, _, recorder = run_fit(run, Uncertain(), steps=8, validate_every_steps=1, patience=0)
    assert [step for step, _, is_best, _ in recorder.of("validation") if is_best] == [1, 2, 3, 5, 7]
    assert result.best_step == 7
    assert run.load_checkpoint("step-00000007")[1]["best_value"] == 1.9


@pytest.mark.parametrize("number", [math.inf, math.nan])
def test_a_validation_that_is_not_finite_causes_a_rollback(run: RunFolder, number: float) -> None:
    task = LinearTask(metric=lambda n: [5.0, number, 6.0, 4.0][n - 1])
    result, _, recorder = run_fit(run, task, steps=3, validate_every_steps=1)
    assert [(step, best) for step, _, best, _ in recorder.of("validation")] == [(1, True), (2, False), (3, True)]
    ((message,),) = recorder.of("notify")
    assert message == (
        f"Training diverged: loss {number} of the validation set at step 2. "
        "Returning to step 1 with the learning rate 0.015."
    )
    assert result.best_step == 3


def test_training_stops_early_if_validation_does_not_improve(run: RunFolder) -> None:
    task = LinearTask(metric=lambda n: [3.0, 2.0, 2.5, 2.5, 2.5, 1.0, 1.0, 1.0][n - 1])
    result, _, recorder = run_fit(run, task, validate_every_steps=1, patience=3)
    assert result.steps == 5
    assert result.best_step == 2
    assert recorder.of("notify") == [("Early stopping: no new best in 3 validations.",)]
    assert run.load_checkpoint("step-00000005")[1]["finished"] is True


def test_patience_that_ends_with_the_budget_causes_no_message(run: RunFolder) -> None:
    task = LinearTask(metric=float)
    _, _, recorder = run_fit(run, task, steps=4, validate_every_steps=1, patience=3)
    assert recorder.of("notify") == []


def test_the_plateau_schedule_lowers_the_rate_after_its_patience(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = Rates(monkeypatch)
    values = [3.0, 4.0, 4.0, 4.0, 4.0, 2.0, 4.0, 4.0]
    settings: dict[str, Any] = {
        "schedule": "plateau",
        "plateau_patience": 2,
        "plateau_factor": 0.5,
        "warmup_fraction": 0.0,
    }
    run_fit(run, LinearTask(metric=lambda n: values[n - 1]), validate_every_steps=1, learning_rate=0.08, **settings)
    assert [rate for _, rate in rates.history] == pytest.approx([0.08, 0.08, 0.08, 0.04, 0.04, 0.02, 0.02, 0.02])
    assert rates.plateaus == [0, 0, 0, 1, 1, 2, 2, 2]
