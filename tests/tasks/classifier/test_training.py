"""Training a classifier: the loss depends on the texts alone, and validation measures the saved model."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from elman.tasks.classifier.corpus import ClassifierCorpus
from elman.tasks.classifier.network import ClassifierNetwork
from elman.tasks.classifier.predictor import ClassifierPredictor
from elman.tasks.classifier.training import ClassifierTask, build_task

from .models import (
    ARCHITECTURES,
    EXAMPLES,
    LABELS,
    batch_of,
    corpus_of,
    in_order,
    predictor_of,
    run_config,
    tiny_config,
    tiny_network,
)

every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)
RNG = torch.Generator()


@pytest.fixture
def corpus(tmp_path: Path) -> ClassifierCorpus:
    """Texts of a and b are cold, of d, e and f hot, of Chinese 中; twice as many are cold."""
    items = [(f"{word}{i % 7 * 'a'}", "cold") for i, word in enumerate(["aab", "abb", "abc", "cab"] * 10)]
    items += [(f"{word}{i % 5 * 'f'}", "hot") for i, word in enumerate(["fed", "dfe"] * 10)]
    items += [(f"{word}{i % 5 * '好'}", "中") for i, word in enumerate(["你", "好你"] * 10)]
    return corpus_of(tmp_path / "data", items)


def task_of(corpus: ClassifierCorpus, batch_size: int = 8, **model: Any) -> ClassifierTask:
    return build_task(run_config(tiny_config("max", **model), batch_size), corpus)


@every_architecture
def test_the_predictor_computes_the_loss_of_training(architecture: str) -> None:
    network = tiny_network(architecture)
    batch = batch_of(network.config, EXAMPLES)
    with torch.no_grad():
        log_p = torch.log_softmax(network(batch.tokens, RNG), -1).numpy()
    ordered = in_order(network.config, EXAMPLES)
    predictor = predictor_of(network)
    np.testing.assert_allclose(predictor.log_probabilities([text for text, _ in ordered]), log_p, atol=1e-5)
    loss = -log_p[np.arange(len(batch.labels)), batch.labels].mean()
    assert predictor.evaluate(EXAMPLES)["loss"] == pytest.approx(float(loss), abs=1e-5)


@every_architecture
def test_neither_padding_nor_order_nor_other_texts_change_the_logits(architecture: str) -> None:
    network = tiny_network(architecture)
    with torch.no_grad():
        expected = network(batch_of(network.config, EXAMPLES).tokens, RNG)
        torch.testing.assert_close(
            network(batch_of(network.config, EXAMPLES, padding=3).tokens, RNG), expected, rtol=0, atol=1e-6
        )
        ordered = in_order(network.config, EXAMPLES)
        for row, example in zip(expected, ordered, strict=True):
            torch.testing.assert_close(
                network(batch_of(network.config, [example]).tokens, RNG)[0], row, rtol=0, atol=1e-6
            )


@every_architecture
def test_the_network_overfits_one_batch(architecture: str) -> None:
    torch.manual_seed(0)
    network = tiny_network(architecture, hidden_size=16).train()
    batch = batch_of(network.config, EXAMPLES)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(batch.tokens, RNG), torch.from_numpy(batch.labels))
        loss.backward()
        optimizer.step()
        if float(loss.detach()) < 0.02:  # no need to go on
            break
    assert float(loss.detach()) < 0.05
    assert predictor_of(network).evaluate(EXAMPLES)["accuracy"] == 1.0


def test_gradients_equal_finite_differences() -> None:
    for architecture in ("last", "mean", "max", "attention", "words"):
        network = tiny_network(architecture).double()
        batch = batch_of(network.config, EXAMPLES)
        labels = torch.from_numpy(batch.labels)

        def loss(network: Any = network, batch: Any = batch, labels: Any = labels) -> torch.Tensor:
            return torch.nn.functional.cross_entropy(network(batch.tokens, RNG), labels, reduction="sum")

        loss().backward()
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            place = int(parameter.grad.abs().argmax())
            flat, step = parameter.data.view(-1), 1e-6
            original = float(flat[place])
            with torch.no_grad():
                flat[place] = original + step
                above = float(loss())
                flat[place] = original - step
                below = float(loss())
                flat[place] = original
            expected = float(parameter.grad.view(-1)[place])
            assert (above - below) / (2 * step) == pytest.approx(expected, rel=1e-6, abs=1e-8), name


def test_balanced_weights_give_every_label_the_same_total_weight(corpus: ClassifierCorpus) -> None:
    counts = dict(zip(corpus.labels, corpus.label_counts, strict=True))
    assert counts["cold"] > counts["hot"]
    assert task_of(corpus).objective == ("loss", "min")
    task = task_of(corpus, class_weights="balanced")
    assert task.objective == ("macro_f1", "max")
    network = task.build()
    network.eval()
    texts, labels = corpus.train()
    batch, _ = next(task_of(corpus, batch_size=len(texts)).batches(task.start()))
    with torch.no_grad():
        weighted, count, _ = task.loss(network, batch, None, 0.0, RNG)
        log_p = torch.log_softmax(network(batch.tokens, RNG), -1).numpy()
    losses = -log_p[np.arange(len(batch.labels)), batch.labels]
    means = [losses[batch.labels == label].mean() for label in range(len(corpus.labels))]
    assert count == len(labels)
    assert float(weighted) / count == pytest.approx(float(np.mean(means)), rel=1e-5)


def test_label_smoothing_applies_in_training_only(corpus: ClassifierCorpus) -> None:
    task = task_of(corpus, label_smoothing=0.3)
    network = task.build()
    batch, _ = next(task.batches(task.start()))
    with torch.no_grad():
        smoothed, _, _ = task.loss(network.train(), batch, None, 0.0, RNG)
        plain, count, _ = task.loss(network.eval(), batch, None, 0.0, RNG)
        log_p = torch.log_softmax(network(batch.tokens, RNG), -1)
    expected = 0.7 * float(plain) - 0.3 * float(log_p.mean(-1).sum())
    assert float(smoothed) == pytest.approx(expected, rel=1e-5)
    assert count == len(batch.labels)


def test_an_epoch_has_every_text_once_and_batches_resume_from_a_position(corpus: ClassifierCorpus) -> None:
    task = task_of(corpus)
    batches, position = [], task.start()
    stream = task.batches(position)
    for _ in range(task.batches_per_epoch):
        batch, position = next(stream)
        batches.append(batch)
        assert (np.diff(batch.tokens.lengths) <= 0).all()
    assert sum(len(batch.labels) for batch in batches) == corpus.train_set.count
    rows = [
        (row, n) for batch in batches for row, n in zip(batch.tokens.words.tolist(), batch.tokens.lengths, strict=True)
    ]
    texts, _ = corpus.train()
    assert sorted(tuple(row[:n]) for row, n in rows) == sorted(
        tuple(texts.words[i].tolist()) for i in range(len(texts))
    )
    middle = list(zip(task.batches(task.start()), range(5), strict=False))[2][0][1]
    resumed, _ = next(task.batches(middle))
    np.testing.assert_array_equal(resumed.labels, batches[3].labels)
    np.testing.assert_array_equal(resumed.tokens.words, batches[3].tokens.words)


def test_words_have_their_characters_and_word_dropout_applies_in_training_only(tmp_path: Path) -> None:
    items = [(f"the {word} is number {i}", word) for i in range(20) for word in ("Cat", "dog")]
    corpus = corpus_of(tmp_path / "data", items)
    task = build_task(run_config(tiny_config("words", word_dropout=1e9)), corpus)
    network = task.build()
    batch, _ = next(task.batches(task.start()))
    characters = batch.tokens.characters
    assert characters is not None
    for row, length in enumerate(batch.tokens.lengths):
        character_ids = [characters.ids[i, : characters.lengths[i]] for i in characters.token_index[row, :length]]
        tokens = ["".join(corpus.characters.decode(ids)) for ids in character_ids]
        assert corpus.vocabulary.decode(batch.tokens.words[row, :length]) == [token.lower() for token in tokens]
        assert tokens[1] == corpus.labels[batch.labels[row]]
    unknown = batch._replace(tokens=batch.tokens._replace(words=np.zeros_like(batch.tokens.words)))
    with torch.no_grad():
        plain, all_unknown = (
            float(task.loss(network.eval(), inputs, None, 0.0, RNG)[0]) for inputs in (batch, unknown)
        )
        trained = float(task.loss(network.train(), batch, None, 0.0, RNG)[0])
    assert trained == pytest.approx(all_unknown, rel=1e-6)
    assert trained != pytest.approx(plain, rel=1e-3)


def test_validation_uses_the_predictor_and_previews_show_the_expected_label(corpus: ClassifierCorpus) -> None:
    task = task_of(corpus)
    network = task.build()
    predictor = task.predictor(network)
    metrics = task.validate(network, predictor)
    evaluated = predictor.evaluate(corpus.valid())
    assert {**evaluated, **metrics} == {**evaluated, "loss_error": metrics["loss_error"]}
    assert set(metrics) == {"loss", "loss_error", "accuracy", "macro_f1"}
    assert math.isfinite(metrics["loss"])
    lines = (task.preview(predictor) or "").splitlines()
    assert len(lines) == 3
    for line, example in zip(lines, corpus.valid()[:3], strict=True):
        (label,) = predictor.predict([example.text])
        remark = "" if label == example.label else f"   (expected {example.label})"
        assert line == f"{example.text} → {label}{remark}"


def test_validation_measures_the_calibrated_model(corpus: ClassifierCorpus) -> None:
    task = task_of(corpus)
    network = task.build()
    predictor = task.predictor(network)
    raw = predictor_of_corpus(network, corpus)
    assert predictor.calibration == raw.calibrated(corpus.valid()).calibration
    assert predictor.calibration.temperature != 1.0
    assert task.validate(network, predictor)["loss"] < raw.measure(corpus.valid())["loss"]


def test_a_model_without_a_validation_set_is_not_calibrated(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "data", EXAMPLES, valid_fraction=0.0)
    assert not corpus.has_validation_set
    task = task_of(corpus)
    assert task.predictor(task.build()).calibration.temperature == 1.0


def predictor_of_corpus(network: ClassifierNetwork, corpus: ClassifierCorpus) -> ClassifierPredictor:
    """The predictor of a network that reads the tokens of a corpus, not calibrated."""
    weights = {name: p.detach().float().numpy().copy() for name, p in network.named_parameters()}
    return ClassifierPredictor(
        network.config, corpus.text, corpus.vocabulary, corpus.characters, corpus.labels, weights
    )


def test_the_same_seed_gives_the_same_weights(corpus: ClassifierCorpus) -> None:
    first, same, other = (
        build_task(run_config(tiny_config("max"), seed=seed), corpus).build().readout.weight for seed in (0, 0, 1)
    )
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert corpus.labels == LABELS
