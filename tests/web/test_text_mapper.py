"""The network of hello and ohlol in the browser: every epoch is that of elman.cells, and of the lab in PyTorch."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from elman import cells
from elman.cells import LayerParameters, readout, unroll
from elman.cells.activations import Array
from elman.cells.adam import Adam

from .exchange import Engine

pytestmark = pytest.mark.web

MODULE = {"module": "kernels-float64.wasm", "precision": "float64", "arrays": {}}
TOLERANCE = 1e-9
GATES = {"elman": 1, "gru": 3, "lstm": 4}
Ids = npt.NDArray[np.int64]


class Epoch(NamedTuple):
    """The output of a network before an update."""

    losses: Array  # (T,)
    probabilities: Array  # (T, O)


class Reference:
    """The training by elman.cells, from given weights; None for V and b_o: the hidden state is the logits."""

    def __init__(self, weights: Array, characters: str, settings: dict[str, Any]) -> None:
        outputs, hidden = len(characters), settings["hidden"]
        rows = GATES[settings["cell"]] * hidden
        shapes: list[tuple[int, ...]] = [(rows, outputs), (rows, hidden), (rows,), (rows,)]
        if settings["hasLinear"]:
            shapes += [(outputs, hidden), (outputs,)]
        self.characters, self.rate = characters, settings["rate"]
        self.cell = cells.create(settings["cell"])
        self.flat = weights.copy()
        self.gradient = np.zeros_like(self.flat)
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
        assert ends[-1] == len(weights)
        self.w, self.d = (
            [part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True)]
            for flat in (self.flat, self.gradient)
        )
        self.adam = Adam(self.flat, self.rate) if settings["optimizer"] == "adam" else None

    def ids(self, text: str) -> Ids:
        return np.array([self.characters.index(character) for character in text])

    def logits(self, text: str) -> tuple[Array, Array, Any]:
        """Return the logits and the hidden states of all steps, and the tape."""
        W, U, b_ih, b_hh = self.w[:4]
        layer = LayerParameters(W, U, b_ih, b_hh)
        h, _, tape = unroll.forward(self.cell, [[layer]], np.eye(len(self.characters))[self.ids(text)][None])
        return (readout.forward(h[0], *self.w[4:]) if self.w[4:] else h[0]), h[0], tape

    def evaluate(self, source: str, target: str) -> Epoch:
        log_p = readout.log_softmax(self.logits(source)[0])
        return Epoch(-log_p[np.arange(len(source)), self.ids(target)], np.exp(log_p))

    def update(self, source: str, target: str) -> None:
        o, h, tape = self.logits(source)
        d_h = readout.softmax_cross_entropy(o, self.ids(target))[2]
        if self.w[4:]:
            d_h, self.d[4][...], self.d[5][...] = readout.backward(d_h, h, self.w[4])
        d_layer = unroll.backward(tape, d_h[None]).params[0][0]
        for array, gradient in zip(self.d, (d_layer.W, d_layer.U, d_layer.b_ih, d_layer.b_hh), strict=False):
            assert gradient is not None
            array[...] = gradient
        if self.adam:
            self.adam.update(self.gradient)
        else:
            self.flat -= self.rate * self.gradient

    def output(self, probabilities: Array) -> str:
        return "".join(self.characters[k] for k in probabilities.argmax(axis=1))


def settings_of(**changes: Any) -> dict[str, Any]:
    """Return the settings of the lab ohlol-cell, with changes."""
    lab = {"cell": "elman", "hasLinear": False, "hidden": 4, "optimizer": "adam", "rate": 0.1, "seed": 0}
    return {**lab, **changes}


def train(
    engine: Engine, settings: dict[str, Any], *, source: str = "hello", target: str = "ohlol", epochs: int = 15
) -> dict[str, Any]:
    values = {"source": source, "target": target, "other": source[::-1], "epochs": epochs, "settings": settings}
    return engine.answer({**MODULE, "kind": "textMapper", "values": values})


@pytest.mark.parametrize("cell", ["elman", "gru", "lstm"])
@pytest.mark.parametrize(
    ("texts", "changes"),
    [
        (("hello", "ohlol"), {}),
        (("hello", "ohlol"), {"hasLinear": True, "hidden": 7, "seed": 3}),
        (("红豆生南国", "国南生豆红"), {"hidden": 5, "optimizer": "sgd", "rate": 0.3}),
        (("a😀b a", "bb 😀a"), {"hasLinear": True, "hidden": 2, "optimizer": "sgd", "rate": 1.0}),
        (("a", "a"), {"hidden": 1}),
    ],
)
def test_every_epoch_is_that_of_elman_cells(
    engine: Engine, cell: str, texts: tuple[str, str], changes: dict[str, Any]
) -> None:
    source, target = texts
    settings = settings_of(cell=cell, **changes)
    result = train(engine, settings, source=source, target=target)
    assert result["characters"] == sorted({*source, *target})
    expected = Reference(result["initial"], "".join(result["characters"]), settings)
    for loss, output in zip(result["losses"], result["outputs"], strict=True):
        epoch = expected.evaluate(source, target)
        assert loss == pytest.approx(epoch.losses.sum(), rel=TOLERANCE)
        assert output == epoch.probabilities.argmax(axis=1).tolist()
        last = expected.flat.copy()
        expected.update(source, target)
    np.testing.assert_allclose(result["final"], last, TOLERANCE, TOLERANCE)
    np.testing.assert_allclose(result["probabilities"], epoch.probabilities.ravel(), TOLERANCE, TOLERANCE)
    np.testing.assert_allclose(result["stepLosses"], epoch.losses, TOLERANCE, TOLERANCE)
    expected.flat[...] = last
    other = expected.evaluate(source[::-1], target)
    np.testing.assert_allclose(result["otherProbabilities"], other.probabilities.ravel(), TOLERANCE, TOLERANCE)
    assert result["other"] == other.probabilities.argmax(axis=1).tolist()


@pytest.mark.parametrize("has_linear", [False, True])
@pytest.mark.parametrize("seed", [0, 5])
def test_a_training_is_that_of_the_lab(engine: Engine, seed: int, has_linear: bool) -> None:
    pytest.importorskip("torch")
    from elman.labs import ohlol_cell

    result = train(engine, settings_of(seed=seed, hasLinear=has_linear))
    losses, outputs = ohlol_cell.train(seed, 15, head=has_linear)
    np.testing.assert_allclose(result["losses"], losses, 1e-4)  # the lab computes in single precision
    assert ["".join("ehlo"[k] for k in ids) for ids in result["outputs"]] == outputs


@pytest.mark.parametrize(("cell", "name"), [("elman", "RNNCell"), ("gru", "GRUCell"), ("lstm", "LSTMCell")])
def test_initial_weights_are_those_of_pytorch(engine: Engine, cell: str, name: str) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(11)
    modules = [getattr(torch.nn, name)(4, 6), torch.nn.Linear(6, 4)]
    expected = torch.cat([p.detach().ravel() for module in modules for p in module.parameters()])
    result = train(engine, settings_of(cell=cell, hasLinear=True, hidden=6, seed=11), epochs=0)["initial"]
    np.testing.assert_allclose(result, expected.numpy(), 1e-6, 1e-7)


def test_the_least_loss_is_that_of_the_lab(engine: Engine) -> None:
    pytest.importorskip("torch")
    from elman.labs import ohlol_cell

    result = train(engine, settings_of(), epochs=400)
    assert result["least"] == pytest.approx(ohlol_cell.compute_floor(), rel=1e-12)
    assert result["losses"][-1] > result["least"]


def test_a_network_gives_its_memory_back(engine: Engine) -> None:
    settings = settings_of(cell="lstm", hasLinear=True, hidden=40)
    memory = [train(engine, settings, epochs=1)["memory"] for _ in range(60)]
    assert memory[-1] == memory[10]
