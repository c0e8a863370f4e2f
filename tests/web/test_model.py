"""The character model in the browser: NumPy's random numbers, the bits of the native kernels, elman's model folders."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

import elman
from elman import kernels
from elman.cells import create
from elman.cells.activations import Array
from elman.cells.adam import Adam
from elman.cells.cell import LayerParameters
from elman.errors import ModelError
from elman.text import Vocabulary

from .exchange import Engine
from .sums import linear, linear_gradients

Ids = npt.NDArray[np.int64]

pytestmark = pytest.mark.web

TEXT = "the quick brown fox jumps over the lazy dog;\nthe five boxing wizards jump quickly.\n" * 50
MANY = "".join(chr(0x4E00 + i) for i in range(1100)) * 2  # so many different characters that there is no table
OPTIONS: dict[str, Any] = {"cell": "lstm", "embeddingSize": 12, "hiddenSize": 20, "numLayers": 2, "seed": 5}
UPDATES = 10
GATES = {"elman": 1, "gru": 3, "lstm": 4}
RATES = {"elman": 1.2e-3, "gru": 5e-3, "lstm": 6.5e-3}


def answer(engine: Engine, kind: str, **values: Any) -> dict[str, Any]:
    """Return the answer to a request without arrays."""
    request = {"kind": kind, "module": "kernels-float32.wasm", "precision": "float32", "values": values, "arrays": {}}
    return engine.answer(request)


def test_random_numbers_are_those_of_numpy(engine: Engine) -> None:
    seeds = [0, 1, 7, 2**31, 2**32, 2**53 - 1]
    given = answer(engine, "random", seeds=seeds, count=20)["numbers"]
    assert given == [np.random.default_rng(seed).random(20).tolist() for seed in seeds]


@pytest.mark.parametrize("text", ["banana\n", "你好，世界。你好！\n", "a😀b😀 é"])
def test_the_vocabulary_is_that_of_python(engine: Engine, text: str) -> None:
    expected = Vocabulary.from_tokens(text)
    given = answer(engine, "vocabulary", text=text, prompt="a世zz")
    assert given["tokens"] == list(expected.tokens)
    assert given["prompt"] == expected.encode("a世zz").tolist()
    assert given["unknown"] == [c for c in dict.fromkeys("a世zz") if c not in expected]


def test_an_empty_prompt_is_a_line_end(engine: Engine) -> None:
    given = answer(engine, "vocabulary", text="abca\n", prompt="")
    assert given["prompt"] == [given["tokens"].index("\n")]


LAYER = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


class _Layer(NamedTuple):
    W: Array
    U: Array
    b_ih: Array
    b_hh: Array


class Reference:
    """The same training by the native kernels and NumPy."""

    def __init__(self, cell: str, weights: dict[str, Array], shape: dict[str, int], ids: Ids, seed: int) -> None:
        self.cell = create(cell)
        self.names = list(weights)
        self.flat = np.concatenate([w.ravel() for w in weights.values()])
        self.adam = Adam(self.flat)
        self.w = self._views(weights, self.flat)
        self.gradient = np.zeros_like(self.flat)
        self.d = self._views(weights, self.gradient)
        self.T, self.B, self.ids = shape["T"], shape["B"], ids
        self.rng = np.random.default_rng(seed + 1)
        self.position, self.length = 0, (len(ids) - self.T) // self.B
        self.has_table = len(weights["embedding.weight"]) <= 0.5 * self.T * self.B
        self.state: Any = None

    def _views(self, weights: dict[str, Array], flat: Array) -> dict[str, Array]:
        ends = np.cumsum([w.size for w in weights.values()])
        parts = np.split(flat, ends[:-1])
        return {name: part.reshape(weights[name].shape) for name, part in zip(weights, parts, strict=True)}

    def layers(self, of: dict[str, Array]) -> list[_Layer]:
        indices = sorted({name.split(".")[1] for name in self.names if name.startswith("layers.")})
        return [_Layer(*(of[f"layers.{i}.{name}"] for name in LAYER)) for i in indices]

    def segment(self) -> tuple[Ids, Ids]:
        """Return ids and targets (B, T)."""
        if self.position == 0:
            self.start, self.state = int(self.rng.random() * self.T), None
        starts = self.start + self.position + self.length * np.arange(self.B)
        entries = starts[:, None] + np.arange(self.T)
        self.position += self.T
        if self.position + self.T > self.length:
            self.position = 0
        return self.ids[entries], self.ids[entries + 1]

    def step(self, rate: float) -> tuple[float, float]:
        """Make one update, and return the loss and the norm."""
        w, d = self.w, self.d
        ids, targets = self.segment()
        inputs: Any
        embedding, (bottom, *above) = w["embedding.weight"], self.layers(w)
        if self.has_table:
            table = linear(embedding, bottom.W, bottom.b_ih)
            arrays, inputs = {"W": table, "U": bottom.U, "b_hh": bottom.b_hh}, ids
        else:
            arrays, inputs = bottom._asdict(), embedding[ids]
        layers = [arrays, *(layer._asdict() for layer in above)]
        params = [[LayerParameters.from_arrays(layer, layer["U"].shape[1])] for layer in layers]
        stack = kernels.Stack(self.cell, params, table=self.has_table, threads=1)
        outputs, self.state, tape = stack.forward(inputs, self.state, threads=1)
        rows = outputs.swapaxes(0, 1).reshape(-1, outputs.shape[-1])  # time first, as in the browser
        d_rows, V, b = np.empty_like(rows), w["readout.weight"], w["readout.bias"]
        flat_targets = np.ascontiguousarray(targets.T).ravel()
        gradients = {"d_x": d_rows, "d_V": d["readout.weight"], "d_b": d["readout.bias"]}
        losses = kernels.cross_entropy(np.ascontiguousarray(rows), V, b, flat_targets, **gradients, threads=1)
        d_outputs = d_rows.reshape(self.T, self.B, -1).swapaxes(0, 1)
        result = kernels.backward(tape, d_outputs, threads=1)
        for index, ((given,), target) in enumerate(zip(result.params, self.layers(d), strict=True)):
            target.U[:], target.b_hh[:] = given.U, given.b_hh
            if index or not self.has_table:
                target.W[:], target.b_ih[:] = given.W, given.b_ih
        self._input_gradients(ids, result)
        factor = 1 / losses.size
        norm = factor * float(np.sqrt(np.cumsum(self.gradient.astype(np.float64) ** 2)[-1]))
        self.gradient *= np.float32(factor / norm if norm > 1 else factor)
        self.adam.rate = rate
        self.adam.update(self.gradient)
        return float(np.cumsum(losses)[-1]) / losses.size, norm

    def _input_gradients(self, ids: Ids, result: Any) -> None:
        d_embedding, bottom = self.d["embedding.weight"], self.layers(self.d)[0]
        if self.has_table:
            d_table = result.params[0][0].W
            W = self.layers(self.w)[0].W
            d_embedding[:], bottom.W[:], bottom.b_ih[:] = linear_gradients(d_table, self.w["embedding.weight"], W)
            return
        d_embedding[:] = 0
        np.add.at(d_embedding, ids.T.ravel(), result.x.swapaxes(0, 1).reshape(-1, d_embedding.shape[1]))


def learning_rate(highest: float, progress: float) -> float:
    warmup = min(1.0, (progress + 1e-3) / 0.02)
    return highest * warmup * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))


def weight_shapes(V: int, options: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all weights, in the order in which they lie in memory."""
    E, H = options["embeddingSize"], options["hiddenSize"]
    G = GATES[options["cell"]] * H
    shapes: dict[str, tuple[int, ...]] = {"embedding.weight": (V, E)}
    for layer in range(options["numLayers"]):
        sizes = [(G, H if layer else E), (G, H), (G,), (G,)]
        shapes |= {f"layers.{layer}.{name}": shape for name, shape in zip(LAYER, sizes, strict=True)}
    return shapes | {"readout.weight": (V, H), "readout.bias": (V,)}


