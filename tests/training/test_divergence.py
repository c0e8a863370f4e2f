"""Divergence: a rollback to the last checkpoint the first time, an error the second time."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from elman.checkpoint import RunFolder
from elman.errors import DivergedError
from elman.training import loop
from elman.training.loop import FitResult, fit
from elman.training.session import Session

from .fakes import LinearTask, Recorder, config, new_model, new_run


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunFolder]:
    run = new_run(tmp_path / "run")
    yield run
    run.unlock()


def run_fit(run: RunFolder, task: LinearTask, **settings: Any) -> tuple[FitResult, torch.nn.Module, Recorder]:
    model, recorder = new_model(), Recorder()
    return fit(task, model, config(**settings), run, recorder, seed=0), model, recorder


def metrics(run: RunFolder) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def flat(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def saved_numbers(run: RunFolder) -> Iterator[tuple[str, Any]]:
    for folder in (run / "checkpoints").iterdir():
        for name, tensor in run.load_checkpoint(folder.name)[0].items():
            yield f"{folder.name} {name}", tensor


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


def never_finite(number: int, loss: torch.Tensor) -> torch.Tensor:
    return loss * math.nan if number >= 4 else loss


def test_a_nan_is_reported_with_its_step_position_and_largest_gradient(run: RunFolder) -> None:
    task = LinearTask(at_batch=lambda n, loss: loss * math.nan if n == 4 else loss)
    result, model, recorder = run_fit(run, task, checkpoint_every_steps=2, validate_every_steps=100)
    ((message,),) = recorder.of("notify")
    assert message == (
        "Training diverged: loss nan at step 4 (position in the data {'batch': 4}, largest gradient inf in weight). "
        "Returning to step 2 with the learning rate 0.015."
    )
    assert result.steps == 8
    assert torch.isfinite(flat(model)).all()
    (record,) = [line for line in metrics(run) if "rolled_back" in line]
    assert record["step"] == 2
    assert record["rolled_back"] in message


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_the_largest_gradient_is_named(run: RunFolder, number: float) -> None:
    task = LinearTask()
    model = new_model()
    hooks = iter([1.0, 1.0, number])
    model.bias.register_hook(lambda gradient: gradient * next(hooks, 1.0))
    recorder = Recorder()
    fit(task, model, config(), run, recorder, seed=0)
    ((message,),) = recorder.of("notify")
    assert " at step 3 (position in the data {'batch': 3}, largest gradient inf in bias)" in message


def test_after_a_rollback_the_learning_rate_is_lower(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = Rates(monkeypatch)
    task = LinearTask(at_batch=lambda n, loss: loss * math.inf if n == 3 else loss)
    run_fit(run, task, schedule="constant", warmup_fraction=0.0, learning_rate=0.1, steps=4, validate_every_steps=100)
    assert [rate for _, rate in rates.history] == pytest.approx([0.1, 0.1, 0.03, 0.03, 0.03, 0.03])
    assert run.load_checkpoint("step-00000004")[1]["rollbacks"] == 1


def test_a_second_divergence_ends_training_with_intact_checkpoints(run: RunFolder) -> None:
    recorder = Recorder()
    with pytest.raises(DivergedError) as caught:
        fit(LinearTask(at_batch=never_finite), new_model(), config(validate_every_steps=2), run, recorder, seed=0)
    assert caught.value.exit_code == 5
    assert str(caught.value).startswith(
        f"{run.path}: training diverged: loss nan at step 3 (position in the data {{'batch': 3}}, "
    )
    assert caught.value.hint == "Try --lr 0.0015, or clipping with --clip 1. The best step so far is saved"
    checked = 0
    for name, tensor in saved_numbers(run):
        assert np.isfinite(tensor).all(), name
        checked += 1
    assert checked > 4
    assert (run / "model" / "weights.txt").exists()
    assert recorder.events[-1] == ("end",)


def test_overflowing_weights_are_never_saved(run: RunFolder) -> None:
    settings: dict[str, Any] = {
        "optimizer": "sgd",
        "learning_rate": 3e38,
        "clip_norm": 0.0,
        "schedule": "constant",
        "warmup_fraction": 0,
    }
    with pytest.raises(DivergedError, match="training diverged: "):
        run_fit(run, LinearTask(), checkpoint_every_steps=1, **settings)
    for name, tensor in saved_numbers(run):
        assert np.isfinite(tensor).all(), name


def test_nothing_is_predicted_with_weights_that_are_not_finite(run: RunFolder) -> None:
    class Damaging(LinearTask):
        def validate(self, model: torch.nn.Module, predictor: Any) -> dict[str, float]:
            metrics = super().validate(model, predictor)
            if self.validations == 2:
                model.get_parameter("bias").data[0] = math.nan
            return metrics

        def preview(self, predictor: Any) -> str | None:
            assert self.validations != 2, "of the weights that are not finite"
            return "a sample"

    _, _, recorder = run_fit(run, Damaging(), validate_every_steps=2)
    assert "weights bias at step 4" in recorder.of("notify")[0][0]
