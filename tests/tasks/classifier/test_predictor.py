"""The classifier at work: decisions that depend on the text alone, told token by token, and the same from a folder."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from elman.errors import ConfigError, DataError, ModelError
from elman.runtime import load, state_from_bytes, state_to_bytes
from elman.tasks.classifier import predictor as module

from ..classifier_models import (
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
def test_what_else_is_read_and_in_what_order_changes_no_decision(
    architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = tiny_predictor(architecture)
    together = predictor.log_probabilities(TEXTS)
    np.testing.assert_allclose(np.exp(together).sum(1), 1.0, rtol=1e-6)
    alone = np.concatenate([predictor.log_probabilities([text]) for text in TEXTS])
    np.testing.assert_allclose(together, alone, rtol=0, atol=2e-6)  # one product of more rows rounds otherwise
    backwards = predictor.log_probabilities(TEXTS[::-1])[::-1]
    np.testing.assert_allclose(together, backwards, rtol=0, atol=2e-6)
    monkeypatch.setattr(module, "BATCH_TOKENS", 8)
    np.testing.assert_allclose(together, predictor.log_probabilities(TEXTS), rtol=0, atol=2e-6)


@every_architecture
def test_the_order_of_tokens_counts(architecture: str) -> None:
    predictor = tiny_predictor(architecture)
    one, other = predictor.log_probabilities(["a b c d", "a d c b"])
    assert np.abs(one - other).max() > 1e-3


@every_architecture
def test_shares_add_up_to_the_decision_and_decisions_are_those_of_prefixes(architecture: str) -> None:
    predictor = tiny_predictor(architecture)
    for text in ("fed", "你好", "abzzcab", "a fed B"):
        told = predictor.explain(text)
        tokens = predictor.tokens(text)
        space = " " if predictor.text.level == "word" else ""
        prefixes = predictor.predict_proba([space.join(tokens[: n + 1]) for n in range(len(tokens))])
        assert told.label == predictor.predict([text])[0]
        assert told.tokens == tokens == (list(text) if space == "" or "你" in text else text.split())
        assert told.decisions == [LABELS[i] for i in prefixes.argmax(1)]
        np.testing.assert_allclose(told.probabilities, prefixes.max(1), rtol=1e-5)
        total = math.log(told.prior) + told.shares.sum()
        assert total == pytest.approx(math.log(told.probability), abs=1e-5)


@pytest.mark.parametrize("architecture", ["max_one_way", "words_one_way"])
@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
def test_a_model_that_reads_one_way_decides_token_by_token(pooling: str, architecture: str) -> None:
    predictor = tiny_predictor(architecture, pooling=pooling)
    tokens = [predictor.tokens("f e d 你 c a")[:6], predictor.tokens("Fed ab z c ab e")[:6]]
    space = " " if predictor.text.level == "word" else ""
    state = predictor.initial_state(2)
    for count in range(1, 7):
        log_p, state = predictor.step([each[count - 1] for each in tokens], state)
        state = state_from_bytes(state_to_bytes(state))
        expected = predictor.log_probabilities([space.join(each[:count]) for each in tokens])
        np.testing.assert_allclose(log_p, expected, rtol=0, atol=3e-6)
    with pytest.raises(ConfigError, match="the model reads both ways, so it must have read all of a text"):
        tiny_predictor("max", pooling=pooling).initial_state()


def test_before_anything_is_read_a_model_decides_by_its_bias_alone() -> None:
    for architecture in ARCHITECTURES:
        predictor = tiny_predictor(architecture)
        b = predictor.tensors["readout.bias"]
        expected = np.exp(b) / np.exp(b).sum()
        np.testing.assert_allclose(predictor.predict_proba([""])[0], expected, rtol=1e-5)
        np.testing.assert_allclose(predictor.predict_proba(["", "abc"])[0], expected, rtol=1e-5)


def test_pooling_by_hand() -> None:
    for architecture in ("mean", "max", "last", "attention"):
        predictor = tiny_predictor(architecture)
        ids, n = VOCABULARY.encode("fed")[None], predictor.config.num_layers - 1
        layers = predictor._reader._layers
        outputs, last = layers.run(ids, layers.initial_state(1))
        (h,) = outputs.astype(np.float64)
        ends = np.concatenate([last[f"layers.{n}.h"][0], last[f"layers.{n}.h_reverse"][0]])
        if architecture == "attention":
            W, b, v = (predictor.tensors[f"pooling.{name}"] for name in ("key.weight", "key.bias", "score"))
            a = np.exp([v @ np.tanh(W @ each + b) for each in h])
            pooled = (a[:, None] / a.sum() * h).sum(0)
        else:
            pooled = {"mean": h.mean(0), "max": h.max(0), "last": ends}[architecture]
        logits = predictor.tensors["readout.weight"] @ pooled + predictor.tensors["readout.bias"]
        expected = np.exp(logits) / np.exp(logits).sum()
        np.testing.assert_allclose(predictor.predict_proba(["fed"])[0], expected, rtol=1e-5)


def test_words_are_looked_up_in_lower_case_and_spelled_as_they_stand() -> None:
    predictor = tiny_predictor("words")
    assert predictor.tokens("Fed, ab你") == ["Fed", ",", "ab", "你"]
    upper, lower = predictor.log_probabilities(["F ab", "f ab"])
    assert np.abs(upper - lower).max() > 1e-3  # one word, spelled otherwise
    blind = tiny_predictor("max")
    blind.text = predictor.text  # the same texts, of whose words no character is read
    blind._reader._word = predictor.text.word
    np.testing.assert_array_equal(*blind.log_probabilities(["F ab", "f ab"]))
    assert predictor.unknown(["Fed", "zag"]) == ["z", "g"]
    assert blind.unknown(["F", "zag"]) == ["zag"]


def test_metrics_are_those_of_scikit_learn() -> None:
    predictor = tiny_predictor()
    examples = EXAMPLES * 3 + [("ab", "hot"), ("ba", "cold")]
    found, labels = predictor.predict([text for text, _ in examples]), [label for _, label in examples]
    told = predictor.evaluate(examples)
    assert told["accuracy"] == pytest.approx(accuracy_score(labels, found))
    each = f1_score(labels, found, labels=list(LABELS), average=None, zero_division=0.0)
    assert [told["f1"][label] for label in LABELS] == pytest.approx(each.tolist())
    assert told["macro_f1"] == pytest.approx(each.mean())
    assert np.sum(told["confusion"]["counts"]) == told["count"] == len(examples)
    assert told["confusion"]["labels"] == list(LABELS)
    for label, row in zip(LABELS, told["confusion"]["counts"], strict=True):
        decided = [other for other, right in zip(found, labels, strict=True) if right == label]
        assert row == [decided.count(other) for other in LABELS]
    log_p = predictor.log_probabilities([text for text, _ in examples])
    right = [row[LABELS.index(label)] for row, label in zip(log_p, labels, strict=True)]
    assert told["loss"] == pytest.approx(-np.mean(right), rel=1e-6)


def test_a_saved_model_decides_the_same(tmp_path: Path) -> None:
    for architecture in ARCHITECTURES:
        predictor = tiny_predictor(architecture)
        predictor.save(tmp_path / architecture, card="# Mine\n")
        loaded = load(tmp_path / architecture)
        assert (loaded.config, loaded.labels, loaded.card) == (predictor.config, LABELS, "# Mine\n")
        np.testing.assert_array_equal(loaded.log_probabilities(TEXTS), predictor.log_probabilities(TEXTS))


def test_what_does_not_fit_together_is_a_damaged_model() -> None:
    tensors = tiny_predictor().tensors
    with pytest.raises(ModelError, match="two labels or more, all different"):
        module.ClassifierPredictor(tiny_config("max"), TEXT, VOCABULARY, CHARACTERS, ("a", "a", "b"), tensors)
    with pytest.raises(ModelError, match=r"'readout.weight' has shape \(3, 12\), expected \(2, 12\)"):
        module.ClassifierPredictor(tiny_config("max"), TEXT, VOCABULARY, CHARACTERS, ("a", "b"), tensors)
    with pytest.raises(ModelError, match=r"lacks the weights 'pooling\.key\.weight'"):
        module.ClassifierPredictor(
            tiny_config("max", pooling="attention"), TEXT, VOCABULARY, CHARACTERS, LABELS, tensors
        )


def test_texts_are_several_texts_and_labels_known_ones() -> None:
    predictor = tiny_predictor()
    with pytest.raises(DataError, match=r"one text, .abc., expected several; give a list"):
        predictor.predict("abc")
    with pytest.raises(DataError, match="item 1 is None, expected text"):
        predictor.predict(["abc", None])  # type: ignore[list-item]
    with pytest.raises(DataError, match="no texts to score"):
        predictor.evaluate([])
    with pytest.raises(DataError, match=r"the model knows no label .warm.; expected one of cold, hot, 中"):
        predictor.evaluate([("abc", "warm")])
    assert predictor.predict([]) == []


def test_a_folder_of_something_else_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="holds other files"):
        tiny_predictor().save(tmp_path)