@pytest.mark.parametrize(
    ("text", "changes"), [(TEXT, {}), (TEXT, {"cell": "gru", "numLayers": 1}), (MANY, {"cell": "elman"})]
)
def test_ten_updates_have_the_bits_of_the_native_kernels(engine: Engine, text: str, changes: dict[str, Any]) -> None:
    options = OPTIONS | changes
    given = answer(engine, "training", text=text, updates=UPDATES, options=options)
    train = text[: int(0.9 * len(text))]
    vocabulary = Vocabulary.from_tokens(train)
    shapes = weight_shapes(len(vocabulary), options)
    weights = {name: given[f"initial {name}"].reshape(shape) for name, shape in shapes.items()}
    reference = Reference(options["cell"], weights, given["batch"], vocabulary.encode(train), options["seed"])
    highest = 2 * RATES[options["cell"]]
    steps = [reference.step(learning_rate(highest, i / UPDATES)) for i in range(UPDATES)]
    np.testing.assert_allclose(given["losses"], [loss for loss, _ in steps], rtol=1e-14)  # see the test of the readout
    np.testing.assert_array_equal(given["norms"], [norm for _, norm in steps])
    for name, array in reference.w.items():
        np.testing.assert_array_equal(given[f"final {name}"], array.ravel(), err_msg=name)
    assert steps[-1][0] < steps[0][0]


def test_initial_weights_are_those_of_elman(engine: Engine) -> None:
    given = answer(engine, "training", text=TEXT, updates=1, options=OPTIONS)
    U = given["initial layers.0.weight_hh_l0"].reshape(4, 20, 20).astype(np.float64)
    np.testing.assert_allclose(U @ U.swapaxes(1, 2), np.broadcast_to(np.eye(20), (4, 20, 20)), atol=1e-6)
    embedding = given["initial embedding.weight"].reshape(-1, 12)
    assert not embedding[0].any()
    assert abs(embedding[1:].std() - 1) < 0.1
    assert given["initial layers.1.bias_ih_l0"].tolist() == [0] * 20 + [1] * 20 + [0] * 40
    assert np.abs(given["initial layers.1.weight_ih_l0"]).max() <= 20**-0.5


def test_a_saved_model_generates_the_same_text_in_python(engine: Engine, tmp_path: Path) -> None:
    given = answer(engine, "training", text=TEXT, updates=60, options=OPTIONS)
    for name, content in given["files"].items():
        (tmp_path / name).write_bytes(content.tobytes())
    model = elman.load(tmp_path)
    assert model.generate("the ", max_tokens=200, temperature=0.8, seed=3) == "the " + given["generated"]
    assert model.generate("the ", max_tokens=200, temperature=0) == "the " + given["greedy"]
    header = int.from_bytes((tmp_path / "model.safetensors").read_bytes()[:8], "little")
    assert header % 8 == 0  # readers that map the file need numbers at such places
    held_out = TEXT[int(0.9 * len(TEXT)) :]
    assert model.evaluate([held_out])["loss"] == pytest.approx(given["validation"], rel=1e-6)
    assert len(set(given["generated"])) > 5


def test_a_damaged_file_of_a_saved_model_is_noticed(engine: Engine, tmp_path: Path) -> None:
    given = answer(engine, "training", text=TEXT, updates=1, options=OPTIONS)
    for name, content in given["files"].items():
        (tmp_path / name).write_bytes(content.tobytes())
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError):
        elman.load(tmp_path)
