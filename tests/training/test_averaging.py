"""The moving average of the weights: its values, its export, and its state in checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from elman.training.averaging import WeightAverage
from elman.training.loop import fit
from elman.training.session import Session

from .fakes import LinearTask, Recorder, Weights, config, new_model, new_run


def weights_of(model: torch.nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in model.parameters()]


def test_the_average_is_the_mean_of_the_first_updates_and_then_forgets() -> None:
    model = new_model()
    history: list[torch.Tensor] = []
    average, expected = WeightAverage(model, steps=3), model.weight.detach()
    for step in range(1, 8):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(step)))
        average.update(model, step)
        history.append(model.weight.detach().clone())
        expected = torch.stack(history).mean(0) if step <= 3 else expected + (history[-1] - expected) / 3
        torch.testing.assert_close(average.weights["weight"], expected)


def test_the_model_has_the_average_inside_the_block_and_its_own_weights_afterwards() -> None:
    model = new_model()
    average = WeightAverage(model, steps=5)
    with torch.no_grad():
        model.weight.add_(1.0)
    before = weights_of(model)

    def fail_inside() -> None:
        with average.applied_to(model):
            assert torch.equal(model.weight, average.weights["weight"])
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fail_inside()
    assert all(torch.equal(a, b) for a, b in zip(weights_of(model), before, strict=True))


def test_the_average_is_validated_and_exported_and_does_not_change_training(tmp_path: Path) -> None:
    exported: dict[int, str] = {}
    trained: dict[int, str] = {}
    for steps in (0, 4):
        run, model = new_run(tmp_path / f"run{steps}"), new_model()
        fit(LinearTask(), model, config(average_steps=steps), run, Recorder(), seed=0)
        run.unlock()
        exported[steps], trained[steps] = (run / "model" / "weights.txt").read_text(), Weights(model).text
    assert trained[0] == trained[4]
    assert exported[0] != exported[4]
    model = new_model()
    session = Session.new(LinearTask(), model, config(average_steps=4), run, 0)
    session.restore(*run.load_checkpoint(run.read_pointer("best") or ""))
    with session.with_exported_weights():
        assert Weights(model).text == exported[4]
    assert Weights(model).text != exported[4]


def test_a_resumed_run_continues_with_its_average(tmp_path: Path) -> None:
    settings = config(average_steps=5, checkpoint_every_steps=1)
    whole, interrupted = new_run(tmp_path / "whole"), new_run(tmp_path / "interrupted")
    fit(LinearTask(), new_model(), settings, whole, Recorder(), seed=0)

    def fail_at_5(number: int, loss: torch.Tensor) -> torch.Tensor:
        if number == 5:
            raise InterruptedError
        return loss

    task = LinearTask(at_batch=fail_at_5)
    with pytest.raises(InterruptedError):
        fit(task, new_model(), settings, interrupted, Recorder(), seed=0)
    fit(LinearTask(), new_model(), settings, interrupted, Recorder(), seed=0)
    for run in (whole, interrupted):
        run.unlock()
    exports = [(run / "model" / "weights.txt").read_bytes() for run in (whole, interrupted)]
    assert exports[0] == exports[1]
    last = [run.load_checkpoint(run.read_pointer("last") or "")[0] for run in (whole, interrupted)]
    assert {name: tensor.tobytes() for name, tensor in last[0].items()} == {
        name: tensor.tobytes() for name, tensor in last[1].items()
    }
