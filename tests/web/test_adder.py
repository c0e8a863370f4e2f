"""The adder in the browser: the random numbers, sums and weights of the lab, and what is measured of the network."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from elman import cells
from elman.cells import readout, unroll
from elman.cells.activations import Array, sigmoid
from elman.labs import adder, digits
from elman.metrics import auc

from .exchange import Engine

pytestmark = pytest.mark.web

MODULE = {"module": "kernels-float64.wasm", "precision": "float64", "arrays": {}}
TOLERANCE = 1e-9  # the sums of the kernels have another order than those of NumPy


class Weights(NamedTuple):
    """The weights of an adder."""

    W: Array
    U: Array
    V: Array


class Reference:
    """The training of the lab, for any seed and sizes."""

    def __init__(self, seed: int, hidden: int, rate: float, batch: int) -> None:
        self.source, self.rate, self.batch = np.random.RandomState(seed), rate, batch
        W = (2.0 * self.source.random_sample((2, hidden)) - 1.0).T.copy()
        V = (2.0 * self.source.random_sample((hidden, 1)) - 1.0).T.copy()
        self.weights = Weights(W, (2.0 * self.source.random_sample((hidden, hidden)) - 1.0).T.copy(), V)
        self.initial = Weights(*(array.copy() for array in self.weights))
        self.losses: list[float] = []
        self.errors: list[float] = []

    def update(self) -> None:
        """Make one update by the mean gradient of some sums, and keep its loss and the error of the first sum."""
        W, U, V = self.weights
        gradients, losses, errors = [], [], []
        for a, b in [(self.source.randint(128), self.source.randint(128)) for _ in range(self.batch)]:
            x, target = adder.digits(a, b), adder.digits(a + b)
            h, y = adder.forward(W, U, V, x)
            gradients.append(adder.backward(U, V, x, h, y, y - target))
            losses.append(0.5 * float(((y - target) ** 2).sum()))
            errors.append(float(np.abs(y - target).sum()))
        for array, by_sum in zip((W, U, V), zip(*gradients, strict=True), strict=True):
            array -= self.rate * np.mean(by_sum, axis=0)
        self.losses.append(float(np.mean(losses)))
        self.errors.append(errors[0])


def run(weights: Weights, x: Array) -> tuple[Array, Array]:
    """Return the outputs (B, T) and the hidden states (B, T, H), by elman.cells."""
    h, _ = unroll.run(adder.CELL, [[cells.LayerParameters(weights.W, weights.U)]], x)
    return sigmoid(readout.forward(h, weights.V))[..., 0], h


def all_sums() -> Array:
    """Return the digits (16384, 8, 2) of all pairs of numbers below 128."""
    return adder.digits(*np.divmod(np.arange(128**2), 128))


def longest_runs(carry: npt.NDArray[Any]) -> list[int]:
    """Return how many carries follow each other, at most, for each row."""
    return [max(map(len, "".join(map(str, row)).split("0"))) for row in carry.astype(int).tolist()]


def train(engine: Engine, updates: int, *, a: int = 3, b: int = 5, length: int = 8, **settings: Any) -> dict[str, Any]:
    values = {"settings": settings, "updates": updates, "sum": {"a": str(a), "b": str(b), "digits": length}}
    answer = engine.answer({**MODULE, "kind": "adder", "values": values})
    for name in ("initial", "final"):
        arrays, hidden = answer[name], settings["hidden"]
        answer[name] = Weights(arrays["W"].reshape(hidden, 2), arrays["U"].reshape(hidden, -1), arrays["V"][None])
    return answer


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_random_numbers_are_those_of_numpy_and_torch(engine: Engine, seed: int) -> None:
    torch = pytest.importorskip("torch")
    limits = [1, 2, 128, 100, 3]
    values = {"seed": seed, "limits": limits, "count": 700}  # more than the 624 words of a state
    result = engine.answer({**MODULE, "kind": "mersenneTwister", "values": values})
    source = np.random.RandomState(seed)
    assert result["random"] == source.random_sample(700).tolist()
    assert result["integers"] == [[int(source.randint(limit)) for _ in range(700)] for limit in limits]
    torch.manual_seed(seed)
    assert result["torch"] == torch.empty(700).uniform_(-0.3, 0.5).tolist()


@pytest.mark.parametrize(
    ("seed", "hidden", "rate", "batch", "updates"), [(0, 16, 0.1, 1, 700), (7, 5, 0.6, 1, 150), (3, 9, 1.5, 4, 60)]
)
def test_the_same_seed_gives_the_weights_of_the_lab(
    engine: Engine, seed: int, hidden: int, rate: float, batch: int, updates: int
) -> None:
    expected = Reference(seed, hidden, rate, batch)
    for _ in range(updates):
        expected.update()
    result = train(engine, updates, seed=seed, hidden=hidden, rate=rate, batch=batch)
    for name in ("initial", "final"):
        weights = expected.initial if name == "initial" else expected.weights
        for array, other in zip(result[name], weights, strict=True):
            np.testing.assert_allclose(array, other, TOLERANCE, TOLERANCE, err_msg=name)
    np.testing.assert_allclose(result["losses"], expected.losses, TOLERANCE)
    np.testing.assert_allclose(result["errors"], expected.errors, TOLERANCE)
    every = result["every"]
    assert every == (2 if updates == 700 else 1)
    np.testing.assert_allclose(result["curve"], np.mean(np.reshape(result["losses"], (-1, every)), axis=1), TOLERANCE)
    printed = result["printed"][0]["example"]
    assert (printed["loss"], printed["error"]) == (result["losses"][0], result["errors"][0])


@pytest.mark.parametrize("updates", [0, 1501])
def test_what_is_measured_is_what_python_measures(engine: Engine, updates: int) -> None:
    result = train(engine, updates, seed=1, hidden=12, rate=1.0, batch=3)
    weights = result["final"]
    x = all_sums()
    outputs, h = run(weights, x)
    exact = ((outputs > 0.5) == digits.add(x)).all(axis=1)
    carry = digits.carries(x)
    evaluation = result["evaluation"]
    assert (evaluation["exact"], evaluation["total"]) == (exact.sum(), 128**2)
    assert result["shares"][0] == pytest.approx(train(engine, 0, seed=1, hidden=12, rate=1.0, batch=3)["shares"][0])
    assert len(result["shares"]) == 1 + updates // 500
    runs = np.array(longest_runs(carry))
    assert evaluation["byLongestCarry"] == [
        {"exact": exact[runs == run].sum(), "total": (runs == run).sum()} for run in range(8)
    ]
    is_carry, units = carry.ravel(), h.reshape(-1, h.shape[-1])
    correlations = np.array([np.corrcoef(unit, is_carry)[0, 1] for unit in units.T])
    order = np.argsort(-np.abs(correlations))
    assert evaluation["order"] == order.tolist()
    for unit, place in zip(evaluation["units"], order, strict=False):
        values = units[:, place]
        assert unit["unit"] == place
        assert unit["correlation"] == pytest.approx(correlations[place], abs=TOLERANCE)
        assert unit["area"] == pytest.approx(auc(values, is_carry), abs=1e-6), "rounding decides about ties"
        assert unit["withCarry"] == pytest.approx(values[is_carry].mean(), abs=TOLERANCE)
        assert unit["withoutCarry"] == pytest.approx(values[~is_carry].mean(), abs=TOLERANCE)
    source = np.random.RandomState(0)
    for sums in result["longSums"]:
        length = sums["digits"]
        random = np.zeros((500, length, 2))
        random[:, :-1] = source.randint(2, size=(500, length - 1, 2))
        assert sums["exact"] == ((run(weights, random)[0] > 0.5) == digits.add(random)).all(axis=1).sum()
        longest = np.zeros((1, length, 2))
        longest[0, :-1, 0] = longest[0, 0, 1] = 1.0
        assert sums["isLongestExact"] == bool(((run(weights, longest)[0] > 0.5) == digits.add(longest)).all())
    assert [sums["digits"] for sums in result["longSums"]] == [16, 32, 64, 256]


@pytest.mark.parametrize(("a", "b", "length"), [(9, 60, 8), (127, 127, 8), (2**31 - 1, 1, 32), (0, 0, 16)])
def test_a_sum_of_the_reader(engine: Engine, a: int, b: int, length: int) -> None:
    result = train(engine, 40, a=a, b=b, length=length, seed=4, hidden=6, rate=0.5, batch=2)
    x = np.array([[(a >> t & 1, b >> t & 1) for t in range(length)]], float)
    outputs, h = run(result["final"], x)
    np.testing.assert_allclose(result["outputs"], outputs[0], TOLERANCE)
    np.testing.assert_allclose(result["h"].reshape(length, 6), h[0], TOLERANCE)
    assert sum(int(digit) << t for t, digit in enumerate(result["target"])) == a + b
    carried = [((a & (2 << t) - 1) + (b & (2 << t) - 1)) >> t + 1 for t in range(length)]
    assert result["carry"].tolist() == carried


def test_an_adder_gives_its_memory_back(engine: Engine) -> None:
    memory = [train(engine, 1, seed=4, hidden=6, rate=0.5, batch=2)["memory"] for _ in range(60)]
    assert memory[-1] == memory[10]


def test_a_unit_without_variance_has_no_correlation(engine: Engine) -> None:
    result = train(engine, 60, seed=0, hidden=3, rate=1e6, batch=1)
    assert all(math.isfinite(unit["correlation"]) for unit in result["evaluation"]["units"])
