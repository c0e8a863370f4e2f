"""Dropout: how much goes, what stays, and who shares a mask."""

import math

import pytest
import torch
from torch import Tensor

from elman.nn import dropout

RATES = [0.1, 0.5, 0.9]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_input(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=seeded(9)) + 0.5  # no zeros


@pytest.mark.parametrize("shared", [False, True], ids=["standard", "variational"])
@pytest.mark.parametrize("rate", RATES)
def test_what_is_kept_is_scaled_and_the_rest_is_zero(rate: float, shared: bool) -> None:
    x = random_input(6, 8, 16)
    y = dropout(x, rate, seeded(), shared_over_time=shared)
    unchanged = y != 0
    assert unchanged.any()
    assert not unchanged.all()
    # one float32 division: a rounding of 6e-8
    torch.testing.assert_close(y[unchanged], x[unchanged] / (1 - rate), rtol=1e-6, atol=0)


@pytest.mark.parametrize("rate", RATES)
def test_the_share_that_is_dropped_is_the_rate_and_the_mean_stays(rate: float) -> None:
    n = 200_000
    y = dropout(torch.ones(20, 100, 100), rate, seeded())
    # four standard deviations of a share among n; the seed is fixed
    four_sigma = 4 * math.sqrt(rate * (1 - rate) / n)
    assert float((y == 0).double().mean()) == pytest.approx(rate, abs=four_sigma)
    assert float(y.double().mean()) == pytest.approx(1.0, abs=four_sigma / (1 - rate))


def test_a_shared_mask_is_the_same_at_every_step_and_another_in_every_row() -> None:
    y = dropout(torch.ones(7, 50, 40), 0.5, seeded(), shared_over_time=True)
    assert all(torch.equal(step, y[0]) for step in y)
    assert len({tuple(row) for row in y[0].tolist()}) == 50
    assert len({tuple(unit) for unit in y[0].T.tolist()}) == 40


def test_a_standard_mask_is_another_at_every_step() -> None:
    y = dropout(torch.ones(7, 50, 40), 0.5, seeded())
    assert len({tuple(step.flatten().tolist()) for step in y}) == 7


@pytest.mark.parametrize("shared", [False, True], ids=["standard", "variational"])
def test_the_generator_alone_decides(shared: bool) -> None:
    x, generator = random_input(5, 4, 3), seeded(1)
    first, second = (dropout(x, 0.5, generator, shared_over_time=shared) for _ in range(2))
    torch.manual_seed(123)
    again = dropout(x, 0.5, seeded(1), shared_over_time=shared)
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


def test_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    dropout(random_input(5, 4, 3), 0.5, seeded())
    assert torch.equal(torch.get_rng_state(), before)


def test_a_rate_of_zero_returns_the_input_and_draws_nothing() -> None:
    x, generator = random_input(5, 4, 3), seeded()
    before = generator.get_state()
    assert dropout(x, 0.0, generator) is x
    assert torch.equal(generator.get_state(), before)


def test_the_gradient_goes_through_what_is_kept_alone() -> None:
    x = random_input(5, 4, 3).requires_grad_()
    y = dropout(x, 0.25, seeded())
    y.sum().backward()
    torch.testing.assert_close(x.grad, (y != 0) / 0.75, rtol=1e-6, atol=0)  # one float32 division
