"""The encoder-decoder in training: its loss against runtime's, its options against their definitions."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence

from elman.tasks.seq2seq.corpus import PairCorpus, SideConfig
from elman.tasks.seq2seq.preparation import prepare_pairs
from elman.tasks.seq2seq.readers import MemoryPairs
from elman.tasks.seq2seq.training import Batch, Seq2SeqTask

from ..pair_models import (
    ARCHITECTURES,
    PAIRS,
    SIDES,
    batch_of,
    predictor_of,
    tensors_of,
    tiny_config,
    tiny_network,
    torch_loss,
)

# The losses of float32 in nats, summed over a few tokens: products summed in another order.
FLOAT32 = 1e-5

every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)
ANTONYMS = [("man", "women"), ("black", "white"), ("king", "queen"), ("girl", "boy"), ("up", "down"), ("high", "low")]


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def corpus(tmp_path: Path) -> PairCorpus:
    """The antonyms of the textbook, each of them held out too."""
    pairs = MemoryPairs(ANTONYMS)
    side = SideConfig(level="char")
    return prepare_pairs(tmp_path, pairs.pairs(), side, side, valid=pairs.pairs(), records=lambda: [pairs.record])


@every_architecture
def test_the_loss_is_that_of_runtime(architecture: str) -> None:
    network = tiny_network(architecture)
    scored = predictor_of(network).score(PAIRS)
    assert scored.count == sum(len(target.split()) + 1 for _, target in PAIRS)
    assert torch_loss(network, PAIRS) == pytest.approx(scored.sum, rel=FLOAT32)


@every_architecture
def test_the_loss_of_a_batch_is_the_sum_of_its_pairs(architecture: str) -> None:
    network = tiny_network(architecture)
    alone = [torch_loss(network, [pair]) for pair in PAIRS]
    assert torch_loss(network, PAIRS) == pytest.approx(sum(alone), rel=FLOAT32)


@every_architecture
def test_every_weight_has_a_gradient(architecture: str) -> None:
    network = tiny_network(architecture).train()
    network(tensors_of(PAIRS), generator()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


@every_architecture
def test_the_loss_is_minus_the_log_probability_of_the_targets(architecture: str) -> None:
    network, batch = tiny_network(architecture), tensors_of(PAIRS)
    with torch.no_grad():
        logits = network.logits(batch, generator())
    expected = float(F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), reduction="sum"))
    assert torch_loss(network, PAIRS) == pytest.approx(expected, rel=FLOAT32)


def test_label_smoothing_is_torchs() -> None:
    network, batch = tiny_network("general", label_smoothing=0.15).train(), tensors_of(PAIRS)
    logits = network.logits(batch, generator())
    expected = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), reduction="sum", label_smoothing=0.15)
    loss = network(batch, generator())
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=FLOAT32)
    names = [name for name, _ in network.named_parameters()]
    given = torch.autograd.grad(loss, list(network.parameters()), retain_graph=True)
    wanted = torch.autograd.grad(expected, list(network.parameters()))
    for name, d, d_expected in zip(names, given, wanted, strict=True):
        torch.testing.assert_close(d, d_expected, rtol=1e-4, atol=1e-4, msg=name)


def test_smoothing_and_dropout_are_for_training_alone() -> None:
    plain = tiny_network("dot")
    options = tiny_network("dot", label_smoothing=0.3, dropout=0.5)
    assert torch_loss(options, PAIRS) == torch_loss(plain, PAIRS)
    batch = tensors_of(PAIRS)
    losses = {float(options.train()(batch, torch.Generator().manual_seed(seed)).detach()) for seed in range(3)}
    assert len(losses) == 3


def test_scheduled_sampling_feeds_what_the_model_would_have_said() -> None:
    network, batch = tiny_network("dot"), tensors_of(PAIRS)
    with torch.no_grad():
        said = network.logits(batch, generator()).argmax(-1)
        whole = float(network(batch, generator(), 1.0))
        batch.target_inputs = torch.cat([batch.target_inputs[:1], said[:-1]])
        assert float(network(batch, generator())) == pytest.approx(whole, rel=FLOAT32)


def test_some_of_the_inputs_are_sampled_and_more_of_them_later(corpus: PairCorpus) -> None:
    task = Seq2SeqTask(corpus, tiny_config("dot", scheduled_sampling=0.5), SIDES, batch_size=6)
    model = task.build()
    (batch, _) = next(task.batches(task.start()))
    shares = []
    model.forward = lambda given, rng, sampled: shares.append(sampled) or torch.zeros(())  # type: ignore[method-assign]
    for progress in (0.0, 0.5, 1.0):
        task.loss(model, batch, None, progress, generator())
    assert shares == [0.0, 0.25, 0.5]


def test_padding_is_never_read() -> None:
    network, batch = tiny_network("additive"), batch_of(PAIRS)
    before = float(network(Batch(batch, torch.device("cpu")), generator()).detach())
    for ids, lengths in ((batch.source, batch.source_lengths), (batch.target_inputs, batch.target_lengths)):
        ids[np.arange(ids.shape[1]) >= lengths[:, None]] = 4
    assert float(network(Batch(batch, torch.device("cpu")), generator()).detach()) == before


def test_the_encoder_is_torchs_packed_lstm() -> None:
    network, batch = tiny_network("dot"), tensors_of(PAIRS)
    theirs = torch.nn.LSTM(5, 6, bidirectional=True)
    theirs.load_state_dict(network.encoder.layers[0].state_dict())
    packed = pack_padded_sequence(batch.sources, batch.source_lengths)
    outputs, ((h, c),) = network.encoder(packed, 0.0, generator())
    expected, (h_expected, c_expected) = theirs(packed._replace(data=network.encoder.embedding(packed.data)))
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(expected)
    for given, wanted in ((outputs, expected), (h, h_expected), (c, c_expected)):
        torch.testing.assert_close(given, wanted)


def steps(task: Seq2SeqTask, model: torch.nn.Module, count: int) -> Iterator[float]:
    """Losses a token, training on one batch again and again."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    batch, _ = next(task.batches(task.start()))
    for _ in range(count):
        optimizer.zero_grad()
        loss, counted, _ = task.loss(model, batch, None, 0.0, generator())
        (loss / counted).backward()
        optimizer.step()
        yield float(loss.detach()) / counted


