"""The loop on a linear task: updates, the clip, the rate, validation, stopping, and what happens to a nan."""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from elman.checkpoint import RunFolder
from elman.errors import DivergedError, Interrupted
from elman.training import loop, session
from elman.training.loop import Fitted, fit, update
from elman.training.schedules import learning_rate
from elman.training.session import Session

from .fakes import LinearTask, Recorder, Weights, config, new_model, new_run


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunFolder]:
    run = new_run(tmp_path / "run")
    yield run
    run.unlock()


def fitted(run: RunFolder, task: LinearTask, **given: Any) -> tuple[Fitted, torch.nn.Module, Recorder]:
    model, recorder = new_model(), Recorder()
    return fit(task, model, config(**given), run, recorder, seed=0), model, recorder


def metrics(run: RunFolder) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def flat(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def saved_numbers(run: RunFolder) -> Iterator[tuple[str, Any]]:
    for folder in (run / "checkpoints").iterdir():
        for name, tensor in run.load_checkpoint(folder.name)[0].items():
            yield f"{folder.name} {name}", tensor


class Rates:
    """The progress before each update and the learning rate in it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[tuple[float, float]] = []
        self.plateaus: list[int] = []
        real = loop.update

        def watched(session: Session, batches: Any, progress: float) -> float:
            self.plateaus.append(session.counters.plateaus)
            result = real(session, batches, progress)
            self.seen.append((progress, session.optimizer.param_groups[0]["lr"]))
            return result

        monkeypatch.setattr(loop, "update", watched)


# The update


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_four_batches_accumulated_are_one_batch_of_four_times_the_rows(tmp_path: Path, optimizer: str) -> None:
    ends = []
    for rows, accumulate in ((2, 4), (8, 1)):
        run = new_run(tmp_path / f"run-{rows}")
        result, model, recorder = fitted(run, LinearTask(rows), optimizer=optimizer, accumulate_steps=accumulate)
        run.unlock()
        ends.append((flat(model), [event[2] for event in recorder.of("step")], result.steps))
    torch.testing.assert_close(ends[0][0], ends[1][0], rtol=0, atol=1e-6)  # float32 sums in another order
    np.testing.assert_allclose(ends[0][1], ends[1][1], rtol=1e-6)
    assert ends[0][2] == ends[1][2] == 8


def test_an_update_is_a_step_down_the_gradient_of_the_mean(run: RunFolder) -> None:
    task, model = LinearTask(4), new_model()
    settled = config(optimizer="sgd", learning_rate=0.1, schedule="constant", warmup_fraction=0.0, clip_norm=0.0)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    x, y = task.x[:4], task.y[:4]
    error = x @ before["weight"].T + before["bias"] - y
    session = Session.new(task, model, settled, run, 0)
    loss = update(session, task.batches(task.start()), 0.0)
    assert loss == pytest.approx(float(error.square().mean()), rel=1e-6)
    expected = before["weight"] - 0.1 * 2.0 * (error * x).mean(0)
    torch.testing.assert_close(model.weight.detach(), expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(model.bias.detach(), before["bias"] - 0.1 * 2.0 * error.mean(0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("clip", [0.01, 0.5, 1e6, 0.0])
def test_the_gradient_keeps_its_direction_and_is_no_longer_than_the_clip(run: RunFolder, clip: float) -> None:
    task, model = LinearTask(4), new_model()
    oracle = new_model()
    (oracle(task.x[:4]) - task.y[:4]).square().mean().backward()
    whole = torch.cat([p.grad.flatten() for p in oracle.parameters()])
    session = Session.new(task, model, config(clip_norm=clip), run, 0)
    update(session, task.batches(task.start()), 0.0)
    found = torch.cat([p.grad.flatten() for p in model.parameters()])
    limit = clip or math.inf
    assert float(found.norm()) <= limit * (1 + 1e-6)
    assert float(found.norm()) == pytest.approx(min(limit, float(whole.norm())), rel=1e-3)
    torch.testing.assert_close(found / found.norm(), whole / whole.norm(), rtol=1e-4, atol=1e-5)


def test_the_carried_state_goes_from_batch_to_batch_into_the_checkpoint(run: RunFolder) -> None:
    fitted(run, LinearTask(4), steps=8, accumulate_steps=2)
    tensors, state = run.load_checkpoint("step-00000008")
    assert tensors["carry.seen"] == [8 * 2 * 4]
    assert state["position"] == {"batch": 16}
    assert state["tokens"] == 64


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_the_learning_rate_is_the_schedule_s(run: RunFolder, monkeypatch: pytest.MonkeyPatch, schedule: str) -> None:
    rates = Rates(monkeypatch)
    settled = config(steps=20, schedule=schedule, warmup_fraction=0.3)
    fit(LinearTask(), new_model(), settled, run, Recorder(), seed=0)
    assert [progress for progress, _ in rates.seen] == [step / 20 for step in range(20)]
    for progress, rate in rates.seen:
        assert rate == learning_rate(progress, settled)


def test_training_finds_the_line(run: RunFolder) -> None:
    result, model, _ = fitted(run, LinearTask(16), steps=300, learning_rate=0.1, patience=0)
    torch.testing.assert_close(model.weight.detach(), torch.tensor([[1.0, -2.0, 0.5]]), atol=1e-2, rtol=0)
    assert result.rate > 0.0


# Logging


def test_a_line_of_the_log_is_the_mean_loss_of_its_updates(run: RunFolder) -> None:
    _, _, recorder = fitted(run, LinearTask(4), steps=6, log_every_steps=3, validate_every_steps=100)
    losses = [event[2] for event in recorder.of("step")]
    lines = [line for line in metrics(run) if "loss" in line]
    assert [(line["step"], line["tokens"]) for line in lines] == [(3, 12), (6, 24)]
    assert [line["loss"] for line in lines] == pytest.approx([np.mean(losses[:3]), np.mean(losses[3:])], rel=1e-9)
    timing = [json.loads(line) for line in (run / "timing.jsonl").read_text().splitlines()]
    assert [line["step"] for line in timing] == [3, 6]
    assert not any("seconds" in line for line in metrics(run))


# Validation


def test_validation_comes_sixteen_times_where_nothing_is_said(run: RunFolder) -> None:
    _, _, recorder = fitted(run, LinearTask(), steps=100, patience=0)
    steps = [event[0] for event in recorder.of("validated")]
    assert len(steps) == 16
    assert steps == [math.ceil(100 * n / 16) for n in range(1, 17)]


def test_validation_comes_every_so_many_steps_and_at_the_end(run: RunFolder) -> None:
    _, _, recorder = fitted(run, LinearTask(), steps=11, validate_every_steps=4)
    assert [event[0] for event in recorder.of("validated")] == [4, 8, 11]


VALUES = [5.0, 3.0, 4.0, 2.0, 2.0, 6.0, 7.0, 8.0]


@pytest.mark.parametrize(("direction", "best"), [("min", 4), ("max", 8)])
def test_the_model_exported_is_that_of_the_best_step(run: RunFolder, direction: Any, best: int) -> None:
    weights: dict[int, str] = {}

    class Watching(LinearTask):
        def predictor(self, model: torch.nn.Module) -> Weights:
            weights[self.validations + 1] = Weights(model).text
            return super().predictor(model)

    task = Watching(measured=lambda n: VALUES[n - 1], direction=direction)
    result, _, recorder = fitted(run, task, validate_every_steps=1, patience=0)
    told = [step for step, _, is_best, _ in recorder.of("validated") if is_best]
    assert told == ([1, 2, 4] if direction == "min" else [1, 6, 7, 8])
    assert result.best_step == best
    assert run.pointer("best") == f"step-{best:08d}"
    assert (run / "model" / "weights.txt").read_text() == weights[best]
    assert len(set(weights.values())) == 8
    state = run.load_checkpoint(f"step-{best:08d}")[1]
    assert state["best_value"] == (2.0 if direction == "min" else -8.0)


def test_among_equals_the_lower_loss_is_the_better(run: RunFolder) -> None:
    losses = [3.0, 2.0, 2.5, 1.5, 1.5]

    class Tied(LinearTask):
        def validate(self, model: torch.nn.Module, predictor: Weights) -> dict[str, float]:
            super().validate(model, predictor)
            return {"loss": losses[self.validations - 1], "accuracy": 0.5}

    task = Tied()
    task.objective = ("accuracy", "max")
    result, _, recorder = fitted(run, task, steps=5, validate_every_steps=1, patience=0)
    assert [step for step, _, is_best, _ in recorder.of("validated") if is_best] == [1, 2, 4]
    assert result.best_step == 4


@pytest.mark.parametrize("number", [math.inf, math.nan])
def test_a_validation_that_is_not_finite_is_a_reason_to_go_back(run: RunFolder, number: float) -> None:
    task = LinearTask(measured=lambda n: [5.0, number, 6.0, 4.0][n - 1])
    result, _, recorder = fitted(run, task, steps=3, validate_every_steps=1)
    assert [(step, best) for step, _, best, _ in recorder.of("validated")] == [(1, True), (2, False), (3, True)]
    ((told,),) = recorder.of("say")
    assert told == f"not finite: loss {number} on the held-out part at step 2; back to step 1 at learning rate 0.015"
    assert result.best_step == 3


def test_training_stops_early_when_validation_stands_still(run: RunFolder) -> None:
    task = LinearTask(measured=lambda n: [3.0, 2.0, 2.5, 2.5, 2.5, 1.0, 1.0, 1.0][n - 1])
    result, _, recorder = fitted(run, task, validate_every_steps=1, patience=3)
    assert result.steps == 5
    assert result.best_step == 2
    assert recorder.of("say") == [("no better for 3 validations: stopping early",)]
    assert run.load_checkpoint("step-00000005")[1]["finished"] is True


def test_patience_that_ends_with_the_budget_is_not_told(run: RunFolder) -> None:
    task = LinearTask(measured=float)
    _, _, recorder = fitted(run, task, steps=4, validate_every_steps=1, patience=3)
    assert recorder.of("say") == []


def test_the_plateau_schedule_lowers_the_rate_after_its_patience(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = Rates(monkeypatch)
    values = [3.0, 4.0, 4.0, 4.0, 4.0, 2.0, 4.0, 4.0]
    given = {"schedule": "plateau", "plateau_patience": 2, "plateau_factor": 0.5, "warmup_fraction": 0.0}
    fitted(run, LinearTask(measured=lambda n: values[n - 1]), validate_every_steps=1, learning_rate=0.08, **given)
    assert [rate for _, rate in rates.seen] == pytest.approx([0.08, 0.08, 0.08, 0.04, 0.04, 0.02, 0.02, 0.02])
    assert rates.plateaus == [0, 0, 0, 1, 1, 2, 2, 2]


# The budget and checkpoints


class Clock:
    """A second for each look."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def monotonic(self) -> float:
        self.now += 1.0
        return self.now


def test_minutes_end_the_training_and_the_last_step_is_validated(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(session, "time", clock)
    monkeypatch.setattr(loop, "time", clock)
    result, _, recorder = fitted(run, LinearTask(), steps=None, minutes=3.0, patience=0)
    assert 180.0 <= result.seconds < 200.0
    assert 5 < result.steps < 180
    validations = [event[0] for event in recorder.of("validated")]
    assert validations[-1] == result.steps
    assert recorder.of("begin") == [(pytest.approx(0.0, abs=0.05),)]


def test_checkpoints_come_every_so_many_steps(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[int] = []
    real = RunFolder.save_checkpoint

    def watched(run: RunFolder, step: int, *arguments: Any, **keywords: Any) -> None:
        saved.append(step)
        real(run, step, *arguments, **keywords)

    monkeypatch.setattr(RunFolder, "save_checkpoint", watched)
    fitted(run, LinearTask(), steps=10, checkpoint_every_steps=3, validate_every_steps=4)
    assert saved == [0, 3, 4, 6, 8, 9, 10]


def test_a_minute_without_a_checkpoint_is_not_let_pass(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(session, "time", clock)
    monkeypatch.setattr(loop, "time", clock)
    saved: list[float] = []
    monkeypatch.setattr(
        RunFolder, "save_checkpoint", lambda run, step, tensors, state, *, best: saved.append(state["seconds"])
    )
    fitted(run, LinearTask(), steps=200, validate_every_steps=1000)
    gaps = np.diff(saved)
    assert len(saved) > 5
    assert gaps.max() <= loop.CHECKPOINT_SECONDS + 10
    assert gaps[:-1].min() >= loop.CHECKPOINT_SECONDS - 10


# What is not finite


def never_finite(number: int, loss: torch.Tensor) -> torch.Tensor:
    return loss * math.nan if number >= 4 else loss


def test_a_nan_is_found_at_its_step_with_its_data_and_its_largest_gradient(run: RunFolder) -> None:
    task = LinearTask(at_batch=lambda n, loss: loss * math.nan if n == 4 else loss)
    result, model, recorder = fitted(run, task, checkpoint_every_steps=2, validate_every_steps=100)
    (told,) = recorder.of("say")
    assert told == (
        "not finite: loss nan at step 4 (data at {'batch': 4}, largest gradient inf in weight); "
        "back to step 2 at learning rate 0.015",
    )
    assert result.steps == 8
    assert torch.isfinite(flat(model)).all()
    (record,) = [line for line in metrics(run) if "rolled_back" in line]
    assert record["step"] == 2
    assert record["rolled_back"] in told[0]


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_the_largest_gradient_is_named(run: RunFolder, number: float) -> None:
    task = LinearTask()
    model = new_model()
    hooks = iter([1.0, 1.0, number])
    model.bias.register_hook(lambda gradient: gradient * next(hooks, 1.0))
    recorder = Recorder()
    fit(task, model, config(), run, recorder, seed=0)
    (told,) = recorder.of("say")
    assert " at step 3 (data at {'batch': 3}, largest gradient inf in bias)" in told[0]


def test_after_the_way_back_the_rate_is_lower_and_stays_so(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = Rates(monkeypatch)
    task = LinearTask(at_batch=lambda n, loss: loss * math.inf if n == 3 else loss)
    fitted(run, task, schedule="constant", warmup_fraction=0.0, learning_rate=0.1, steps=4, validate_every_steps=100)
    assert [rate for _, rate in rates.seen] == pytest.approx([0.1, 0.1, 0.03, 0.03, 0.03, 0.03])
    assert run.load_checkpoint("step-00000004")[1]["rollbacks"] == 1


def test_a_second_time_training_ends_and_nothing_on_disk_is_damaged(run: RunFolder) -> None:
    recorder = Recorder()
    with pytest.raises(DivergedError) as caught:
        fit(LinearTask(at_batch=never_finite), new_model(), config(validate_every_steps=2), run, recorder, seed=0)
    assert caught.value.exit_code == 5
    assert str(caught.value).startswith(f"{run.path}: not finite: loss nan at step 3 (data at {{'batch': 3}}, ")
    assert caught.value.hint == "try --lr 0.0015, or clipping with --clip 1; the best step so far is kept"
    checked = 0
    for name, tensor in saved_numbers(run):
        assert np.isfinite(tensor).all(), name
        checked += 1
    assert checked > 4
    assert (run / "model" / "weights.txt").exists()
    assert recorder.events[-1] == ("end",)


def test_weights_that_overflow_are_found_before_they_are_saved(run: RunFolder) -> None:
    given = {"optimizer": "sgd", "learning_rate": 3e38, "clip_norm": 0.0, "schedule": "constant", "warmup_fraction": 0}
    with pytest.raises(DivergedError, match="not finite: "):
        fitted(run, LinearTask(), checkpoint_every_steps=1, **given)
    for name, tensor in saved_numbers(run):
        assert np.isfinite(tensor).all(), name


# Stopping


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_training_after_its_step_with_a_checkpoint(run: RunFolder, number: int, code: int) -> None:
    def at_batch(n: int, loss: torch.Tensor) -> torch.Tensor:
        if n == 3:
            signal.raise_signal(number)
        return loss

    recorder = Recorder()
    with pytest.raises(Interrupted) as caught:
        fit(LinearTask(at_batch=at_batch), new_model(), config(validate_every_steps=100), run, recorder, seed=0)
    assert caught.value.exit_code == code
    assert str(caught.value) == f"stopped at step 3, saved; go on with `elman resume {run.path}`"
    assert run.pointer("last") == "step-00000003"
    assert recorder.events[-1] == ("end",)


def test_a_signal_in_the_step_whose_weights_overflow_is_answered_after_the_way_back(run: RunFolder) -> None:
    def at_batch(n: int, loss: torch.Tensor) -> torch.Tensor:
        if n == 3:
            signal.raise_signal(signal.SIGTERM)
            model.weight.data.fill_(math.inf)
        return loss

    model = new_model()
    with pytest.raises(Interrupted, match="stopped at step 1, saved"):
        fit(LinearTask(at_batch=at_batch), model, config(validate_every_steps=100), run, Recorder(), seed=0)
    assert all(np.isfinite(tensor).all() for _, tensor in saved_numbers(run))


# What displays are told


def test_displays_are_told_everything_in_order(run: RunFolder) -> None:
    task = LinearTask(4, measured=lambda n: 3.0 - n, sample="a sample")
    _, _, recorder = fitted(run, task, steps=4, validate_every_steps=2)
    kinds = [event[0] for event in recorder.events]
    assert kinds == ["begin", "step", "step", "validated", "step", "step", "validated", "end"]
    assert recorder.of("begin") == [(0.0,)]
    assert [(step, progress, tokens) for step, progress, _, tokens in recorder.of("step")] == [
        (1, 0.25, 4),
        (2, 0.5, 8),
        (3, 0.75, 12),
        (4, 1.0, 16),
    ]
    assert recorder.of("validated") == [(2, {"loss": 2.0}, True, "a sample"), (4, {"loss": 1.0}, True, "a sample")]


def test_displays_change_nothing(tmp_path: Path) -> None:
    class Rude(Recorder):
        def step(self, *arguments: Any, **keywords: Any) -> None:
            torch.manual_seed(99)
            np.random.seed(99)  # noqa: NPY002

    ends = []
    for display in (Recorder(), Rude()):
        run = new_run(tmp_path / type(display).__name__)
        model = new_model()
        fit(LinearTask(), model, config(), run, display, seed=0)
        run.unlock()
        ends.append(flat(model))
    assert torch.equal(*ends)


# Going on


@pytest.mark.parametrize("lost", ["intact", "damaged", "missing"])
def test_going_on_exports_the_best_step_again_where_it_can(run: RunFolder, lost: str) -> None:
    task = LinearTask(measured=lambda n: [3.0, 1.0, 2.0, 4.0][n - 1])
    fitted(run, task, steps=4, validate_every_steps=1)
    exported = (run / "model" / "weights.txt").read_text()
    best = run / "checkpoints" / "step-00000002" / "tensors.safetensors"
    if lost == "damaged":
        best.write_bytes(b"x" * best.stat().st_size)
    if lost == "missing":
        best.unlink()
    if lost == "intact":
        (run / "model" / "weights.txt").unlink()
    _, _, recorder = fitted(run, task, steps=4, validate_every_steps=1)
    assert (run / "model" / "weights.txt").read_text() == exported
    assert len(recorder.of("step")) == 0, "it was finished"
    ended, *told = [message for (message,) in recorder.of("say")]
    assert ended == "training had ended at step 4: nothing of it is left to do"
    if lost == "intact":
        assert told == []
    else:
        assert len(told) == 1
        assert told[0].startswith(f"the checkpoint of the best step is lost ({best}: ")
        assert told[0].endswith("): its model is kept as is")


def test_a_patience_of_zero_never_stops_early(run: RunFolder) -> None:
    result, _, recorder = fitted(run, LinearTask(measured=float), steps=15, validate_every_steps=1, patience=0)
    assert (result.steps, result.best_step) == (15, 1)
    assert recorder.of("say") == []
