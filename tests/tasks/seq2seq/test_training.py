"""Training an encoder-decoder: the loss is that of the predictor, and every option does what its definition says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence

from elman.tasks.seq2seq.corpus import Seq2SeqCorpus
from elman.tasks.seq2seq.defaults import operations_per_token
from elman.tasks.seq2seq.network import Seq2SeqTensors
from elman.tasks.seq2seq.predictor import Seq2SeqPredictor
from elman.tasks.seq2seq.training import Seq2SeqTask, build_task, count_operations

from .models import (
    ARCHITECTURES,
    PAIRS,
    batch_of,
    corpus_of,
    predictor_of,
    run_config,
    tensors_of,
    tiny_config,
    tiny_network,
    torch_loss,
)

# Relative error of the sum of a few losses in float32, whose terms are added in another order.
FLOAT32 = 1e-5

every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)
ANTONYMS = [("man", "women"), ("black", "white"), ("king", "queen"), ("girl", "boy"), ("up", "down"), ("high", "low")]


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def corpus(tmp_path: Path) -> Seq2SeqCorpus:
    """The antonyms of the textbook, which are the validation set too."""
    return corpus_of(tmp_path, ANTONYMS, ANTONYMS)


def task_of(corpus: Seq2SeqCorpus, architecture: str = "dot", *, batch_size: int = 6, **model: Any) -> Seq2SeqTask:
    return build_task(run_config(tiny_config(architecture, **model), batch_size), corpus)


@every_architecture
def test_the_predictor_computes_the_loss_of_training(architecture: str) -> None:
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


def test_label_smoothing_is_that_of_torch() -> None:
    network, batch = tiny_network("general", label_smoothing=0.15).train(), tensors_of(PAIRS)
    logits = network.logits(batch, generator())
    expected = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), reduction="sum", label_smoothing=0.15)
    loss = network(batch, generator())
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=FLOAT32)
    names = [name for name, _ in network.named_parameters()]
    gradients = torch.autograd.grad(loss, list(network.parameters()), retain_graph=True)
    expected_gradients = torch.autograd.grad(expected, list(network.parameters()))
    for name, d, d_expected in zip(names, gradients, expected_gradients, strict=True):
        torch.testing.assert_close(d, d_expected, rtol=1e-4, atol=1e-4, msg=name)


def test_smoothing_and_dropout_have_an_effect_only_in_training() -> None:
    plain = tiny_network("dot")
    options = tiny_network("dot", label_smoothing=0.3, dropout=0.5)
    assert torch_loss(options, PAIRS) == torch_loss(plain, PAIRS)
    batch = tensors_of(PAIRS)
    losses = {float(options.train()(batch, torch.Generator().manual_seed(seed)).detach()) for seed in range(3)}
    assert len(losses) == 3


def test_scheduled_sampling_replaces_inputs_by_the_predictions_of_the_model() -> None:
    network, batch = tiny_network("dot"), tensors_of(PAIRS)
    with torch.no_grad():
        predictions = network.logits(batch, generator()).argmax(-1)
        all_replaced = float(network(batch, generator(), 1.0))
        batch.target_inputs = torch.cat([batch.target_inputs[:1], predictions[:-1]])
        assert float(network(batch, generator())) == pytest.approx(all_replaced, rel=FLOAT32)


def test_the_share_of_replaced_inputs_rises_during_training(
    corpus: Seq2SeqCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = task_of(corpus, scheduled_sampling=0.5)
    model = task.build()
    (batch, _) = next(task.batches(task.start()))
    shares = []

    def forward(batch: Seq2SeqTensors, rng: torch.Generator, sampled_share: float) -> torch.Tensor:
        shares.append(sampled_share)
        return torch.zeros(())

    monkeypatch.setattr(model, "forward", forward)
    for progress in (0.0, 0.5, 1.0):
        task.loss(model, batch, None, progress, generator())
    assert shares == [0.0, 0.25, 0.5]


def test_padding_has_no_effect() -> None:
    network, batch = tiny_network("additive"), batch_of(PAIRS)
    before = float(network(Seq2SeqTensors(batch, torch.device("cpu")), generator()).detach())
    for ids, lengths in ((batch.source, batch.source_lengths), (batch.target_inputs, batch.target_lengths)):
        ids[np.arange(ids.shape[1]) >= lengths[:, None]] = 4
    assert float(network(Seq2SeqTensors(batch, torch.device("cpu")), generator()).detach()) == before


def test_the_encoder_is_the_packed_lstm_of_torch() -> None:
    network, batch = tiny_network("dot"), tensors_of(PAIRS)
    lstm = torch.nn.LSTM(5, 6, bidirectional=True)
    lstm.load_state_dict(network.encoder.layers[0].state_dict())
    packed = pack_padded_sequence(batch.sources, batch.source_lengths)
    outputs, ((h, c),) = network.encoder(packed, 0.0, generator())
    expected, (h_expected, c_expected) = lstm(packed._replace(data=network.encoder.embedding(packed.data)))
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(expected)
    for actual, reference in ((outputs, expected), (h, h_expected), (c, c_expected)):
        torch.testing.assert_close(actual, reference)


def steps(task: Seq2SeqTask, model: torch.nn.Module, count: int) -> Iterator[float]:
    """Yield the loss per token of training steps on one batch."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    batch, _ = next(task.batches(task.start()))
    for _ in range(count):
        optimizer.zero_grad()
        loss, count_of_tokens, _ = task.loss(model, batch, None, 0.0, generator())
        (loss / count_of_tokens).backward()
        optimizer.step()
        yield float(loss.detach()) / count_of_tokens


