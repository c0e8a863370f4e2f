"""The readout against torch's functional losses and finite differences, its masks and its largest logits."""

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from elman.cells import readout
from elman.cells.gradcheck import gradient_error

TORCH: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "softmax_cross_entropy": lambda o, t: F.cross_entropy(o.flatten(0, -2), t.flatten(), reduction="sum"),
    "sigmoid_cross_entropy": lambda o, t: F.binary_cross_entropy_with_logits(o, t, reduction="sum"),
    "half_squared_error": lambda o, t: 0.5 * F.mse_loss(o, t, reduction="sum"),
    "sigmoid_half_squared_error": lambda o, t: 0.5 * F.mse_loss(torch.sigmoid(o), t, reduction="sum"),
}
# float64 on both sides, sums of a dozen numbers of order one: roundings of 1e-16.
ROUNDING = 1e-13


class Example(NamedTuple):
    """Logits (2, 3, 4), targets and a mask of the shape that the loss takes."""

    name: str
    logits: np.ndarray
    targets: np.ndarray
    mask: np.ndarray

    @property
    def loss(self) -> readout.Loss:
        return readout.LOSSES[self.name]


@pytest.fixture(params=readout.LOSSES)
def example(request: pytest.FixtureRequest) -> Example:
    rng = np.random.default_rng(4)
    logits = rng.normal(size=(2, 3, 4))
    if request.param == "softmax_cross_entropy":
        mask = np.array([[True, False, True], [False, True, True]])
        return Example(request.param, logits, rng.integers(0, 4, size=(2, 3)), mask)
    return Example(request.param, logits, rng.random(size=(2, 3, 4)), rng.random(size=(2, 3, 4)) < 0.6)


def test_every_loss_is_compared_with_torch() -> None:
    assert readout.LOSSES.keys() == TORCH.keys()


def test_sum_and_derivative_are_those_of_torch(example: Example) -> None:
    total, count, d_logits = example.loss(example.logits, example.targets)
    logits = torch.from_numpy(example.logits).clone().requires_grad_()
    expected = TORCH[example.name](logits, torch.from_numpy(example.targets))
    expected.backward()
    assert logits.grad is not None
    assert total == pytest.approx(expected.item(), abs=ROUNDING)
    assert count == example.targets.size
    np.testing.assert_allclose(d_logits, logits.grad.numpy(), rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("masked", [False, True], ids=["all", "masked"])
def test_the_derivative_is_that_of_finite_differences(example: Example, masked: bool) -> None:
    mask = example.mask if masked else None
    _, _, d_logits = example.loss(example.logits, example.targets, mask)
    # Central differences in float64: 1e-10 of truncation, 1e-10 of rounding in a loss of order ten.
    assert (
        gradient_error(lambda: example.loss(example.logits, example.targets, mask)[0], example.logits, d_logits) < 1e-8
    )


def test_a_mask_keeps_what_it_says(example: Example) -> None:
    total, count, d_logits = example.loss(example.logits, example.targets, example.mask)
    logits, targets = example.logits[example.mask], example.targets[example.mask]
    masked_total, masked_count, masked_d_logits = example.loss(logits, targets)
    assert total == pytest.approx(masked_total, abs=ROUNDING)
    assert count == masked_count
    np.testing.assert_allclose(d_logits[example.mask], masked_d_logits, rtol=0, atol=ROUNDING)
    assert not d_logits[~example.mask].any()


def test_a_masked_target_may_be_any_class(example: Example) -> None:
    targets = example.targets.copy()
    targets[~example.mask] = 3 - targets[~example.mask]
    total, count, d_logits = example.loss(example.logits, targets, example.mask)
    expected_total, expected_count, expected_d_logits = example.loss(example.logits, example.targets, example.mask)
    assert (total, count) == (expected_total, expected_count)
    np.testing.assert_array_equal(d_logits, expected_d_logits)


def test_a_masked_logit_that_is_nan_never_reaches_the_sum(example: Example) -> None:
    logits = example.logits.copy()
    logits[~example.mask] = np.nan
    total, count, d_logits = example.loss(logits, example.targets, example.mask)
    expected_total, expected_count, expected_d_logits = example.loss(example.logits, example.targets, example.mask)
    assert (total, count) == (expected_total, expected_count)
    np.testing.assert_array_equal(d_logits, expected_d_logits)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_a_masked_logit_that_is_infinite_is_harmless_and_silent(example: Example, value: float) -> None:
    logits = example.logits.copy()
    logits[~example.mask] = value
    total, count, d_logits = example.loss(logits, example.targets, example.mask)
    expected_total, expected_count, expected_d_logits = example.loss(example.logits, example.targets, example.mask)
    assert (total, count) == (expected_total, expected_count)
    np.testing.assert_array_equal(d_logits, expected_d_logits)


@pytest.mark.parametrize("value", [-100, -1, 4])
def test_a_masked_target_may_be_no_class_at_all(example: Example, value: int) -> None:
    targets = np.where(example.mask, example.targets, value)
    total, count, d_logits = example.loss(example.logits, targets, example.mask)
    expected_total, expected_count, expected_d_logits = example.loss(example.logits, example.targets, example.mask)
    assert (total, count) == (expected_total, expected_count)
    np.testing.assert_array_equal(d_logits, expected_d_logits)


@pytest.mark.parametrize("masked", [False, True], ids=["all", "masked"])
@pytest.mark.parametrize("value", [-100, -1, 4])
def test_a_target_that_counts_and_is_no_class_is_refused(value: int, masked: bool) -> None:
    targets = np.array([[1, 2, 3], [0, value, 1]])
    mask = np.array([[True, False, True], [False, True, True]]) if masked else None
    with pytest.raises(ValueError, match=f"^targets: given class {value}; expected 0 to 3$"):
        readout.softmax_cross_entropy(np.zeros((2, 3, 4)), targets, mask)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float32])
