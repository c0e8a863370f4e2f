"""Optimizers: the same steps as torch, no decay of biases, and state that survives a checkpoint bit for bit."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from elman.checkpoint.serialization import parse_tensors, tensor_bytes
from elman.training.optimizers import OPTIMIZERS, build_optimizer, load_optimizer_tensors, optimizer_tensors
from elman.training.torch_internals import update_parameters, without_compiler

from .fakes import config, new_model

KINDS: dict[str, dict[str, Any]] = {
    "adamw": {"optimizer": "adamw", "weight_decay": 0.1},
    "adam": {"optimizer": "adam"},
    "sgd": {"optimizer": "sgd"},
    "sgd with momentum": {"optimizer": "sgd", "momentum": 0.9},
    "rmsprop": {"optimizer": "rmsprop"},
    "rmsprop with momentum": {"optimizer": "rmsprop", "momentum": 0.5},
}
ORACLES: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.05, betas=(0.9, 0.99), weight_decay=0.0),
    "adam": lambda p: torch.optim.Adam(p, lr=0.05, betas=(0.9, 0.99)),
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05),
    "sgd with momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.05),
    "rmsprop with momentum": lambda p: torch.optim.RMSprop(p, lr=0.05, momentum=0.5),
}


def step(model: nn.Module, optimizer: torch.optim.Optimizer, number: int) -> None:
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(number))
    optimizer.zero_grad()
    model(x).square().sum().backward()
    optimizer.step()


def update(model: nn.Module, optimizer: torch.optim.Optimizer, number: int) -> None:
    """The same step as in training."""
    for parameter in model.parameters():
        parameter.grad = None
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(number))
    model(x).square().sum().backward()
    update_parameters(optimizer)


def weights(model: nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in model.parameters()]


def test_every_optimizer_of_the_config_is_tested() -> None:
    assert {settings["optimizer"] for settings in KINDS.values()} == set(OPTIMIZERS)


@pytest.mark.parametrize("kind", KINDS)
def test_steps_equal_those_of_torch(kind: str) -> None:
    model, reference = new_model(), new_model()
    optimizer, oracle = (
        build_optimizer(model, config(**{**KINDS[kind], "weight_decay": 0.0})),
        ORACLES[kind](reference.parameters()),
    )
    for number in range(4):
        update(model, optimizer, number)
        step(reference, oracle, number)
    for a, b, start in zip(weights(model), weights(reference), weights(new_model()), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)  # fused kernels round differently
        assert not torch.equal(a, start)


@pytest.mark.parametrize("kind", KINDS)
def test_after_a_round_trip_through_bytes_the_next_steps_are_bit_identical(kind: str) -> None:
    original = new_model()
    optimizer = build_optimizer(original, config(**KINDS[kind]))
    for number in range(3):
        step(original, optimizer, number)
    content = tensor_bytes({name: t.numpy() for name, t in optimizer_tensors(optimizer).items()})
    resumed = new_model()
    resumed.load_state_dict(original.state_dict())
    resumed_optimizer = build_optimizer(resumed, config(**KINDS[kind]))
    loaded = parse_tensors(content, Path(__file__))
    load_optimizer_tensors(resumed_optimizer, {name: torch.from_numpy(array.copy()) for name, array in loaded.items()})
    for number in range(3, 6):
        step(original, optimizer, number)
        step(resumed, resumed_optimizer, number)
    for a, b in zip(weights(original), weights(resumed), strict=True):
        assert torch.equal(a, b)
    assert content != tensor_bytes({n: t.numpy() for n, t in optimizer_tensors(optimizer).items()}) or kind == "sgd"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "sgd"])
def test_a_new_optimizer_takes_another_step(kind: str) -> None:
    """The test of the round trip can fail: without the state, the next step differs."""
    original = new_model()
    optimizer = build_optimizer(original, config(**KINDS[kind]))
    for number in range(3):
        step(original, optimizer, number)
    restarted = new_model()
    restarted.load_state_dict(original.state_dict())
    step(restarted, build_optimizer(restarted, config(**KINDS[kind])), 3)
    step(original, optimizer, 3)
    assert not torch.equal(weights(original)[0], weights(restarted)[0])


@pytest.mark.parametrize("kind", KINDS)
def test_the_state_keeps_its_shapes(kind: str) -> None:
    model = new_model()
    optimizer = build_optimizer(model, config(**KINDS[kind]))
    step(model, optimizer, 0)
    before = optimizer_tensors(optimizer)
    load_optimizer_tensors(optimizer, before)
    after = optimizer_tensors(optimizer)
    assert {name: t.shape for name, t in after.items()} == {name: t.shape for name, t in before.items()}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weights_decay_and_biases_do_not(name: str) -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.LSTM(2, 2))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1.0)
    optimizer = build_optimizer(model, config(optimizer=name, weight_decay=0.5))
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for key, parameter in model.named_parameters():
        decayed = bool((parameter < 1.0).all())
        assert decayed == ("weight" in key), key
        assert decayed or bool((parameter == 1.0).all()), key


def test_every_parameter_is_in_exactly_one_group() -> None:
    model = nn.Sequential(nn.Embedding(5, 3), nn.GRU(3, 2))
    groups = build_optimizer(model, config()).param_groups
    assert sorted(id(p) for group in groups for p in group["params"]) == sorted(id(p) for p in model.parameters())


@pytest.mark.integration
def test_torchs_compiler_is_not_imported_and_changes_no_bit() -> None:
    program = """
import sys
from tests.training.test_optimizers import KINDS, config, new_model, update, weights
from elman.training.optimizers import build_optimizer, load_optimizer_tensors, optimizer_tensors
from elman.training.torch_internals import without_compiler

def train(kind):
    model = new_model()
    optimizer = build_optimizer(model, config(**KINDS[kind]))
    for number in range(3):
        update(model, optimizer, number)
    load_optimizer_tensors(optimizer, optimizer_tensors(optimizer))
    update(model, optimizer, 3)
    return weights(model)

before = {kind: train(kind) for kind in KINDS}
assert "torch._dynamo" not in sys.modules, "takes seconds to import"
import torch._dynamo
for kind in KINDS:
    assert all(map(torch.equal, before[kind], train(kind))), kind
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert done.returncode == 0, done.stderr


def test_trainings_in_several_threads_may_create_optimizers_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch._dynamo", raising=False)
    with without_compiler(), without_compiler():
        torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)


def test_tied_weights_are_updated_once() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    first, second = model
    second.weight = first.weight
    groups = build_optimizer(model, config()).param_groups
    assert sum(len(group["params"]) for group in groups) == 3
