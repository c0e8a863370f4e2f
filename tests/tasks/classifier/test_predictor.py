"""Predictions of a classifier: labels depend on the text alone, explanations sum up, and a folder predicts the same."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from elman.checkpoint import ModelFolder, write_model
from elman.errors import ArgumentError, ConfigError, DataError, ModelError
from elman.tasks.classifier import predictor as module
from elman.tasks.classifier.predictor import ClassifierPredictor
from elman.tasks.classifier.readers import LabelledText
from elman.tasks.loading import load

from .models import (
    ARCHITECTURES,
    CHARACTERS,
    EXAMPLES,
    LABELS,
    TEXT,
    VOCABULARY,
    tiny_config,
    tiny_predictor,
)

TEXTS = [text for text, _ in EXAMPLES]
every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)


@every_architecture
def test_neither_other_texts_nor_their_order_change_a_prediction(
    architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = tiny_predictor(architecture)
    expected = predictor.log_probabilities(TEXTS)
    np.testing.assert_allclose(np.exp(expected).sum(1), 1.0, rtol=1e-6)
    alone = np.concatenate([predictor.log_probabilities([text]) for text in TEXTS])
    np.testing.assert_allclose(alone, expected, rtol=0, atol=2e-6)  # a product of more rows rounds differently
    reverse = predictor.log_probabilities(TEXTS[::-1])[::-1]
    np.testing.assert_allclose(reverse, expected, rtol=0, atol=2e-6)
    monkeypatch.setattr(module, "BATCH_TOKENS", 8)
    np.testing.assert_allclose(predictor.log_probabilities(TEXTS), expected, rtol=0, atol=2e-6)


@every_architecture
def test_the_order_of_tokens_matters(architecture: str) -> None:
    predictor = tiny_predictor(architecture)
    first, second = predictor.log_probabilities(["a b c d", "a d c b"])
    assert np.abs(first - second).max() > 1e-3


@every_architecture
def test_contributions_sum_to_the_prediction_and_decisions_are_those_of_prefixes(architecture: str) -> None:
    predictor = tiny_predictor(architecture)
    for text in ("fed", "你好", "abzzcab", "a fed B"):
        explanation = predictor.explain(text)
        tokens = predictor.tokens(text)
        space = " " if predictor.text.level == "word" else ""
        prefixes = np.exp(predictor.log_probabilities([space.join(tokens[: n + 1]) for n in range(len(tokens))]))
        assert explanation.label == predictor.predict([text])[0]
        assert explanation.tokens == tokens == (list(text) if space == "" or "你" in text else text.split())
        assert explanation.decisions == [LABELS[i] for i in prefixes.argmax(1)]
        np.testing.assert_allclose(explanation.probabilities, prefixes.max(1), rtol=1e-5)
        total = math.log(explanation.prior) + explanation.contributions.sum()
        assert total == pytest.approx(math.log(explanation.probability), abs=1e-5)


@pytest.mark.parametrize("architecture", ["max_unidirectional", "words_unidirectional"])
@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
def test_a_unidirectional_model_predicts_token_by_token(pooling: str, architecture: str) -> None:
    predictor = tiny_predictor(architecture, pooling=pooling)
    lists = [predictor.tokens("f e d 你 c a")[:6], predictor.tokens("Fed ab z c ab e")[:6]]
    space = " " if predictor.text.level == "word" else ""
    state = predictor.initial_state(2)
    for count in range(1, 7):
        log_p, state = predictor.step([tokens[count - 1] for tokens in lists], state)
        state = predictor.state_from_bytes(predictor.state_to_bytes(state))
        expected = predictor.log_probabilities([space.join(tokens[:count]) for tokens in lists])
        np.testing.assert_allclose(log_p, expected, rtol=0, atol=3e-6)


@every_architecture
def test_every_probability_is_that_of_the_logits_divided_by_the_temperature(architecture: str) -> None:
    plain, calibrated = (tiny_predictor(architecture, temperature=T) for T in (1.0, 0.4))
    logits = plain.log_probabilities(TEXTS).astype(np.float64) / 0.4
    expected = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    np.testing.assert_allclose(calibrated.log_probabilities(TEXTS), expected, atol=2e-5)
    np.testing.assert_allclose(calibrated.predict_proba(TEXTS), np.exp(expected), atol=2e-5)
    assert calibrated.predict(TEXTS) == plain.predict(TEXTS)
    for text, log_p in zip(TEXTS, expected, strict=True):
        assert calibrated.explain(text).probability == pytest.approx(np.exp(log_p.max()), rel=1e-4)
        np.testing.assert_allclose(calibrated.trace(text)["log_probabilities"], log_p, atol=2e-5)
    assert calibrated.evaluate(EXAMPLES)["mean_confidence"] == pytest.approx(np.exp(expected.max(1)).mean(), rel=1e-4)
    if not calibrated.config.bidirectional:
        state = calibrated.initial_state()
        for token in calibrated.tokens(TEXTS[0]):
            log_p, state = calibrated.step([token], state)
        np.testing.assert_allclose(log_p[0], expected[0], atol=2e-5)


def test_calibration_minimizes_the_loss_and_is_kept_in_the_model_folder(tmp_path: Path) -> None:
    predictor = tiny_predictor(temperature=3.0)
    order = (-predictor.predict_proba(TEXTS)).argsort(1)  # four in five predictions are correct
    examples = [
        LabelledText(text, LABELS[ranked[rank]])
        for rank in (0, 0, 0, 0, 1)
        for text, ranked in zip(TEXTS, order, strict=True)
    ]
    calibrated = predictor.calibrated(examples)
    assert calibrated.calibration == tiny_predictor().calibrated(examples).calibration, "T replaces the T before"
    losses = {
        factor: tiny_predictor(temperature=factor * calibrated.calibration.temperature).measure(examples)["loss"]
        for factor in (0.7, 1.0, 1.4)
    }
    assert min(losses, key=losses.__getitem__) == 1.0
    calibrated.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert loaded.calibration == calibrated.calibration
    np.testing.assert_array_equal(loaded.log_probabilities(TEXTS), calibrated.log_probabilities(TEXTS))
    np.testing.assert_array_equal(loaded.tensors["readout.weight"], predictor.tensors["readout.weight"])


def test_a_folder_without_calibration_has_the_temperature_1(tmp_path: Path) -> None:
    predictor = tiny_predictor()
    config = {
        "task": "classify",
        "model": predictor.config.model_dump(mode="json"),
        "text": predictor.text.model_dump(mode="json"),
    }
    vocabularies = {name: list(tokens) for name, tokens in predictor.vocabularies().items()}
    write_model(tmp_path / "old", ModelFolder(config, predictor.tensors, vocabularies))
    assert load(tmp_path / "old").calibration.temperature == 1.0
    np.testing.assert_array_equal(load(tmp_path / "old").log_probabilities(TEXTS), predictor.log_probabilities(TEXTS))
    for temperature in (0.0, -1.0, 1e300, "warm"):
        damaged = {**config, "calibration": {"temperature": temperature}}
        write_model(tmp_path / "bad", ModelFolder(damaged, predictor.tensors, vocabularies))
        with pytest.raises(ModelError, match=r"temperature.*The folder is damaged"):
            load(tmp_path / "bad")


def test_a_bidirectional_model_has_no_state() -> None:
    with pytest.raises(ConfigError, match="the model is bidirectional; expected one that reads in one direction"):
        tiny_predictor("max").initial_state()


@every_architecture
def test_before_the_first_token_the_bias_decides(architecture: str) -> None:
    predictor = tiny_predictor(architecture)
    b = predictor.tensors["readout.bias"]
    explanation = predictor.explain("ab")
    expected = (np.exp(b) / np.exp(b).sum())[predictor.labels.index(explanation.label)]
    assert explanation.prior == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("text", ["", " \t\n"])
def test_an_empty_text_is_an_error(text: str) -> None:
    with pytest.raises(DataError, match="item 1 is empty; expected a text"):
        tiny_predictor().predict_proba(["ab", text])


@pytest.mark.parametrize("architecture", ["mean", "max", "last", "attention"])
def test_pooling_follows_its_equation(architecture: str) -> None:
    predictor = tiny_predictor(architecture)
    ids, top = VOCABULARY.encode("fed")[None], predictor.config.num_layers - 1
    layers = predictor._encoder.layers
    outputs, state = layers.run(ids, layers.initial_state(1))
    (h,) = outputs.astype(np.float64)
    last = np.concatenate([state[f"layers.{top}.h"][0], state[f"layers.{top}.h_reverse"][0]])
    if architecture == "attention":
        W, b, v = (predictor.tensors[f"pooling.{name}"] for name in ("key.weight", "key.bias", "score"))
        a = np.exp([v @ np.tanh(W @ h_t + b) for h_t in h])
        pooled = (a[:, None] / a.sum() * h).sum(0)
    else:
        pooled = {"mean": h.mean(0), "max": h.max(0), "last": last}[architecture]
    logits = predictor.tensors["readout.weight"] @ pooled + predictor.tensors["readout.bias"]
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(predictor.predict_proba(["fed"])[0], expected, rtol=1e-5)


def test_words_are_looked_up_in_lower_case_and_their_characters_read_unchanged() -> None:
    predictor = tiny_predictor("words")
    assert predictor.tokens("Fed, ab你") == ["Fed", ",", "ab", "你"]
    upper, lower = predictor.log_probabilities(["F ab", "f ab"])
    assert np.abs(upper - lower).max() > 1e-3  # one word, different characters
    without_characters = tiny_predictor("max")
    without_characters.text = predictor.text  # the same tokens
    without_characters._encoder._word = predictor.text.word
    np.testing.assert_array_equal(*without_characters.log_probabilities(["F ab", "f ab"]))
    assert predictor.unknown(["Fed", "zag"]) == ["z", "g"]
    assert without_characters.unknown(["F", "zag"]) == ["zag"]


@every_architecture
def test_a_saved_model_predicts_the_same(architecture: str, tmp_path: Path) -> None:
    predictor = tiny_predictor(architecture)
    predictor.save(tmp_path / "model", card="# Mine\n")
    loaded = load(tmp_path / "model")
    assert isinstance(loaded, ClassifierPredictor)
    assert (loaded.config, loaded.labels, loaded.card) == (predictor.config, LABELS, "# Mine\n")
    np.testing.assert_array_equal(loaded.log_probabilities(TEXTS), predictor.log_probabilities(TEXTS))


@pytest.mark.parametrize(
    ("pooling", "labels", "expected"),
    [
        ("max", ("a", "a", "b"), r"has the labels \['a', 'a', 'b'\]; expected one or more, all different"),
        ("max", ("a", "b"), r"'readout.weight' has shape \(3, 12\); expected \(2, 12\)"),
        ("attention", LABELS, r"lacks the weights 'pooling\.key\.weight'"),
    ],
)
def test_parts_that_do_not_fit_together_are_a_damaged_model(
    pooling: str, labels: tuple[str, ...], expected: str
) -> None:
    tensors = tiny_predictor().tensors
    with pytest.raises(ModelError, match=expected):
        ClassifierPredictor(tiny_config("max", pooling=pooling), TEXT, VOCABULARY, CHARACTERS, labels, tensors)


def test_arguments_that_are_no_texts_are_errors() -> None:
    predictor = tiny_predictor()
    with pytest.raises(DataError, match=r"one text, .abc.; expected several. Give a list"):
        predictor.predict("abc")
    with pytest.raises(DataError, match="item 1 is None; expected text"):
        predictor.predict(["abc", None])  # type: ignore[list-item]
    assert predictor.predict([]) == []


def test_a_folder_of_something_else_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="the folder contains other files"):
        tiny_predictor().save(tmp_path)


def test_texts_without_a_probable_label_have_none() -> None:
    predictor = tiny_predictor()
    texts = ["abc", "de", "abcde", "ba"]
    p = predictor.predict_proba(texts)
    threshold = float(np.sort(p.max(1))[2])
    expected = [predictor.labels[row.argmax()] if row.max() >= threshold else None for row in p]
    assert expected.count(None) == 2
    assert predictor.predict_or_abstain(texts, threshold) == expected
    first = predictor.labels[0]
    without = {label: 1.0 for label in predictor.labels if label != first}
    assert predictor.predict_or_abstain(texts, {first: 0.0, **without}) == [first] * 4
    with pytest.raises(ArgumentError, match=r"threshold: given 1.5; expected a probability from 0 to 1"):
        predictor.predict_or_abstain(texts, 1.5)
    with pytest.raises(ConfigError, match="threshold: the model does not know the label 'rock'"):
        predictor.predict_or_abstain(texts, {"rock": 0.5})