def test_a_mask_of_ones_and_zeros_is_a_mask(example: Example, dtype: type) -> None:
    total, count, d_logits = example.loss(example.logits, example.targets, example.mask.astype(dtype))
    expected_total, expected_count, expected_d_logits = example.loss(example.logits, example.targets, example.mask)
    assert (total, count) == (expected_total, expected_count)
    np.testing.assert_array_equal(d_logits, expected_d_logits)


def test_a_mask_of_another_shape_is_refused(example: Example) -> None:
    mask = example.mask[:1]
    expected = f"mask: given shape {mask.shape}; expected {example.mask.shape}"
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        example.loss(example.logits, example.targets, mask)


def test_a_mask_that_keeps_nothing_gives_zero(example: Example) -> None:
    total, count, d_logits = example.loss(example.logits, example.targets, np.zeros_like(example.mask))
    assert (total, count) == (0.0, 0)
    np.testing.assert_array_equal(d_logits, np.zeros_like(example.logits))


@pytest.mark.parametrize(
    ("name", "targets", "expected", "d_expected"),
    [
        ("softmax_cross_entropy", [0, 1], 2000.0, [[0.0, 0.0], [1.0, -1.0]]),
        ("sigmoid_cross_entropy", [[1.0, 0.0], [0.0, 1.0]], 2000.0, [[0.0, 0.0], [1.0, -1.0]]),
        ("half_squared_error", [[1.0, 0.0], [0.0, 1.0]], 2000001.0, [[999.0, -1000.0], [1000.0, -1001.0]]),
        ("sigmoid_half_squared_error", [[1.0, 0.0], [0.0, 1.0]], 1.0, [[0.0, 0.0], [0.0, 0.0]]),
    ],
)
def test_no_logit_of_a_thousand_overflows(
    name: str, targets: list[int] | list[list[float]], expected: float, d_expected: list[list[float]]
) -> None:
    """One row is right by a thousand, the other wrong: every number is exact."""
    logits = np.array([[1000.0, -1000.0], [1000.0, -1000.0]])
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        total, _, d_logits = readout.LOSSES[name](logits, np.array(targets))
    assert total == expected
    np.testing.assert_array_equal(d_logits, d_expected)


