"""The encoder-decoder in the browser is elman's: its loss, gradients, attention weights, training and model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import elman
from elman.cells.activations import Array
from elman.data.batches.padded import IdLists, PairBatch, PairIds, pad_pairs
from elman.tasks.seq2seq.config import Seq2SeqConfig
from elman.tasks.seq2seq.network import Seq2SeqNetwork, Seq2SeqTensors
from elman.tasks.seq2seq.numpy_network import NumpyNetwork

from .exchange import Engine

pytestmark = pytest.mark.web

V, E, H = 7, 3, 4
PAIRS = [([3, 4], [4, 3, 5]), ([5, 6, 3, 3], [6]), ([4], [3, 4]), ([6, 6, 5], [])]  # not sorted by length
OTHERS = [([5] * 6, [4] * 7), ([3] * 6, [6] * 7)]  # a batch of another shape, whose arrays must not be used again
FULL = [([5] * 4, [4] * 3)] * 4  # one of the same shape without padding, whose arrays are used again
NETWORKS = [(cell, directions) for cell in ("elman", "gru", "lstm") for directions in (1, 2)]
STEP, FINITE_TOLERANCE = 1e-5, 1e-7
OPTIONS: dict[str, Any] = {
    "cell": "elman",
    "bidirectional": True,
    "symbols": 10,
    "shortest": 3,
    "longest": 5,
    "hiddenSize": 24,
    "learningRate": 0.005,
    "seed": 4,
}
SOURCE = "27182"
FIRST_SYMBOL_ID = 3

Pairs = list[tuple[list[int], list[int]]]


def config_of(cell: str, directions: int, embedding: int = E, hidden: int = H) -> Seq2SeqConfig:
    """Return the configuration of the same network in elman."""
    size = hidden // directions
    values = {"cell": cell, "embedding_size": embedding, "hidden_size": hidden, "encoder_hidden_size": size}
    return Seq2SeqConfig.model_validate({**values, "bidirectional": directions == 2, "attention": "dot"})


def sizes_of(cell: str, directions: int) -> dict[str, Any]:
    sizes = {"vocabularySize": V, "embeddingSize": E, "hiddenSize": H}
    return {"cell": cell, **sizes, "bidirectional": directions == 2}


def batch_of(pairs: Pairs) -> PairBatch:
    sources, targets = (IdLists.from_arrays(np.array(pair[side], np.int64) for pair in pairs) for side in (0, 1))
    return pad_pairs(PairIds(sources, targets), range(len(pairs)))


def draw_weights(rng: np.random.Generator, cell: str, directions: int) -> dict[str, Array]:
    network = Seq2SeqNetwork(config_of(cell, directions), V, V)
    return {name: 0.7 * rng.normal(size=tensor.shape) for name, tensor in network.state_dict().items()}


def ask(engine: Engine, cell: str, directions: int, weights: dict[str, Array], *batches: Pairs) -> dict[str, Any]:
    module = {"module": "kernels-float64.wasm", "precision": "float64"}
    values = {"sizes": sizes_of(cell, directions), "batches": batches}
    return engine.answer({"kind": "encoderDecoder", **module, "values": values, "arrays": weights})


@pytest.mark.parametrize(("cell", "directions"), NETWORKS)
def test_loss_and_gradients_are_those_of_elman_in_torch(
    engine: Engine, rng: np.random.Generator, cell: str, directions: int
) -> None:
    weights = draw_weights(rng, cell, directions)
    result = ask(engine, cell, directions, weights, OTHERS, FULL, PAIRS)
    network = Seq2SeqNetwork(config_of(cell, directions), V, V).double()
    network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    by_length = sorted(PAIRS, key=lambda pair: -len(pair[0]))  # torch packs sequences in this order
    loss = network(Seq2SeqTensors(batch_of(by_length), torch.device("cpu")), torch.Generator())
    loss.backward()
    assert result["losses"][2] == pytest.approx(loss.item(), rel=1e-12)
    assert result["gradients"].keys() == weights.keys()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None
        gradient = result["gradients"][name].reshape(parameter.shape)
        np.testing.assert_allclose(gradient, parameter.grad.numpy(), 1e-10, 1e-12, err_msg=name)


@pytest.mark.parametrize(("cell", "directions"), NETWORKS)
def test_attention_weights_are_those_of_elman_in_numpy(
    engine: Engine, rng: np.random.Generator, cell: str, directions: int
) -> None:
    weights = draw_weights(rng, cell, directions)
    network = NumpyNetwork(config_of(cell, directions), V, V, weights)
    batch = batch_of(PAIRS)
    state, context = network.encode(batch.source, batch.source_lengths)
    s, _, _ = network.decode(batch.target_inputs, state, context)
    expected = network.attention_weights(s, context)
    result = ask(engine, cell, directions, weights, OTHERS, FULL, PAIRS)["weights"].reshape(expected.shape)
    np.testing.assert_allclose(result, expected, 1e-12, 1e-15)
    is_padding = np.arange(expected.shape[2]) >= batch.source_lengths[:, None]
    assert not result[np.broadcast_to(is_padding[:, None], result.shape)].any(), "exactly zero"


@pytest.mark.parametrize("engine", ["node"], indirect=True)  # it is about the derivation, and takes many requests
@pytest.mark.parametrize(("cell", "directions"), NETWORKS)
def test_the_gradient_of_every_parameter_is_a_finite_difference(
    engine: Engine, rng: np.random.Generator, cell: str, directions: int
) -> None:
    weights = draw_weights(rng, cell, directions)
    gradients = ask(engine, cell, directions, weights, PAIRS)["gradients"]

    def loss(name: str, values: Array) -> float:
        return float(ask(engine, cell, directions, weights | {name: values}, PAIRS)["losses"][0])

    for name, array in weights.items():
        direction = rng.normal(size=array.shape)
        direction /= np.linalg.norm(direction)
        above, below = (loss(name, array + step * direction) for step in (STEP, -STEP))
        expected = float(gradients[name] @ direction.ravel())
        near = pytest.approx(expected, rel=FINITE_TOLERANCE, abs=FINITE_TOLERANCE)
        assert (above - below) / (2 * STEP) == near, name


def test_a_network_gives_its_memory_back(engine: Engine, rng: np.random.Generator) -> None:
    weights = draw_weights(rng, "lstm", 2)
    memory = [ask(engine, "lstm", 2, weights, OTHERS, PAIRS)["memory"] for _ in range(60)]
    assert memory[-1] == memory[10]


def test_a_training_gives_its_memory_back(engine: Engine, tmp_path: Path) -> None:
    memory = [Trained(engine, tmp_path, 3, cell="lstm").answer["memory"] for _ in range(8)]
    assert memory[-1] == memory[3]


class Trained:
    """A training in the browser, and the model folder that it gives."""

    def __init__(self, engine: Engine, folder: Path, updates: int, **changes: Any) -> None:
        self.options = OPTIONS | changes
        self.source = [FIRST_SYMBOL_ID + int(digit) for digit in SOURCE]
        values = {"options": self.options, "updates": updates, "source": self.source, "most": 8}
        module = {"module": "kernels-float32.wasm", "precision": "float32", "arrays": {}}
        self.answer = engine.answer({"kind": "reversal", **module, "values": values})
        for name, content in self.answer["files"].items():
            (folder / name).write_bytes(content.tobytes())
        self.model = elman.load(folder)

    def sequences(self, rng: np.random.Generator, count: int, length: int | None = None) -> list[str]:
        """Return what the browser draws."""
        shortest, longest = self.options["shortest"], self.options["longest"]

        def one() -> str:
            size = length or shortest + int((longest - shortest + 1) * rng.random())
            return "".join(str(int(10 * value)) for value in rng.random(size))

        return [one() for _ in range(count)]

    def exact_share(self, sources: list[str]) -> float:
        written = self.model.predict(sources)
        return float(np.mean([target == source[::-1] for source, target in zip(sources, written, strict=True)]))


@pytest.mark.parametrize(
    "changes",
    [{}, {"cell": "lstm", "bidirectional": False}, {"learningRate": 0.05, "shortest": 1, "longest": 1}],
    ids=["elman", "lstm", "large gradients"],
)
def test_ten_updates_are_those_of_torch(engine: Engine, tmp_path: Path, changes: dict[str, Any]) -> None:
    trained = Trained(engine, tmp_path, 10, **changes)
    options = trained.options
    config = config_of(options["cell"], 1 + options["bidirectional"], 12, 24)
    network = Seq2SeqNetwork(config, 13, 13)
    shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
    initial = {name: torch.from_numpy(array.copy()) for name, array in trained.answer["initial"].items()}
    network.load_state_dict({name: initial[name].reshape(shape) for name, shape in shapes.items()})
    norms: list[float] = []
    optimizer = torch.optim.Adam(network.parameters(), lr=options["learningRate"])
    rng, losses = np.random.default_rng(options["seed"] + 1), []
    for _ in range(10):
        sources = sorted(trained.sequences(rng, 32), key=len, reverse=True)
        ids = [[FIRST_SYMBOL_ID + int(digit) for digit in source] for source in sources]
        batch = batch_of([(source, source[::-1]) for source in ids])
        loss = network(Seq2SeqTensors(batch, torch.device("cpu")), torch.Generator()) / (batch.targets >= 0).sum()
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0).item())
        optimizer.step()
        losses.append(loss.item())
    np.testing.assert_allclose(trained.answer["losses"], losses, 1e-4)  # single precision, ten times
    assert losses[-1] < losses[0]
    if options["learningRate"] > 0.01:
        assert max(norms) > 1 > min(norms), "some gradients are clipped, some are not"


def test_initial_weights_have_the_distributions_of_elman(engine: Engine, tmp_path: Path) -> None:
    initial = Trained(engine, tmp_path, 0, cell="lstm").answer["initial"]
    embedding = initial["decoder.embedding.weight"].reshape(13, 12)
    assert not embedding[0].any()
    assert abs(embedding[1:].std() - 1) < 0.2
    U = initial["encoder.layers.0.weight_hh_l0_reverse"].reshape(4, 12, 12)
    np.testing.assert_allclose(U @ U.swapaxes(1, 2), np.broadcast_to(np.eye(12), (4, 12, 12)), atol=1e-6)
    assert initial["encoder.layers.0.bias_ih_l0_reverse"].tolist() == [0] * 12 + [1] * 12 + [0] * 24
    bounds = {"encoder.layers.0.weight_ih_l0": 12, "decoder.layers.0.weight_ih_l0": 24, "combine.weight": 48}
    for name, inputs in (bounds | {"bridge.0_c.weight": 24, "readout.weight": 24}).items():
        assert 0.9 < np.abs(initial[name]).max() * inputs**0.5 <= 1, name
    assert not initial["combine.bias"].any()
    assert not initial["readout.bias"].any()


@pytest.mark.parametrize("changes", [{}, {"cell": "lstm"}, {"cell": "gru", "bidirectional": False}], ids=str)
def test_a_saved_model_does_the_same_in_python(engine: Engine, tmp_path: Path, changes: dict[str, Any]) -> None:
    trained = Trained(engine, tmp_path, 60, **changes)
    after, model = trained.answer["after"], trained.model
    alignment = model.align(SOURCE, SOURCE[::-1])
    np.testing.assert_allclose(after["weights"].reshape(6, 6), alignment.attention_weights, 1e-4, 1e-6)
    assert after["loss"] == pytest.approx(model.score([(SOURCE, SOURCE[::-1])]).value, rel=1e-5)
    written = "".join(str(token - FIRST_SYMBOL_ID) for token in after["written"])
    assert written == model.predict([SOURCE])[0]
    fresh = np.random.default_rng(trained.options["seed"] + 2)
    _, sources = trained.sequences(fresh, 200), trained.sequences(fresh, 200)  # before and after the training
    assert after["validation"]["exact"] == trained.exact_share(sources)
    score = model.score([(source, source[::-1]) for source in sources]).value
    assert after["validation"]["loss"] == pytest.approx(score, rel=1e-5)
    rng = np.random.default_rng(trained.options["seed"] + 3)
    shares = [trained.exact_share(trained.sequences(rng, 20, length)) for length in range(1, 9)]
    assert trained.answer["exact"] == shares
    assert len(set(shares)) > 1


@pytest.mark.parametrize("bidirectional", [True, False], ids=["both directions", "one direction"])
def test_attention_becomes_the_anti_diagonal(engine: Engine, tmp_path: Path, bidirectional: bool) -> None:
    """With one direction, the line may be one column to the right of it: labs/reversal.py says why."""
    trained = Trained(engine, tmp_path, 250, bidirectional=bidirectional)
    size = len(SOURCE)
    expected = np.arange(size)[::-1]
    before, after = (
        trained.answer[name]["weights"].reshape(size + 1, size + 1)[:size].argmax(1) for name in ("before", "after")
    )
    shares = [(after == expected + right).mean() for right in (0, 1)]
    assert (shares[0] if bidirectional else max(shares)) >= 0.8
    assert max((before == expected + right).mean() for right in (0, 1)) <= 0.4
    assert trained.answer["before"]["validation"]["exact"] == 0.0
    assert trained.answer["after"]["validation"]["exact"] > 0.9
