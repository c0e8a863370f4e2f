"""The moving average of the weights: what it is, what ships of it, and that it is resumed."""

from pathlib import Path

import pytest
import torch

from elman.training.averaging import Average
from elman.training.loop import fit
from elman.training.session import Session

from .fakes import LinearTask, Recorder, Weights, config, new_model, new_run


def weights_of(model: torch.nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in model.parameters()]


def test_at_first_it_is_the_mean_of_all_updates_and_then_it_forgets() -> None:
    model, seen = new_model(), []
    average, expected = Average(model, steps=3), model.weight.detach()
    for step in range(1, 8):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(step)))
        average.update(model, step)
        seen.append(model.weight.detach().clone())
        expected = torch.stack(seen).mean(0) if step <= 3 else expected + (seen[-1] - expected) / 3
        torch.testing.assert_close(average.weights["weight"], expected)


def test_the_model_has_it_for_a_while_and_then_its_own_weights_again() -> None:
    model = new_model()
    average = Average(model, steps=5)
    with torch.no_grad():
        model.weight.add_(1.0)
    before = weights_of(model)

    def looks() -> None:
        with average.in_place(model):
            assert torch.equal(model.weight, average.weights["weight"])
            raise InterruptedError

    with pytest.raises(InterruptedError):
        looks()
    assert all(torch.equal(a, b) for a, b in zip(weights_of(model), before, strict=True))


def test_what_is_validated_and_shipped_is_the_average_and_training_is_as_without(tmp_path: Path) -> None:
    shipped, trained = {}, {}
    for steps in (0, 4):
        run, model = new_run(tmp_path / f"run{steps}"), new_model()
        fit(LinearTask(), model, config(average_steps=steps), run, Recorder(), seed=0)
        run.unlock()
        shipped[steps], trained[steps] = (run / "model" / "weights.txt").read_text(), Weights(model).text
    assert trained[0] == trained[4]
    assert shipped[0] != shipped[4]
    model = new_model()
    session = Session.new(LinearTask(), model, config(average_steps=4), run, 0)
    session.restore(*run.load_checkpoint(run.pointer("best") or ""))
    with session.shipped():
        assert Weights(model).text == shipped[4]
    assert Weights(model).text != shipped[4]


def test_a_run_that_was_stopped_goes_on_with_its_average(tmp_path: Path) -> None:
    given = config(average_steps=5, checkpoint_every_steps=1)
    whole, cut = new_run(tmp_path / "whole"), new_run(tmp_path / "cut")
    fit(LinearTask(), new_model(), given, whole, Recorder(), seed=0)

    def killed(number: int, loss: torch.Tensor) -> torch.Tensor:
        if number == 5:
            raise InterruptedError
        return loss

    task = LinearTask(at_batch=killed)
    with pytest.raises(InterruptedError):
        fit(task, new_model(), given, cut, Recorder(), seed=0)
    fit(LinearTask(), new_model(), given, cut, Recorder(), seed=0)
    for run in (whole, cut):
        run.unlock()
    names = [(run / "model" / "weights.txt").read_bytes() for run in (whole, cut)]
    assert names[0] == names[1]
    last = [run.load_checkpoint(run.pointer("last") or "")[0] for run in (whole, cut)]
    assert {name: tensor.tobytes() for name, tensor in last[0].items()} == {
        name: tensor.tobytes() for name, tensor in last[1].items()
    }
