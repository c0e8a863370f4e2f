"""The language model in training: its loss and gradients against cells/, its mini-batches, its predictor."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

import elman.nn
from elman.cells import CELLS, LayerParameters, readout, unroll
from elman.cells.cell import parameter_shapes, stored_name
from elman.tasks.language_model import evaluation, training
from elman.tasks.language_model.batches import Batch
from elman.tasks.language_model.corpus import LanguageModelCorpus as Corpus
from elman.tasks.language_model.defaults import operations_per_token, resolve
from elman.tasks.language_model.network import LanguageModelNetwork
from elman.tasks.language_model.predictor import LanguageModelPredictor
from elman.tasks.language_model.training import LanguageModelTask, count_operations

from ...short_measurements import PREVIEW_TOKENS
from .models import ARCHITECTURES
from .training_tasks import FLOAT32, FLOAT64, first_batch, loss_of, make_task, no_rng, perturbed

# Loss and gradients


def by_hand(network: LanguageModelNetwork, batch: Batch) -> tuple[float, int, dict[str, npt.NDArray[Any]]]:
    """Return the loss, the number of tokens and the gradient of every parameter, from cells/ alone, in float64."""
    weights = {name: p.detach().double().numpy() for name, p in network.named_parameters()}
    config = network.config
    E = weights["embedding.weight"]
    V = E if config.tie_weights else weights["readout.weight"]
    names = parameter_shapes(config.build_cell(), 1, 1)
    stack = []
    for layer, H in enumerate(config.hidden_sizes):
        arrays = {name: weights[f"layers.{layer}.{stored_name(name)}"] for name in names}
        stack.append([LayerParameters.from_arrays(arrays, H)])
    outputs, _, tape = unroll.forward(config.build_cell(), stack, E[batch.inputs])
    loss, count, d_logits = readout.softmax_cross_entropy(
        readout.forward(outputs, V, weights["readout.bias"]), batch.targets
    )
    d_outputs, d_V, d_b = readout.backward(d_logits, outputs, V)
    gradients = unroll.backward(tape, d_outputs)
    d_E = np.zeros_like(E)
    np.add.at(d_E, batch.inputs, gradients.x)
    d_weights: dict[str, npt.NDArray[Any]] = {
        "embedding.weight": d_E + d_V if config.tie_weights else d_E,
        "readout.bias": d_b,
    }
    if not config.tie_weights:
        d_weights["readout.weight"] = d_V
    for layer, (p,) in enumerate(gradients.params):
        for name, gradient in p.arrays().items():
            d_weights[f"layers.{layer}.{stored_name(name)}"] = gradient
    return loss, count, d_weights


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_loss_and_every_gradient_are_those_of_the_equations(corpus: Corpus, architecture: str) -> None:
    task = make_task(corpus, architecture)
    network, batch = perturbed(task.build().double()), first_batch(task)
    loss, count, _ = task.loss(network, batch, None, 0.0, no_rng())
    loss.backward()
    expected_loss, expected_count, gradients = by_hand(network, batch)
    assert float(loss.detach()) == pytest.approx(expected_loss, rel=FLOAT64)
    assert count == expected_count == 30
    by_torch = {name: p.grad.numpy() for name, p in network.named_parameters() if p.grad is not None}
    assert by_torch.keys() == gradients.keys()
    for name, gradient in gradients.items():
        np.testing.assert_allclose(by_torch[name], gradient, rtol=0, atol=FLOAT64, err_msg=name)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_loss_in_float32_is_that_of_the_equations(corpus: Corpus, architecture: str) -> None:
    task = make_task(corpus, architecture)
    network, batch = perturbed(task.build()), first_batch(task)
    assert loss_of(task, network, batch)[0] == pytest.approx(by_hand(network, batch)[0], rel=1e-6)  # of a sum of 30


@pytest.mark.parametrize("cell", CELLS)
def test_the_network_can_overfit_one_batch(corpus: Corpus, cell: str) -> None:
    task = make_task(
        corpus,
        values={"training": {"batch_size": 2, "bptt_steps": 12}},
        cell=cell,
        hidden_size=32,
        num_layers=1,
        embedding_size=16,
    )
    network, batch = task.build(), first_batch(task)
    optimizer = torch.optim.Adam(network.parameters(), 0.02)
    start, count, _ = loss_of(task, network, batch)
    for _ in range(150):
        optimizer.zero_grad()
        loss, count, _ = task.loss(network, batch, None, 0.0, no_rng())
        loss.backward()
        optimizer.step()
        if float(loss.detach()) / count < 0.02:  # no need to go on
            break
    assert start / count > 2.0
    assert float(loss.detach()) / count < 0.05


def test_the_loss_does_not_depend_on_the_order_of_the_rows(corpus: Corpus) -> None:
    task = make_task(corpus)
    network, batch = perturbed(task.build().double()), first_batch(task)
    reordered = Batch(batch.inputs[[2, 0, 1]], batch.targets[[2, 0, 1]], fresh=True)
    (loss, count, _), (again, count_again, _) = (loss_of(task, network, b) for b in (batch, reordered))
    assert loss == pytest.approx(again, rel=FLOAT64)
    assert count == count_again


def test_the_loss_is_the_sum_of_the_losses_of_the_rows(corpus: Corpus) -> None:
    task = make_task(corpus)
    network, batch = perturbed(task.build().double()), first_batch(task)
    rows = [loss_of(task, network, Batch(batch.inputs[[b]], batch.targets[[b]], fresh=True)) for b in range(3)]
    loss, count, _ = loss_of(task, network, batch)
    assert loss == pytest.approx(math.fsum(row[0] for row in rows), rel=FLOAT64)
    assert count == sum(row[1] for row in rows)


# The carried state


@pytest.mark.parametrize("architecture", ["relu", "gru_two_layers", "lstm_two_layers"])
def test_two_halves_with_a_carried_state_have_the_loss_of_the_whole(corpus: Corpus, architecture: str) -> None:
    task = make_task(corpus, architecture)
    network, batch = perturbed(task.build()), first_batch(task)
    whole, _, end = loss_of(task, network, batch)
    first, _, carry = loss_of(task, network, Batch(batch.inputs[:, :4], batch.targets[:, :4], fresh=True))
    rest = Batch(batch.inputs[:, 4:], batch.targets[:, 4:], fresh=False)
    second, _, carried_end = loss_of(task, network, rest, carry)
    assert first + second == pytest.approx(whole, rel=FLOAT32)
    assert first + loss_of(task, network, rest)[0] != pytest.approx(
        whole, rel=1e-4
    )  # without the state, the loss differs
    assert carried_end.keys() == end.keys()
    for name, tensor in end.items():
        torch.testing.assert_close(carried_end[name], tensor, rtol=0, atol=FLOAT32)


def test_no_gradient_reaches_the_carried_state(corpus: Corpus) -> None:
    task = make_task(corpus)
    _, _, carry = task.loss(task.build(), first_batch(task), None, 0.0, no_rng())
    assert carry is not None
    assert {name: tuple(tensor.shape) for name, tensor in carry.items()} == {
        "layers.0.h": (3, 5),
        "layers.0.c": (3, 5),
        "layers.1.h": (3, 4),
        "layers.1.c": (3, 4),
    }
    assert not any(tensor.requires_grad for tensor in carry.values())


def test_a_fresh_batch_starts_from_a_zero_state(corpus: Corpus) -> None:
    task = make_task(corpus)
    network, batch = perturbed(task.build()), first_batch(task)
    _, _, carry = loss_of(task, network, batch)
    fresh, continued = (Batch(batch.inputs, batch.targets, fresh=value) for value in (True, False))
    assert loss_of(task, network, fresh, carry)[0] == loss_of(task, network, fresh)[0]
    assert loss_of(task, network, continued, carry)[0] != loss_of(task, network, fresh)[0]


def test_a_state_of_another_batch_size_is_not_used(corpus: Corpus) -> None:
    task = make_task(corpus)
    network, batch = perturbed(task.build()), first_batch(task)
    _, _, carry = loss_of(task, network, batch)
    fewer = Batch(batch.inputs[:2], batch.targets[:2], fresh=False)
    assert loss_of(task, network, fewer, carry)[0] == loss_of(task, network, fewer)[0]


def initial_states(task: LanguageModelTask, rows: int, batches: int) -> list[dict[str, Tensor] | None]:
    """Return the states from which the network starts if the state of ones is carried to every batch."""
    network = task.build()
    states: list[dict[str, Tensor] | None] = []
    network.register_forward_pre_hook(lambda module, arguments: states.append(arguments[2]))
    ids, rng = np.ones((rows, 2), np.int64), no_rng()
    shapes = {"layers.0.h": 5, "layers.0.c": 5, "layers.1.h": 4, "layers.1.c": 4}
    for _ in range(batches):
        carry = {name: torch.ones(rows, H) for name, H in shapes.items()}
        task.loss(network, Batch(ids, ids, fresh=False), carry, 0.0, rng)
    return states


def test_all_states_of_a_row_are_reset_together_with_the_right_probability(corpus: Corpus) -> None:
    factors = []
    for state in initial_states(make_task(corpus, values={"data": {"reset_probability": 0.25}}), rows=50, batches=40):
        assert state is not None
        rows = state["layers.0.h"][:, :1]
        assert all(torch.equal(tensor, rows.expand_as(tensor)) for tensor in state.values())
        factors.append(rows)
    # four standard deviations of a share of 0.75 among 2000; the seed is fixed
    assert float(torch.cat(factors).mean()) == pytest.approx(0.75, abs=4 * (0.75 * 0.25 / 2000) ** 0.5)
    assert len({tuple(rows.flatten().tolist()) for rows in factors}) == 40  # other rows every time


@pytest.mark.parametrize(("probability", "expected"), [(0.0, 1.0), (1.0, 0.0)])
def test_a_reset_probability_of_0_or_1_resets_no_state_or_every_state(
    corpus: Corpus, probability: float, expected: float
) -> None:
    for state in initial_states(
        make_task(corpus, values={"data": {"reset_probability": probability}}), rows=8, batches=3
    ):
        assert state is not None
        assert all((tensor == expected).all() for tensor in state.values())


# Validation and prediction


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("tokens", [0, 100])
def test_the_predictor_has_the_validation_loss_of_torch(corpus: Corpus, architecture: str, tokens: int) -> None:
    task = make_task(corpus, architecture, values={"training": {"validate_tokens": tokens}})
    network = perturbed(task.build()).eval()
    predictor = task.predictor(network)
    metrics = task.validate(network, predictor)
    scored = predictor.score(corpus.ids("valid"), limit=tokens or None)
    if not tokens:
        assert scored.count == corpus.valid_set.tokens - 1
    else:
        assert tokens <= scored.count < tokens + 32  # the limit is rounded up to whole streams
    assert metrics["loss"] == pytest.approx(scored.value, rel=FLOAT32)
    assert metrics["perplexity"] == pytest.approx(math.exp(scored.value), rel=10 * FLOAT32)
    assert metrics.keys() == {"loss", "perplexity"}


def test_training_minimizes_the_loss(corpus: Corpus) -> None:
    assert make_task(corpus).objective == ("loss", "min")


def logits(predictor: LanguageModelPredictor) -> Any:
    return predictor.read(predictor.prompt_ids("a cad"), predictor.initial_state())[0]


def test_a_predictor_does_not_change_with_the_network(corpus: Corpus) -> None:
    task = make_task(corpus)
    network = perturbed(task.build())
    predictor = task.predictor(network)
    before = logits(predictor)
    np.testing.assert_array_equal(logits(task.predictor(network)), before)
    perturbed(network)
    np.testing.assert_array_equal(logits(predictor), before)
    assert not np.allclose(logits(task.predictor(network)), before)


def test_the_preview_is_a_text_of_the_predictor(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "PREVIEW_TOKENS", PREVIEW_TOKENS)
    task = make_task(corpus, values={"seed": 4})
    predictor = task.predictor(perturbed(task.build()))
    assert task.preview(predictor) == predictor.generate("", max_tokens=160, temperature=0.8, seed=4)


def test_a_saved_predictor_has_the_weights_of_the_network(corpus: Corpus, tmp_path: Path) -> None:
    task = make_task(corpus, "lstm_tied")
    network = perturbed(task.build())
    task.predictor(network).save(tmp_path / "model")
    loaded = elman.load(tmp_path / "model")
    assert loaded.tensors.keys() == dict(network.named_parameters()).keys()
    for name, parameter in network.named_parameters():
        np.testing.assert_array_equal(loaded.tensors[name], parameter.detach().numpy())


# Batches


@pytest.mark.parametrize("stream", ["sequential", "random"])
def test_batches_continue_from_any_position(corpus: Corpus, stream: str) -> None:
    values = {"training": {"bptt_steps": 50}, "data": {"stream": stream}, "seed": 2}
    task = make_task(corpus, "gru", values=values)
    batches = task.batches(task.start())
    seen = [next(batches) for _ in range(2 * task.batches_per_epoch + 3)]
    assert {position["epoch"] for _, position in seen} >= {0, 1}
    for index in (0, 4, task.batches_per_epoch + 1):
        again, position = next(task.batches(seen[index][1]))
        np.testing.assert_array_equal(again.inputs, seen[index + 1][0].inputs)
        np.testing.assert_array_equal(again.targets, seen[index + 1][0].targets)
        assert position == seen[index + 1][1]


@pytest.mark.parametrize("logits", [1, 3000])
def test_the_validation_loss_does_not_depend_on_how_many_tokens_are_scored_at_a_time(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, logits: int
) -> None:
    task = make_task(corpus)
    model = task.build().eval()
    predictor = task.predictor(model)
    expected = task.validate(model, predictor)
    monkeypatch.setattr(evaluation, "MAX_LOGITS", logits)
    assert task.validate(model, predictor)["loss"] == pytest.approx(expected["loss"], rel=FLOAT32)


def test_the_operations_of_a_batch_are_those_of_its_tokens(corpus: Corpus) -> None:
    values = {"model": ARCHITECTURES["gru"], "training": {"steps": 1}}
    batch = first_batch(make_task(corpus, "gru"))
    operations = count_operations(resolve(values, corpus), corpus, batch, 30)
    assert operations == 30 * operations_per_token("gru", 5, 3, len(corpus.vocabulary))