@every_architecture
def test_it_overfits_one_batch_and_then_predicts_its_targets(architecture: str, corpus: Seq2SeqCorpus) -> None:
    task = task_of(corpus, architecture, hidden_size=32, embedding_size=16, encoder_hidden_size=None)
    model = task.build()
    for last in steps(task, model, 120):
        if last < 0.02:  # no need to go on
            break
    assert last < 0.05
    predictor = task.predictor(model.eval())
    assert predictor.predict([source for source, _ in ANTONYMS]) == [target for _, target in ANTONYMS]
    metrics = task.validate(model, predictor)
    assert metrics["exact_match"] == 1.0
    assert metrics["token_error_rate"] == 0.0
    vocabularies = predictor.source_vocabulary, predictor.target_vocabulary
    uncalibrated = Seq2SeqPredictor(predictor.config, predictor.text, *vocabularies, predictor.tensors)
    assert uncalibrated.measure(corpus.valid())["loss"] == pytest.approx(last, abs=0.05)


def test_the_preview_shows_predictions_and_the_expected_targets(corpus: Seq2SeqCorpus) -> None:
    task = task_of(corpus)
    preview = task.preview(task.predictor(task.build()))
    assert preview is not None
    lines = preview.splitlines()
    assert len(lines) == 3
    for line, example in zip(lines, corpus.valid(), strict=False):
        assert line.startswith(f"{example.source} → ")
        assert line.endswith(f"   (expected {example.targets[0]})")


def test_the_same_seed_gives_the_same_weights(corpus: Seq2SeqCorpus) -> None:
    def weights(seed: int) -> list[torch.Tensor]:
        return list(build_task(run_config(tiny_config("dot"), seed=seed), corpus).build().parameters())

    assert all(torch.equal(a, b) for a, b in zip(weights(1), weights(1), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(weights(1), weights(2), strict=True))


def test_validation_during_training_scores_about_validate_tokens(corpus: Seq2SeqCorpus) -> None:
    whole = build_task(run_config(tiny_config("dot"), validate_tokens=0), corpus)
    part = build_task(run_config(tiny_config("dot"), validate_tokens=8), corpus)
    predictor = whole.predictor(whole.build())
    pairs = corpus.valid()
    count = next(n for n in range(7) if sum(len(pair.targets[0]) + 1 for pair in pairs[:n]) >= 8)
    assert part.validate(whole.build(), predictor) == predictor.measure(pairs[:count])
    assert whole.validate(whole.build(), predictor) == predictor.measure(pairs)


def test_operations_are_counted_for_each_target_token(corpus: Seq2SeqCorpus) -> None:
    config = run_config(tiny_config("dot"))
    (batch, _) = next(build_task(config, corpus).batches({"epoch": 0, "batch": 0}))
    train = corpus.train_set
    sizes = config.model.model_dump(exclude_none=True)
    ratio = train.source.tokens / train.target.tokens
    each = operations_per_token(sizes, ratio, len(corpus.target_vocabulary))
    assert count_operations(config, corpus, batch, 7) == 7 * each