def test_the_losses_leave_their_arguments_alone(example: Example) -> None:
    logits, targets, mask = (array.copy() for array in example[1:])
    example.loss(example.logits, example.targets, example.mask)
    np.testing.assert_array_equal(example.logits, logits)
    np.testing.assert_array_equal(example.targets, targets)
    np.testing.assert_array_equal(example.mask, mask)


def test_float32_stays_float32(example: Example) -> None:
    targets = example.targets if example.targets.dtype.kind == "i" else example.targets.astype(np.float32)
    total, _, d_logits = example.loss(example.logits.astype(np.float32), targets, example.mask)
    assert d_logits.dtype == np.float32
    # A dozen roundings of 6e-8 in numbers of order one.
    assert total == pytest.approx(example.loss(example.logits, example.targets, example.mask)[0], abs=1e-5)


def test_integer_targets_leave_float32_as_it_is(example: Example) -> None:
    targets = example.mask.astype(np.int64) if example.targets.dtype.kind == "f" else example.targets
    total, _, d_logits = example.loss(example.logits.astype(np.float32), targets)
    expected_total, _, expected_d_logits = example.loss(example.logits, targets)
    assert d_logits.dtype == np.float32
    # A dozen roundings of 6e-8 in numbers of order one.
    assert total == pytest.approx(expected_total, abs=1e-5)
    np.testing.assert_allclose(d_logits, expected_d_logits, rtol=0, atol=1e-6)


def test_log_softmax_and_softmax_are_those_of_torch() -> None:
    logits = np.random.default_rng(5).normal(size=(2, 3, 4)) * np.array([1.0, 30.0, 1000.0])[:, None]
    tensor = torch.from_numpy(logits)
    # float64 on both sides; at logits of a thousand a rounding is 1e-13.
    np.testing.assert_allclose(readout.log_softmax(logits), F.log_softmax(tensor, dim=-1).numpy(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(readout.softmax(logits), F.softmax(tensor, dim=-1).numpy(), rtol=0, atol=1e-12)


def test_softmax_sums_to_one_at_any_logits() -> None:
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        p = readout.softmax(np.array([[1000.0, -1000.0, 999.0], [-1000.0, -1000.0, -1000.0]]))
    np.testing.assert_allclose(p.sum(axis=-1), 1.0, rtol=0, atol=ROUNDING)


def test_a_class_may_be_ruled_out_by_minus_infinity() -> None:
    total, _, d_logits = readout.softmax_cross_entropy(np.array([[0.0, -np.inf, 0.0]]), np.array([2]))
    assert total == pytest.approx(np.log(2.0), abs=ROUNDING)
    np.testing.assert_allclose(d_logits, [[0.5, 0.0, -0.5]], rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no_bias"])
def test_the_linear_layer_is_that_of_torch(bias: bool) -> None:
    rng = np.random.default_rng(6)
    h, V, weights = rng.normal(size=(2, 5, 3)), rng.normal(size=(4, 3)), rng.normal(size=(2, 5, 4))
    b = rng.normal(size=4) if bias else None
    leaves = [torch.from_numpy(array).requires_grad_() for array in ((h, V) if b is None else (h, V, b))]
    expected = F.linear(*leaves)
    (expected * torch.from_numpy(weights)).sum().backward()
    np.testing.assert_allclose(readout.forward(h, V, b), expected.detach().numpy(), rtol=0, atol=ROUNDING)
    gradients = readout.backward(weights, h, V)
    assert len(gradients) == 3
    for gradient, leaf in zip(gradients[: len(leaves)], leaves, strict=True):
        assert leaf.grad is not None
        np.testing.assert_allclose(gradient, leaf.grad.numpy(), rtol=0, atol=ROUNDING)


def test_the_memory_layout_of_the_logits_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=(3, 4, 5)), rng.integers(5, size=(3, 4))
    for same in (np.asfortranarray(logits), np.repeat(logits, 2, axis=-1)[..., ::2]):
        expected, actual = (readout.softmax_cross_entropy(o, targets) for o in (logits, same))
        assert actual[0] == pytest.approx(expected[0], rel=1e-14)  # the sums have another order
        np.testing.assert_allclose(actual[2], expected[2], rtol=0.0, atol=1e-15)
