"""The training loop on a linear task: updates, clipping, learning rate, validation, stopping, and NaN."""

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
from elman.errors import Interrupted
from elman.training import intervals, loop, session
from elman.training.loop import FitResult, fit, update
from elman.training.schedules import learning_rate
from elman.training.session import Session
from elman.translations import Language, translate, use_language

from .fakes import LinearTask, Recorder, Weights, config, new_model, new_run


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


def flat_gradient(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


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


# The update


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_four_accumulated_batches_equal_one_batch_with_four_times_the_rows(tmp_path: Path, optimizer: str) -> None:
    ends = []
    for rows, accumulate in ((2, 4), (8, 1)):
        run = new_run(tmp_path / f"run-{rows}")
        result, model, recorder = run_fit(run, LinearTask(rows), optimizer=optimizer, accumulate_steps=accumulate)
        run.unlock()
        ends.append((flat(model), [event[2] for event in recorder.of("step")], result.steps))
    torch.testing.assert_close(ends[0][0], ends[1][0], rtol=0, atol=1e-6)  # float32 sums in another order
    np.testing.assert_allclose(ends[0][1], ends[1][1], rtol=1e-6)
    assert ends[0][2] == ends[1][2] == 8


def test_an_update_follows_the_gradient_of_the_mean_loss(run: RunFolder) -> None:
    task, model = LinearTask(4), new_model()
    settings = config(optimizer="sgd", learning_rate=0.1, schedule="constant", warmup_fraction=0.0, clip_norm=0.0)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    x, y = task.x[:4], task.y[:4]
    error = x @ before["weight"].T + before["bias"] - y
    session = Session.new(task, model, settings, run, 0)
    loss = update(session, task.batches(task.start()), 0.0)
    assert loss == pytest.approx(float(error.square().mean()), rel=1e-6)
    expected = before["weight"] - 0.1 * 2.0 * (error * x).mean(0)
    torch.testing.assert_close(model.weight.detach(), expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(model.bias.detach(), before["bias"] - 0.1 * 2.0 * error.mean(0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("clip", [0.01, 0.5, 1e6, 0.0])
def test_clipping_preserves_the_direction_and_limits_the_norm(run: RunFolder, clip: float) -> None:
    task, model = LinearTask(4), new_model()
    oracle = new_model()
    (oracle(task.x[:4]) - task.y[:4]).square().mean().backward()
    expected = flat_gradient(oracle)
    session = Session.new(task, model, config(clip_norm=clip), run, 0)
    update(session, task.batches(task.start()), 0.0)
    gradient = flat_gradient(model)
    limit = clip or math.inf
    assert float(gradient.norm()) <= limit * (1 + 1e-6)
    assert float(gradient.norm()) == pytest.approx(min(limit, float(expected.norm())), rel=1e-3)
    torch.testing.assert_close(gradient / gradient.norm(), expected / expected.norm(), rtol=1e-4, atol=1e-5)


def test_the_state_is_carried_from_batch_to_batch_and_saved(run: RunFolder) -> None:
    run_fit(run, LinearTask(4), steps=8, accumulate_steps=2)
    tensors, state = run.load_checkpoint("step-00000008")
    assert tensors["carry.rows"] == [8 * 2 * 4]
    assert state["position"] == {"batch": 16}
    assert state["tokens"] == 64


def test_a_record_has_the_learning_rate_of_its_last_update(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = Rates(monkeypatch)
    run_fit(run, LinearTask(), steps=9, log_every_steps=3, warmup_fraction=0.3)
    recorded = [record["learning_rate"] for record in metrics(run) if "learning_rate" in record]
    assert recorded == [rate for _, rate in rates.history][2::3]
    assert len(set(recorded)) == 3


@pytest.mark.parametrize("sample", ["été\nтри", "half of a pair: \ud800", None])
def test_a_validation_record_has_the_sample(run: RunFolder, sample: str | None) -> None:
    run_fit(run, LinearTask(sample=sample), steps=4, validate_every_steps=2)
    validations = [record for record in metrics(run) if "valid" in record]
    assert len(validations) == 2
    for record in validations:
        assert record.get("sample") == sample
        assert ("sample" in record) == (sample is not None)


class SpeakingTask(LinearTask):
    """A task whose samples have a word."""

    def preview(self, predictor: Any) -> str | None:
        return translate("actual", "words")


@pytest.mark.parametrize(("language", "sample"), [("en", "actual"), ("zh", "实际")])
def test_the_samples_are_in_the_language_of_the_run(tmp_path: Path, language: Language, sample: str) -> None:
    run = RunFolder.create(tmp_path / "run", {"task": "linear", "language": language})
    with use_language("zh" if language == "en" else "en"):  # of the command that resumes it
        run_fit(run, SpeakingTask(), steps=2, validate_every_steps=2)
    run.unlock()
    assert [record["sample"] for record in metrics(run) if "valid" in record] == [sample]


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_the_learning_rate_follows_the_schedule(run: RunFolder, monkeypatch: pytest.MonkeyPatch, schedule: str) -> None:
    rates = Rates(monkeypatch)
    settings = config(steps=20, schedule=schedule, warmup_fraction=0.3)
    fit(LinearTask(), new_model(), settings, run, Recorder(), seed=0)
    assert [progress for progress, _ in rates.history] == [step / 20 for step in range(20)]
    for progress, rate in rates.history:
        assert rate == learning_rate(progress, settings)


def test_training_converges_to_the_true_weights(run: RunFolder) -> None:
    result, model, _ = run_fit(run, LinearTask(16), steps=300, learning_rate=0.1, patience=0)
    weight = model.get_parameter("weight").detach()
    torch.testing.assert_close(weight, torch.tensor([[1.0, -2.0, 0.5]]), atol=1e-2, rtol=0)
    assert result.rate > 0.0


# Logging


def test_a_log_line_contains_the_mean_loss_of_its_updates(run: RunFolder) -> None:
    _, _, recorder = run_fit(run, LinearTask(4), steps=6, log_every_steps=3, validate_every_steps=100)
    losses = [event[2] for event in recorder.of("step")]
    lines = [line for line in metrics(run) if "loss" in line]
    assert [(line["step"], line["tokens"]) for line in lines] == [(3, 12), (6, 24)]
    assert [line["loss"] for line in lines] == pytest.approx([np.mean(losses[:3]), np.mean(losses[3:])], rel=1e-9)
    timing = [json.loads(line) for line in (run / "timing.jsonl").read_text().splitlines()]
    assert [line["step"] for line in timing] == [3, 6]
    assert not any("seconds" in line for line in metrics(run))


# The budget and checkpoints


class Clock:
    """A clock that advances by one second at every call."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def monotonic(self) -> float:
        self.now += 1.0
        return self.now


def test_training_ends_after_the_minutes_and_validates_the_last_step(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(session, "time", clock)
    monkeypatch.setattr(loop, "time", clock)
    result, _, recorder = run_fit(run, LinearTask(), steps=None, minutes=3.0, patience=0)
    assert 180.0 <= result.seconds < 200.0
    assert 5 < result.steps < 180
    validations = [event[0] for event in recorder.of("validation")]
    assert validations[-1] == result.steps
    assert recorder.of("begin") == [(pytest.approx(0.0, abs=0.05),)]


def test_checkpoints_follow_the_interval(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[int] = []
    original = RunFolder.save_checkpoint

    def recorded(run: RunFolder, step: int, *arguments: Any, **keywords: Any) -> None:
        saved.append(step)
        original(run, step, *arguments, **keywords)

    monkeypatch.setattr(RunFolder, "save_checkpoint", recorded)
    run_fit(run, LinearTask(), steps=10, checkpoint_every_steps=3, validate_every_steps=4)
    assert saved == [0, 3, 4, 6, 8, 9, 10]


def test_there_is_a_checkpoint_at_least_every_minute(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(session, "time", clock)
    monkeypatch.setattr(loop, "time", clock)
    monkeypatch.setattr(intervals, "time", clock)
    saved: list[float] = []
    monkeypatch.setattr(
        RunFolder, "save_checkpoint", lambda run, step, tensors, state, *, best: saved.append(state["seconds"])
    )
    run_fit(run, LinearTask(), steps=200, validate_every_steps=1000)
    gaps = np.diff(saved)
    assert len(saved) > 5
    assert gaps.max() <= intervals.CHECKPOINT_SECONDS + 10
    assert gaps[:-1].min() >= intervals.CHECKPOINT_SECONDS - 10


# Stopping


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_training_after_the_step_with_a_checkpoint(run: RunFolder, number: int, code: int) -> None:
    def at_batch(n: int, loss: torch.Tensor) -> torch.Tensor:
        if n == 3:
            signal.raise_signal(number)
        return loss

    recorder = Recorder()
    with pytest.raises(Interrupted) as caught:
        fit(LinearTask(at_batch=at_batch), new_model(), config(validate_every_steps=100), run, recorder, seed=0)
    assert caught.value.exit_code == code
    assert str(caught.value) == f"stopped at step 3 and saved. Continue with `elman resume {run.path}`"
    assert run.read_pointer("last") == "step-00000003"
    assert recorder.events[-1] == ("end",)


@pytest.mark.parametrize(("every", "exported"), [(100, "of step 3"), (2, "of the best step")])
def test_a_stopped_run_has_a_model_of_the_step_or_the_best_one(run: RunFolder, every: int, exported: str) -> None:
    def at_batch(n: int, loss: torch.Tensor) -> torch.Tensor:
        if n == 3:
            signal.raise_signal(signal.SIGINT)
        return loss

    model = new_model()
    with pytest.raises(Interrupted):
        fit(LinearTask(at_batch=at_batch), model, config(validate_every_steps=every), run, Recorder(), seed=0)
    text = (run / "model" / "weights.txt").read_text()
    assert (text == Weights(model).text) == (exported == "of step 3")
    assert (run.read_pointer("best") is None) == (exported == "of step 3")
    fit(LinearTask(), new_model(), config(validate_every_steps=every), run, Recorder(), seed=0)
    whole = new_run(run.path.with_name("whole"))
    fit(LinearTask(), new_model(), config(validate_every_steps=every), whole, Recorder(), seed=0)
    whole.unlock()
    for name in ("model/weights.txt", "metrics.jsonl", "best", "last"):
        assert (run / name).read_bytes() == (whole / name).read_bytes(), (
            "resuming gives what an uninterrupted run gives"
        )


def test_a_run_that_stopped_early_goes_on_when_it_is_extended(run: RunFolder) -> None:
    task = LinearTask(metric=lambda n: float(n))  # every validation is worse than the one before
    settings = {"validate_every_steps": 1, "patience": 2}
    early = fit(task, new_model(), config(steps=50, **settings), run, Recorder(), seed=0)
    assert early.steps == 3
    again = fit(task, new_model(), config(steps=50, **settings), run, Recorder(), seed=0)
    assert again.steps == 3, "without an extension, there is nothing left to do"
    more = fit(task, new_model(), config(steps=50, **settings), run, Recorder(), seed=0, extended=True)
    assert more.steps == 5
    assert more.best_step == 1, "the best model so far is kept"


def test_a_signal_in_a_step_that_diverges_takes_effect_after_the_rollback(run: RunFolder) -> None:
    def at_batch(n: int, loss: torch.Tensor) -> torch.Tensor:
        if n == 3:
            signal.raise_signal(signal.SIGTERM)
            model.weight.data.fill_(math.inf)
        return loss

    model = new_model()
    with pytest.raises(Interrupted, match="stopped at step 1 and saved"):
        fit(LinearTask(at_batch=at_batch), model, config(validate_every_steps=100), run, Recorder(), seed=0)
    assert all(np.isfinite(tensor).all() for _, tensor in saved_numbers(run))


# Displays


def test_displays_receive_all_events_in_order(run: RunFolder) -> None:
    task = LinearTask(4, metric=lambda n: 3.0 - n, sample="a sample")
    _, _, recorder = run_fit(run, task, steps=4, validate_every_steps=2)
    kinds = [event[0] for event in recorder.events]
    assert kinds == ["begin", "step", "step", "validation", "step", "step", "validation", "end"]
    assert recorder.of("begin") == [(0.0,)]
    assert [(step, progress, tokens) for step, progress, _, tokens in recorder.of("step")] == [
        (1, 0.25, 4),
        (2, 0.5, 8),
        (3, 0.75, 12),
        (4, 1.0, 16),
    ]
    assert recorder.of("validation") == [(2, {"loss": 2.0}, True, "a sample"), (4, {"loss": 1.0}, True, "a sample")]


def test_displays_do_not_change_training(tmp_path: Path) -> None:
    class Disturbing(Recorder):
        def step(self, *arguments: Any, **keywords: Any) -> None:
            torch.manual_seed(99)
            np.random.seed(99)  # noqa: NPY002

    ends: list[torch.Tensor] = []
    for display in (Recorder(), Disturbing()):
        run = new_run(tmp_path / type(display).__name__)
        model = new_model()
        fit(LinearTask(), model, config(), run, display, seed=0)
        run.unlock()
        ends.append(flat(model))
    assert torch.equal(*ends)


# Resuming


@pytest.mark.parametrize("checkpoint", ["intact", "damaged", "missing"])
def test_resuming_exports_the_best_step_again_if_its_checkpoint_is_intact(run: RunFolder, checkpoint: str) -> None:
    task = LinearTask(metric=lambda n: [3.0, 1.0, 2.0, 4.0][n - 1])
    run_fit(run, task, steps=4, validate_every_steps=1)
    exported = (run / "model" / "weights.txt").read_text()
    best = run / "checkpoints" / "step-00000002" / "tensors.safetensors"
    if checkpoint == "damaged":
        best.write_bytes(b"x" * best.stat().st_size)
    if checkpoint == "missing":
        best.unlink()
    if checkpoint == "intact":
        (run / "model" / "weights.txt").unlink()
    _, _, recorder = run_fit(run, task, steps=4, validate_every_steps=1)
    assert (run / "model" / "weights.txt").read_text() == exported
    assert len(recorder.of("step")) == 0, "training was finished"
    first, *others = [message for (message,) in recorder.of("notify")]
    assert first == "Training ended at step 4 before; there is nothing left to do."
    if checkpoint == "intact":
        assert others == []
    else:
        assert len(others) == 1
        assert others[0].startswith(f"The checkpoint of the best step is lost ({best}: ")
        assert others[0].endswith("). The model folder does not change.")


def test_a_patience_of_zero_never_stops_early(run: RunFolder) -> None:
    result, _, recorder = run_fit(run, LinearTask(metric=float), steps=15, validate_every_steps=1, patience=0)
    assert (result.steps, result.best_step) == (15, 1)
    assert recorder.of("notify") == []