@every_architecture
def test_it_learns_one_batch_by_heart_and_writes_it_from_its_own_words(architecture: str, corpus: PairCorpus) -> None:
    config = tiny_config(architecture, hidden_size=32, embedding_size=16, encoder_hidden_size=None)
    task = Seq2SeqTask(corpus, config, SIDES.model_copy(update={"target": SideConfig()}), batch_size=6)
    model = task.build()
    *_, last = steps(task, model, 120)
    assert last < 0.05
    predictor = task.predictor(model.eval())
    assert predictor.predict([source for source, _ in ANTONYMS]) == [target for _, target in ANTONYMS]
    metrics = task.validate(model, predictor)
    assert metrics["exact_match"] == 1.0
    assert metrics["token_error_rate"] == 0.0
    assert metrics["loss"] == pytest.approx(last, abs=0.05)


def test_the_preview_shows_what_is_right_and_what_was_expected(corpus: PairCorpus) -> None:
    task = Seq2SeqTask(corpus, tiny_config("dot"), SIDES.model_copy(update={"target": SideConfig()}), batch_size=6)
    shown = task.preview(task.predictor(task.build()))
    assert shown is not None
    lines = shown.splitlines()
    assert len(lines) == 3
    for line, example in zip(lines, corpus.valid(), strict=False):
        assert line.startswith(f"{example.source} → ")
        assert line.endswith(f"   (expected {example.targets[0]})")


def test_the_same_seed_makes_the_same_weights(corpus: PairCorpus) -> None:
    def weights(seed: int) -> list[torch.Tensor]:
        return list(Seq2SeqTask(corpus, tiny_config("dot"), SIDES, batch_size=2, seed=seed).build().parameters())

    assert all(torch.equal(a, b) for a, b in zip(weights(1), weights(1), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(weights(1), weights(2), strict=True))


def test_validation_scores_a_sample_where_it_is_told_to(corpus: PairCorpus) -> None:
    sides = SIDES.model_copy(update={"target": SideConfig()})
    whole = Seq2SeqTask(corpus, tiny_config("dot"), sides, batch_size=2)
    part = Seq2SeqTask(corpus, tiny_config("dot"), sides, batch_size=2, validate_tokens=8)
    predictor = whole.predictor(whole.build())
    examples = corpus.valid()
    some = next(n for n in range(7) if sum(len(example.targets[0]) + 1 for example in examples[:n]) >= 8)
    assert part.validate(whole.build(), predictor) == predictor.measure(examples[:some])
    assert whole.validate(whole.build(), predictor) == predictor.measure(examples)
