"""The temperature of calibration: the one of another optimizer, and bounded where the likelihood has no maximum."""

from __future__ import annotations

import numpy as np
import pytest

from elman.models.calibration import MAX_TEMPERATURE, MIN_TEMPERATURE, Calibration, calibrate

RNG = np.random.default_rng(5)


def examples(count: int, temperature: float, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Logits (N, C), and labels (N,) that are drawn from softmax(logits / temperature)."""
    logits = 3.0 * RNG.standard_normal((count, classes))
    p = np.exp(logits / temperature)
    cumulative = np.cumsum(p / p.sum(1, keepdims=True), 1)
    return logits, (RNG.uniform(size=(count, 1)) < cumulative).argmax(1)


def loss(logits: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    """The negative log likelihood, and that of one more example for which all labels are equally correct."""
    z = logits / temperature
    log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
    return float(-log_p[np.arange(len(labels)), labels].sum() - log_p.mean())


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("count", [6, 200])
def test_the_temperature_minimizes_the_negative_log_likelihood(count: int, temperature: float) -> None:
    logits, labels = examples(count, temperature)
    grid = np.exp(np.linspace(np.log(MIN_TEMPERATURE), np.log(MAX_TEMPERATURE), 6001))  # 0.1 % apart
    losses = [loss(logits, labels, value) for value in grid]
    fitted = calibrate(logits.astype(np.float32), labels).temperature
    assert loss(logits, labels, fitted) <= min(losses) + 1e-9 * count
    assert fitted == pytest.approx(grid[np.argmin(losses)], rel=2e-3)


def test_the_temperature_of_many_examples_is_the_one_that_drew_their_labels() -> None:
    logits, labels = examples(20_000, 1.7)
    assert calibrate(logits, labels).temperature == pytest.approx(1.7, rel=0.05)
    assert calibrate(logits - 100.0 * RNG.uniform(size=(20_000, 1)), labels).temperature == pytest.approx(1.7, rel=0.05)


@pytest.mark.parametrize("count", [1, 20, 1000])
def test_correct_predictions_become_as_certain_as_their_number_allows(count: int) -> None:
    logits = np.tile([2.0, 0.0], (count, 1))
    temperature = calibrate(logits, np.zeros(count, np.int64)).temperature
    assert 1.0 / (1.0 + np.exp(-2.0 / temperature)) == pytest.approx(1.0 - 1.0 / (2 * count + 2), rel=1e-6)


def test_the_temperature_is_bounded() -> None:
    wrong = np.tile([2.0, 0.0], (50, 1)), np.ones(50, np.int64)
    assert calibrate(*wrong).temperature == pytest.approx(MAX_TEMPERATURE)
    tiny = np.tile([1e-6, 0.0], (50, 1)), np.zeros(50, np.int64)
    assert calibrate(*tiny).temperature == pytest.approx(MIN_TEMPERATURE)
    assert calibrate(np.empty((0, 3)), np.empty(0, np.int64)) == Calibration(temperature=1.0)
