"""Training a tagger: the loss depends on the sentences alone, and validation measures the saved model."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from elman.tasks.tagger.corpus import TaggerCorpus
from elman.tasks.tagger.network import TaggerNetwork
from elman.tasks.tagger.training import TaggerBatch, TaggerTask, build_task

from .models import ARCHITECTURES, EXAMPLES, batch_of, corpus_of, predictor_of, run_config, tiny_config, tiny_network

every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)
RNG = torch.Generator()
WORDS, TAGS = ("Ann", "Lee", "left", "Rome"), ("B-X", "I-X", "O", "B-X")


@pytest.fixture
def corpus(tmp_path: Path) -> TaggerCorpus:
    """Different sentences of 1 to 4 words and a number."""
    items = [((*WORDS[: 1 + i % 4], f"{i}"), (*TAGS[: 1 + i % 4], "O")) for i in range(40)]
    return corpus_of(tmp_path / "data", items)


def task_of(corpus: TaggerCorpus, architecture: str = "plain", batch_size: int = 8, **model: Any) -> TaggerTask:
    return build_task(run_config(tiny_config(architecture, **model), batch_size), corpus)


def loss_of(network: TaggerNetwork, batch: TaggerBatch, corpus: TaggerCorpus) -> tuple[torch.Tensor, int]:
    task = build_task(run_config(network.config), corpus)
    loss, count, _ = task.loss(network, batch, None, 0.0, RNG)
    return loss, count


@every_architecture
def test_the_predictor_computes_the_loss_of_training(architecture: str, corpus: TaggerCorpus) -> None:
    network = tiny_network(architecture)
    with torch.no_grad():
        loss, count = loss_of(network, batch_of(EXAMPLES), corpus)
    measured = predictor_of(network).evaluate(EXAMPLES)
    assert measured["count"] == count == sum(len(tokens) for tokens, _ in EXAMPLES)
    assert measured["loss"] == pytest.approx(float(loss) / count, abs=1e-5)


@every_architecture
def test_neither_padding_nor_order_nor_other_sentences_change_the_loss(architecture: str, corpus: TaggerCorpus) -> None:
    network = tiny_network(architecture)
    with torch.no_grad():
        expected, _ = loss_of(network, batch_of(EXAMPLES), corpus)
        padded, _ = loss_of(network, batch_of(EXAMPLES, padding=3), corpus)
        reverse, _ = loss_of(network, batch_of(EXAMPLES[::-1]), corpus)
        alone = [loss_of(network, batch_of([example]), corpus)[0] for example in EXAMPLES]
    assert float(padded) == pytest.approx(float(expected), rel=1e-6)
    assert float(reverse) == pytest.approx(float(expected), rel=1e-6)
    assert float(sum(alone)) == pytest.approx(float(expected), rel=1e-6)


@every_architecture
def test_the_network_overfits_one_batch(architecture: str, corpus: TaggerCorpus) -> None:
    network = tiny_network(architecture, hidden_size=16, num_layers=1).train()
    batch = batch_of(EXAMPLES)
    task = build_task(run_config(network.config), corpus)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(200):
        optimizer.zero_grad()
        loss, count, _ = task.loss(network, batch, None, 0.0, RNG)
        loss.backward()
        optimizer.step()
        if float(loss.detach()) / count < 0.02:  # no need to go on
            break
    assert float(loss.detach()) / count < 0.05
    measured = predictor_of(network).evaluate(EXAMPLES)
    assert measured["accuracy"] == 1.0
    assert measured.get("span_f1", 1.0) == 1.0


@pytest.mark.parametrize("architecture", ["plain", "crf", "words"])
def test_gradients_equal_finite_differences(architecture: str, corpus: TaggerCorpus) -> None:
    network = tiny_network(architecture).double()
    batch = batch_of(EXAMPLES)
    loss_of(network, batch, corpus)[0].backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        place = int(parameter.grad.abs().argmax())
        flat, step = parameter.data.view(-1), 1e-6
        original = float(flat[place])
        with torch.no_grad():
            flat[place] = original + step
            above = float(loss_of(network, batch, corpus)[0])
            flat[place] = original - step
            below = float(loss_of(network, batch, corpus)[0])
            flat[place] = original
        expected = float(parameter.grad.view(-1)[place])
        assert (above - below) / (2 * step) == pytest.approx(expected, rel=1e-5, abs=1e-8), name


def test_batches_hold_the_sentences_of_the_corpus(corpus: TaggerCorpus) -> None:
    """Every token of a batch has its word, label and characters, and an epoch has every sentence once."""
    task, sentences = task_of(corpus), []
    stream = task.batches(task.start())
    for _ in range(task.batches_per_epoch):
        (words, lengths, characters), labels = next(stream)[0]
        assert characters is not None
        assert (np.diff(lengths) <= 0).all()
        assert (np.diff(characters.lengths) <= 0).all()
        assert len({tuple(row) for row in characters.ids.tolist()}) == len(characters.ids)
        for row, length in enumerate(lengths):
            character_ids = [characters.ids[i, : characters.lengths[i]] for i in characters.token_index[row, :length]]
            tokens = ["".join(corpus.characters.decode(ids)) for ids in character_ids]
            assert corpus.words.decode(words[row, :length]) == [token.lower() for token in tokens]
            assert (labels[row, length:] == -100).all()
            sentences.append((tuple(tokens), tuple(corpus.labels[i] for i in labels[row, :length])))
    assert sorted(sentences) == sorted((example.tokens, example.tags) for example in corpus._read("train.jsonl"))


def test_batches_resume_from_a_position(corpus: TaggerCorpus) -> None:
    task = task_of(corpus)
    batches = list(zip(task.batches(task.start()), range(8), strict=False))
    ((_, position), _), ((expected, _), _) = batches[5], batches[6]
    resumed, _ = next(task.batches(position))
    np.testing.assert_array_equal(resumed.labels, expected.labels)
    np.testing.assert_array_equal(resumed.tokens.words, expected.tokens.words)
    assert resumed.tokens.characters is not None
    assert expected.tokens.characters is not None
    for resumed_array, expected_array in zip(resumed.tokens.characters, expected.tokens.characters, strict=True):
        np.testing.assert_array_equal(resumed_array, expected_array)


def test_word_dropout_applies_in_training_only(corpus: TaggerCorpus) -> None:
    task = task_of(corpus, word_dropout=1e9, character_size=0)
    network = task.build()
    batch, _ = next(task.batches(task.start()))
    assert batch.tokens.characters is None
    unknown = batch._replace(tokens=batch.tokens._replace(words=np.zeros_like(batch.tokens.words)))
    with torch.no_grad():
        plain, all_unknown = (
            float(task.loss(network.eval(), inputs, None, 0.0, RNG)[0]) for inputs in (batch, unknown)
        )
        trained = float(task.loss(network.train(), batch, None, 0.0, RNG)[0])
    assert trained == pytest.approx(all_unknown, rel=1e-6)
    assert trained != pytest.approx(plain, rel=1e-3)


def test_label_smoothing_applies_in_training_only(corpus: TaggerCorpus) -> None:
    task = task_of(corpus, label_smoothing=0.3)
    network = task.build()
    batch, _ = next(task.batches(task.start()))
    with torch.no_grad():
        smoothed, _, _ = task.loss(network.train(), batch, None, 0.0, RNG)
        plain, _, _ = task.loss(network.eval(), batch, None, 0.0, RNG)
        log_p = torch.log_softmax(network(batch.tokens, RNG).data, -1)
    expected = 0.7 * float(plain) - 0.3 * float(log_p.mean(-1).sum())
    assert float(smoothed) == pytest.approx(expected, rel=1e-5)


def test_validation_uses_the_predictor(corpus: TaggerCorpus) -> None:
    task = task_of(corpus)
    assert task.objective == ("span_f1", "max")
    assert task_of(corpus, scheme="none").objective == ("accuracy", "max")
    network = task.build()
    predictor = task.predictor(network)
    metrics = task.validate(network, predictor)
    assert metrics == {name: predictor.evaluate(corpus.valid())[name] for name in ("loss", "accuracy", "span_f1")}
    assert math.isfinite(metrics["loss"])
    first = corpus.valid()[0].tokens
    (tags,) = predictor.predict([first])
    assert task.preview(predictor) == " ".join(f"{a}/{b}" for a, b in zip(first, tags, strict=True))


def test_the_same_seed_gives_the_same_weights(corpus: TaggerCorpus) -> None:
    config = tiny_config("crf")
    first, same, other = (
        build_task(run_config(config, seed=seed), corpus).build().tokens.words.weight for seed in (0, 0, 1)
    )
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
