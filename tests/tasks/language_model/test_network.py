"""The network of a language model: dropout and initial weights."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import elman.nn
from elman.cells import create
from elman.cells.cell import weight_names
from elman.tasks.language_model.corpus import LanguageModelCorpus as Corpus

from .models import ARCHITECTURES
from .training_tasks import FLOAT32, first_batch, loss_of, make_task, no_rng, perturbed

# Dropout


@pytest.fixture
def dropouts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Return a list that receives the calls of dropout with a rate: shape, rate, shared."""
    calls: list[tuple[Any, ...]] = []
    real: Callable[..., Tensor] = elman.nn.dropout

    def recorded(x: Tensor, rate: float, generator: torch.Generator, *, shared_over_time: bool = False) -> Tensor:
        if rate:
            calls.append((tuple(x.shape), rate, shared_over_time))
        return real(x, rate, generator, shared_over_time=shared_over_time)

    monkeypatch.setattr(elman.nn, "dropout", recorded)
    return calls


@pytest.mark.parametrize("kind", ["standard", "variational"])
def test_dropout_is_applied_to_the_embedding_between_layers_and_before_the_readout(
    corpus: Corpus, dropouts: list[tuple[Any, ...]], kind: str
) -> None:
    task = make_task(corpus, dropout=0.5, dropout_kind=kind)
    task.loss(task.build().train(), first_batch(task), None, 0.0, no_rng())
    shared = kind == "variational"
    assert dropouts == [((10, 3, H), 0.5, shared) for H in (3, 5, 4)]


def test_dropout_is_off_in_evaluation(corpus: Corpus) -> None:
    dropping, plain = (make_task(corpus, dropout=rate) for rate in (0.5, 0.0))
    network, same = (perturbed(task.build()) for task in (dropping, plain))
    batch = first_batch(plain)
    assert loss_of(dropping, network.eval(), batch)[0] == loss_of(plain, same, batch)[0]
    assert loss_of(dropping, network.train(), batch)[0] != loss_of(plain, same, batch)[0]
    network.eval()
    predictor = dropping.predictor(network)
    assert dropping.validate(network, predictor) == plain.validate(same, predictor)


@pytest.mark.parametrize(("kind", "different"), [("variational", 1), ("standard", 12)])
def test_a_variational_mask_is_the_same_at_every_step(corpus: Corpus, kind: str, different: int) -> None:
    task = make_task(corpus, "tanh", hidden_size=40, embedding_size=20, dropout=0.5, dropout_kind=kind)
    network = perturbed(task.build()).train()
    with torch.no_grad():
        network.get_parameter("layers.0.weight_hh_l0").zero_()  # without a past, the same token gives the same logits
    steps, _ = network.logits(torch.full((12, 2), 3), None, no_rng())
    assert len({tuple(step[0].tolist()) for step in steps}) == different
    assert not torch.equal(steps[0, 0], steps[0, 1])  # each sequence has a mask of its own


def test_masks_come_from_the_generator_that_is_passed(corpus: Corpus) -> None:
    task = make_task(corpus, dropout=0.5)
    network, batch = perturbed(task.build()).train(), first_batch(task)
    before, generator = torch.get_rng_state(), no_rng()
    first, second = (float(task.loss(network, batch, None, 0.0, generator)[0].detach()) for _ in range(2))
    assert first == loss_of(task, network, batch)[0] != second
    assert torch.equal(torch.get_rng_state(), before)


# Initial weights


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(corpus: Corpus) -> None:
    before = torch.get_rng_state()
    first, again, other = (make_task(corpus, values={"seed": seed}).build().state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)  # the global generator is not used
    for name, tensor in first.items():
        assert torch.equal(tensor, again[name])
        assert "bias" in name or not torch.equal(tensor, other[name])


def architectures_with(weight: str) -> list[str]:
    """Return the architectures whose cell has W, U, b_ih or b_hh."""
    return [name for name, sizes in ARCHITECTURES.items() if weight in weight_names(create(sizes["cell"]))]


@pytest.mark.parametrize("architecture", architectures_with("U"))
def test_the_recurrent_matrix_of_every_gate_is_orthogonal_at_first(corpus: Corpus, architecture: str) -> None:
    network = make_task(corpus, architecture).build()
    for layer, H in enumerate(network.config.hidden_sizes):
        gates = torch.split(network.get_parameter(f"layers.{layer}.weight_hh_l0").detach(), H)
        assert len(gates) == network.config.build_cell().gates
        for gate in gates:
            torch.testing.assert_close(gate @ gate.T, torch.eye(H), rtol=0, atol=FLOAT32)
        assert len({tuple(gate.flatten().tolist()) for gate in gates}) == len(gates)


@pytest.mark.parametrize("architecture", architectures_with("b_ih"))
def test_biases_are_zero_at_first_except_that_of_the_forget_gate(corpus: Corpus, architecture: str) -> None:
    network = make_task(corpus, architecture).build()
    for layer, H in enumerate(network.config.hidden_sizes):
        parameters = dict(network.named_parameters())
        names = (f"layers.{layer}.bias_ih_l0", f"layers.{layer}.bias_hh_l0")
        total = sum(parameters[name].detach() for name in names if name in parameters)
        assert isinstance(total, Tensor)
        expected = torch.zeros_like(total)
        if network.config.cell == "lstm":
            expected[H : 2 * H] = 1.0  # i, f, g, o: once, not in both biases
        assert torch.equal(total, expected)
    assert not network.readout.bias.detach().any()


@pytest.mark.parametrize("architecture", ["lstm", "lstm_tied"])
def test_only_the_embedding_of_the_unknown_token_is_zero_at_first(corpus: Corpus, architecture: str) -> None:
    embedding = make_task(corpus, architecture).build().embedding.weight.detach()
    assert not embedding[0].any()
    assert embedding[1:].ne(0).all()


def test_a_tied_readout_shares_the_weights_of_the_embedding(corpus: Corpus) -> None:
    tied, free = (make_task(corpus, name).build() for name in ("lstm_tied", "lstm_two_layers"))
    assert tied.readout.weight is tied.embedding.weight
    assert "readout.weight" not in dict(tied.named_parameters())
    assert free.readout.weight is not free.embedding.weight
    assert "readout.weight" in dict(free.named_parameters())
