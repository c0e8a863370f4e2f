"""The classifier at work: decisions that depend on the text alone, told token by token, and the same from a folder."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from elman.errors import ConfigError, DataError, ModelError
from elman.runtime import classifier as module
from elman.runtime import load, state_from_bytes, state_to_bytes

from ..classifier_models import ARCHITECTURES, EXAMPLES, LABELS, TEXT, VOCABULARY, tiny_config, tiny_predictor

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
    one, other = predictor.log_probabilities(["abcd", "adcb"])
    assert np.abs(one - other).max() > 1e-3


@every_architecture
def test_shares_add_up_to_the_decision_and_decisions_are_those_of_prefixes(architecture: str) -> None:
    predictor = tiny_predictor(architecture)
    for text in ("fed", "你好", "abzzcab"):
        told = predictor.explain(text)
        prefixes = predictor.predict_proba([text[: n + 1] for n in range(len(text))])
        assert told.label == predictor.predict([text])[0]
        assert told.tokens == list(text)
        assert told.decisions == [LABELS[i] for i in prefixes.argmax(1)]
        np.testing.assert_allclose(told.probabilities, prefixes.max(1), rtol=1e-5)
        total = math.log(told.prior) + told.shares.sum()
        assert total == pytest.approx(math.log(told.probability), abs=1e-5)


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
def test_a_model_that_reads_one_way_decides_token_by_token(pooling: str) -> None:
    predictor = tiny_predictor("max_one_way", pooling=pooling)
    texts = ["fed你cab", "abzzcab"]
    state = predictor.initial_state(2)
    ids = np.stack([predictor.codec.encode_prompt(text[:6]) for text in texts])
    for count in range(1, 7):
        log_p, state = predictor.step(ids[:, count - 1], state)
        state = state_from_bytes(state_to_bytes(state))
        expected = predictor.log_probabilities([text[:count] for text in texts])
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
        ids = predictor.codec.encode_prompt("fed")[None]
        outputs, last = predictor._stack.run(ids, predictor._stack.initial_state(1))
        (h,), n = outputs.astype(np.float64), predictor.config.num_layers - 1
        ends = np.concatenate([last[f"encoder.layers.{n}.h"][0], last[f"encoder.layers.{n}.h_reverse"][0]])
        if architecture == "attention":
            W, b, v = (predictor.tensors[f"pooling.{name}"] for name in ("key.weight", "key.bias", "score"))
            a = np.exp([v @ np.tanh(W @ each + b) for each in h])
            pooled = (a[:, None] / a.sum() * h).sum(0)
        else:
            pooled = {"mean": h.mean(0), "max": h.max(0), "last": ends}[architecture]
        logits = predictor.tensors["readout.weight"] @ pooled + predictor.tensors["readout.bias"]
        expected = np.exp(logits) / np.exp(logits).sum()
        np.testing.assert_allclose(predictor.predict_proba(["fed"])[0], expected, rtol=1e-5)


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
        module.ClassifierPredictor(tiny_config("max"), TEXT, VOCABULARY, ("a", "a", "b"), tensors)
    with pytest.raises(ModelError, match=r"'readout.weight' has shape \(3, 12\), expected \(2, 12\)"):
        module.ClassifierPredictor(tiny_config("max"), TEXT, VOCABULARY, ("a", "b"), tensors)
    with pytest.raises(ModelError, match=r"lacks the weights 'pooling\.key\.weight'"):
        module.ClassifierPredictor(tiny_config("max", pooling="attention"), TEXT, VOCABULARY, LABELS, tensors)


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
