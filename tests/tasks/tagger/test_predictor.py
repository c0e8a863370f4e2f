"""Predictions of a tagger: tags depend on the sentence alone, in a stream and from a folder alike."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.errors import ConfigError, DataError, ModelError
from elman.tasks.loading import load
from elman.tasks.tagger import predictor as module
from elman.tasks.tagger.predictor import TaggerPredictor
from elman.text.spans import first_violation

from .models import ARCHITECTURES, CHARACTERS, EXAMPLES, LABELS, TEXT, WORDS, tiny_config, tiny_predictor

SENTENCES = [tokens for tokens, _ in EXAMPLES]
every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)


@every_architecture
@pytest.mark.parametrize("variant", ["alone", "reverse", "small batches"])
def test_neither_other_sentences_nor_their_order_change_a_tag(
    architecture: str, variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = tiny_predictor(architecture)
    expected_p, expected_tags = predictor.predict_proba(SENTENCES), predictor.predict(SENTENCES)
    if variant == "small batches":
        monkeypatch.setattr(module, "BATCH_TOKENS", 8)
        monkeypatch.setattr(module, "BATCH_TRANSITIONS", 9)
    step = -1 if variant == "reverse" else 1
    calls = [[tokens] for tokens in SENTENCES] if variant == "alone" else [SENTENCES[::step]]
    probabilities = [p for sentences in calls for p in predictor.predict_proba(sentences)]
    tags = [tags for sentences in calls for tags in predictor.predict(sentences)]
    assert tags[::step] == expected_tags
    for p, expected in zip(probabilities[::step], expected_p, strict=True):
        np.testing.assert_allclose(p, expected, rtol=0, atol=3e-6)  # a product of more rows rounds differently
        np.testing.assert_allclose(p.sum(1), 1.0, rtol=1e-5)


@every_architecture
def test_probabilities_follow_the_equations(architecture: str) -> None:
    """Each part by its equation, the readout in float64."""
    predictor = tiny_predictor(architecture)
    tokens, weights, encoder = SENTENCES[2], predictor.tensors, predictor._encoder
    x = [weights["tokens.words.weight"][WORDS[token.lower()]] for token in tokens]
    if encoder._character_layer is not None:
        for t, token in enumerate(tokens):
            layer = encoder._character_layer
            _, state = layer.run(CHARACTERS.encode(token)[None], layer.initial_state(1))
            last = [state[f"tokens.characters.layers.0.h{ending}"][0] for ending in ("", "_reverse")]
            x[t] = np.concatenate([x[t], *last])
    h, _ = encoder.layers.run(np.array([x], np.float32), encoder.layers.initial_state(1))
    e = h[0].astype(np.float64) @ weights["readout.weight"].T + weights["readout.bias"]
    if predictor.config.crf:
        assert predictor._crf is not None
        expected = predictor._crf.marginals(e[None], np.array([len(tokens)]))[0]
    else:
        expected = np.exp(e) / np.exp(e).sum(1, keepdims=True)
    np.testing.assert_allclose(predictor.predict_proba([tokens])[0], expected, rtol=1e-4, atol=1e-7)


@every_architecture
def test_the_probability_of_a_sequence_of_tags_is_its_share_of_all_sequences(architecture: str) -> None:
    """Against all paths, one by one: with a CRF by their scores, without one by the products over the tokens."""
    predictor = tiny_predictor(architecture)
    tokens = SENTENCES[0][:3]
    paths = list(itertools.product(LABELS, repeat=3))
    log_p = predictor.log_probabilities([tokens] * len(paths), paths)
    assert np.exp(log_p).sum() == pytest.approx(1.0, abs=1e-5)
    marginals = predictor.predict_proba([tokens])[0]
    for t, label in itertools.product(range(3), LABELS):
        share = sum(np.exp(p) for path, p in zip(paths, log_p, strict=True) if path[t] == label)
        assert marginals[t, LABELS.index(label)] == pytest.approx(share, abs=1e-5)
    if not predictor.config.crf:
        products = [math.prod(marginals[t, LABELS.index(tag)] for t, tag in enumerate(path)) for path in paths]
        np.testing.assert_allclose(np.exp(log_p), products, rtol=1e-4)
    (tags,) = predictor.predict([tokens])
    assert tuple(tags) == paths[int(np.argmax(log_p))]
    (of_predicted,) = predictor.log_probabilities([tokens])
    assert of_predicted == pytest.approx(log_p.max(), abs=1e-5)


def test_the_loss_is_that_of_the_sequences_of_tags() -> None:
    predictor = tiny_predictor("crf")
    log_p = predictor.log_probabilities([tokens for tokens, _ in EXAMPLES], [tags for _, tags in EXAMPLES])
    metrics = predictor.evaluate(EXAMPLES)
    assert -log_p.sum() / metrics["count"] == pytest.approx(metrics["loss"], rel=1e-5)


def test_tags_that_do_not_fit_the_sentences_are_errors() -> None:
    predictor = tiny_predictor()
    with pytest.raises(ConfigError, match="tags: given for 2 sentences; expected 1"):
        predictor.log_probabilities([["Ann"]], [["O"], ["O"]])
    with pytest.raises(ConfigError, match="tags: given 2; expected 1, one for each token"):
        predictor.log_probabilities([["Ann"]], [["O", "O"]])
    with pytest.raises(ConfigError, match="the model does not know the tag 'V'"):
        predictor.log_probabilities([["Ann"]], [["V"]])
    assert predictor.log_probabilities([[], ["Ann"]])[0] == 0.0


def test_a_tag_depends_on_earlier_and_later_tokens_and_on_characters() -> None:
    predictor = tiny_predictor()
    first, second = predictor.predict_proba([["ann", "left", "the"], ["ann", "left", "city"]])
    assert np.abs(first[0] - second[0]).max() > 1e-4
    upper, lower = predictor.predict_proba([["Ann"], ["ann"]])  # one word, different characters
    assert np.abs(upper - lower).max() > 1e-4
    upper, lower = tiny_predictor("words").predict_proba([["Ann"], ["ann"]])
    np.testing.assert_array_equal(upper, lower)


@pytest.mark.parametrize("architecture", ["unidirectional", "crf_unidirectional"])
def test_a_unidirectional_model_tags_a_stream(architecture: str) -> None:
    predictor = tiny_predictor(architecture)
    if predictor.config.crf:
        predictor.tensors["crf.end"][:] = 0.0  # no token of a stream is known to be the last one
        predictor = TaggerPredictor(predictor.config, TEXT, WORDS, CHARACTERS, LABELS, predictor.tensors)
    sentences = [SENTENCES[0], SENTENCES[2][:4]]
    state = predictor.initial_state(2)
    for t in range(4):
        log_p, state = predictor.step([tokens[t] for tokens in sentences], state)
        state = predictor.state_from_bytes(predictor.state_to_bytes(state))
        expected = [p[-1] for p in predictor.predict_proba([tokens[: t + 1] for tokens in sentences])]
        np.testing.assert_allclose(np.exp(log_p), expected, rtol=0, atol=3e-6)


def test_a_bidirectional_model_has_no_state() -> None:
    with pytest.raises(ConfigError, match="the model is bidirectional; expected one that reads in one direction"):
        tiny_predictor().initial_state()


def test_a_conditional_random_field_keeps_to_the_scheme() -> None:
    rng = np.random.default_rng(0)
    sentences = [rng.choice(WORDS.tokens[1:], 12).tolist() for _ in range(30)]
    with_crf, without = (tiny_predictor(name).predict(sentences) for name in ("crf", "plain"))
    assert all(first_violation(tags, "bio") is None for tags in with_crf)
    assert any(first_violation(tags, "bio") is not None for tags in without)


def test_a_sentence_is_tokens_or_text_and_may_be_empty() -> None:
    predictor = tiny_predictor()
    expected = predictor.predict([SENTENCES[0]])
    assert predictor.predict([" ".join(SENTENCES[0])]) == expected
    assert predictor.predict([np.array(SENTENCES[0])]) == expected
    assert predictor.predict([[], SENTENCES[0], ""]) == [[], *expected, []]
    assert predictor.predict([]) == []
    assert [p.shape for p in predictor.predict_proba([[], ["a", ""]])] == [(0, 3), (2, 3)]
    characters = TaggerPredictor(
        tiny_config(), TEXT.model_copy(update={"level": "char"}), WORDS, CHARACTERS, LABELS, predictor.tensors
    )
    assert characters.predict(["北 京"]) == predictor.predict([["北", "京"]])
    assert characters.tokens("北 京") == ["北", "京"] == characters.tokens(["北", "京"])


def test_unknown_tokens_are_characters_of_a_model_that_reads_them() -> None:
    assert tiny_predictor().unknown(["Zoe", "ann"]) == ["Z", "o"]
    assert tiny_predictor("words").unknown(["Zoe", "ANN"]) == ["Zoe"]


@every_architecture
def test_a_saved_model_predicts_the_same(architecture: str, tmp_path: Path) -> None:
    predictor = tiny_predictor(architecture)
    predictor.save(tmp_path / "model", card="# Mine\n")
    loaded = load(tmp_path / "model")
    assert isinstance(loaded, TaggerPredictor)
    assert (loaded.config, loaded.text, loaded.labels) == (predictor.config, TEXT, LABELS)
    assert (loaded.words.tokens, loaded.characters.tokens) == (WORDS.tokens, CHARACTERS.tokens)
    assert (loaded.card, loaded.num_parameters) == ("# Mine\n", predictor.num_parameters)
    for p, expected in zip(loaded.predict_proba(SENTENCES), predictor.predict_proba(SENTENCES), strict=True):
        np.testing.assert_array_equal(p, expected)


@pytest.mark.parametrize(
    ("architecture", "labels", "expected"),
    [
        ("plain", ("a", "a", "b"), r"has the labels \['a', 'a', 'b'\]; expected one or more, all different"),
        ("plain", ("a", "b"), r"'readout.weight' has shape \(3, 12\); expected \(2, 12\)"),
        ("crf", LABELS, r"lacks the weights 'layers\.1\.weight_ih_l0'"),
    ],
)
def test_parts_that_do_not_fit_together_are_a_damaged_model(
    architecture: str, labels: tuple[str, ...], expected: str
) -> None:
    tensors = tiny_predictor().tensors
    with pytest.raises(ModelError, match=expected):
        TaggerPredictor(tiny_config(architecture), TEXT, WORDS, CHARACTERS, labels, tensors)


def test_arguments_that_are_no_sentences_are_errors() -> None:
    predictor = tiny_predictor()
    with pytest.raises(DataError, match=r"one text, .Ann left.; expected several sentences\. Give a list"):
        predictor.predict("Ann left")
    invalid_sentences: list[Any] = [None, 3, [1, 2], ["a", None]]
    for sentence in invalid_sentences:
        with pytest.raises(DataError, match=r"sentence 1 is .*; expected a text or a list of tokens"):
            predictor.predict([["Ann"], sentence])
    with pytest.raises(DataError, match="sentence 0 is"):
        predictor.predict(np.array([1.0]))


@pytest.mark.parametrize("architecture", ["plain", "crf"])
def test_probabilities_are_the_same_for_few_scores_at_once(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = tiny_predictor(architecture)
    sentences = [["Ann", "left", "the", "city"], ["The", "zebra"]]
    whole = predictor.predict_with_probabilities(sentences)
    for tagging, p in zip(whole, predictor.predict_proba(sentences), strict=True):
        columns = [predictor.labels.index(tag) for tag in tagging.tags]
        np.testing.assert_array_equal(tagging.probabilities, p[np.arange(len(p)), columns])
    monkeypatch.setattr(module, "SOFTMAX_SCORES", 1)
    assert predictor.predict_with_probabilities(sentences) == whole
