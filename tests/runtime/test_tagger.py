"""The tagger at work: tags that depend on the sentence alone, in a stream and from a folder alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from elman.errors import ConfigError, DataError, ModelError
from elman.metrics import SpanScores
from elman.runtime import load, state_from_bytes, state_to_bytes
from elman.tasks.tagger import predictor as module
from elman.text.spans import first_break, spans

from ..tagger_models import ARCHITECTURES, CHARACTERS, EXAMPLES, LABELS, TEXT, WORDS, tiny_config, tiny_predictor

SENTENCES = [tokens for tokens, _ in EXAMPLES]
every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)


@every_architecture
def test_what_else_is_read_and_in_what_order_changes_no_tag(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = tiny_predictor(architecture)
    together = predictor.predict_proba(SENTENCES)
    tags = predictor.predict(SENTENCES)
    for given in ("alone", "backwards", "in small batches"):
        if given == "in small batches":
            monkeypatch.setattr(module, "BATCH_TOKENS", 8)
            monkeypatch.setattr(module, "BATCH_PATHS", 9)
        rows = [SENTENCES[::-1]] if given == "backwards" else [[each] for each in SENTENCES]
        rows = [SENTENCES] if given == "in small batches" else rows
        found = [p for each in rows for p in predictor.predict_proba(each)]
        decided = [t for each in rows for t in predictor.predict(each)]
        step = -1 if given == "backwards" else 1
        assert decided[::step] == tags, given
        for a, b in zip(together, found[::step], strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=3e-6)  # one product of more rows rounds otherwise
            np.testing.assert_allclose(a.sum(1), 1.0, rtol=1e-5)


@every_architecture
def test_probabilities_by_hand(architecture: str) -> None:
    """Each part by its equation, in float64."""
    predictor = tiny_predictor(architecture)
    tokens, weights = SENTENCES[2], predictor.tensors
    x = [weights["tokens.words.weight"][WORDS[token.lower()]] for token in tokens]
    if predictor.config.character_size:
        for t, token in enumerate(tokens):
            ids = CHARACTERS.encode(token)[None]
            speller = predictor._reader._speller
            assert speller is not None
            _, last = speller.run(ids, speller.initial_state(1))
            ends = [last[f"tokens.characters.layers.0.h{ending}"][0] for ending in ("", "_reverse")]
            x[t] = np.concatenate([x[t], *ends])
    layers = predictor._reader._layers
    h, _ = layers.run(np.array([x], np.float32), layers.initial_state(1))
    e = h[0].astype(np.float64) @ weights["readout.weight"].T + weights["readout.bias"]
    if predictor.config.crf:
        assert predictor._crf is not None
        expected = predictor._crf.marginals(e[None], np.array([len(tokens)]))[0]
    else:
        expected = np.exp(e) / np.exp(e).sum(1, keepdims=True)
    np.testing.assert_allclose(predictor.predict_proba([tokens])[0], expected, rtol=1e-4, atol=1e-7)


def test_a_tag_depends_on_what_is_before_and_after_and_on_spelling() -> None:
    predictor = tiny_predictor()
    one, other = predictor.predict_proba([["ann", "left", "the"], ["ann", "left", "city"]])
    assert np.abs(one[0] - other[0]).max() > 1e-4
    upper, lower = predictor.predict_proba([["Ann"], ["ann"]])  # one word, spelled otherwise
    assert np.abs(upper - lower).max() > 1e-4
    seen, unseen = tiny_predictor("words").predict_proba([["Ann"], ["ann"]])
    np.testing.assert_array_equal(seen, unseen)


@pytest.mark.parametrize("architecture", ["one_way", "crf_one_way"])
def test_a_model_that_reads_one_way_tags_a_stream(architecture: str) -> None:
    predictor = tiny_predictor(architecture)
    if predictor.config.crf:
        predictor.tensors["crf.end"][:] = 0.0  # nothing of a stream is known to be the end
        predictor = module.TaggerPredictor(predictor.config, TEXT, WORDS, CHARACTERS, LABELS, predictor.tensors)
    sentences = [SENTENCES[0], SENTENCES[2][:4]]
    state = predictor.initial_state(2)
    for t in range(4):
        log_p, state = predictor.step([tokens[t] for tokens in sentences], state)
        state = state_from_bytes(state_to_bytes(state))
        expected = [p[-1] for p in predictor.predict_proba([tokens[: t + 1] for tokens in sentences])]
        np.testing.assert_allclose(np.exp(log_p), expected, rtol=0, atol=3e-6)
    with pytest.raises(ConfigError, match="the model reads both ways, so it must have read all of a sentence"):
        tiny_predictor().initial_state()


def test_tags_chosen_together_are_those_of_a_scheme() -> None:
    rng = np.random.default_rng(0)
    sentences = [rng.choice(WORDS.tokens[1:], 12).tolist() for _ in range(30)]
    together, apart = (tiny_predictor(name).predict(sentences) for name in ("crf", "plain"))
    assert all(first_break(tags, "bio") is None for tags in together)
    assert any(first_break(tags, "bio") is not None for tags in apart)


def test_metrics_are_those_of_scikit_learn_and_of_spans() -> None:
    predictor = tiny_predictor("crf")
    examples = EXAMPLES * 2
    told = predictor.evaluate(examples)
    found = predictor.predict([tokens for tokens, _ in examples])
    flat = [tag for tags in found for tag in tags]
    labels = [tag for _, tags in examples for tag in tags]
    assert (told["count"], told["sentences"]) == (len(labels), len(examples))
    assert told["accuracy"] == pytest.approx(accuracy_score(labels, flat))
    each = f1_score(labels, flat, labels=list(LABELS), average=None, zero_division=0.0)
    assert [told["f1"][label] for label in LABELS] == pytest.approx(each.tolist())
    total = sum((SpanScores.of(spans(a), spans(b)) for a, (_, b) in zip(found, examples, strict=True)), SpanScores())
    assert (told["span_precision"], told["span_recall"], told["span_f1"]) == (total.precision, total.recall, total.f1)
    unknown = [TEXT.word(token) not in WORDS for tokens, _ in examples for token in tokens]
    assert told["unknown_words"] == sum(unknown) == 4  # zebra and leave
    right = [a == b for a, b, is_unknown in zip(flat, labels, unknown, strict=True) if is_unknown]
    assert told["unknown_accuracy"] == pytest.approx(np.mean(right))
    assert "span_f1" not in tiny_predictor("crf_words").evaluate(examples)


def test_a_sentence_is_tokens_or_text_and_may_be_empty() -> None:
    predictor = tiny_predictor()
    expected = predictor.predict([SENTENCES[0]])
    assert predictor.predict([" ".join(SENTENCES[0])]) == expected
    assert predictor.predict([np.array(SENTENCES[0])]) == expected  # type: ignore[list-item]
    assert predictor.predict([[], SENTENCES[0], ""]) == [[], *expected, []]
    assert predictor.predict([]) == []
    assert [p.shape for p in predictor.predict_proba([[], ["a", ""]])] == [(0, 3), (2, 3)]
    characters = module.TaggerPredictor(
        tiny_config(), TEXT.model_copy(update={"level": "char"}), WORDS, CHARACTERS, LABELS, predictor.tensors
    )
    assert characters.predict(["北 京"]) == predictor.predict([["北", "京"]])
    assert predictor.unknown(["Zoe", "ann"]) == ["Z", "o"]
    assert tiny_predictor("words").unknown(["Zoe", "ANN"]) == ["Zoe"]


@every_architecture
def test_a_saved_model_tags_the_same(architecture: str, tmp_path: Path) -> None:
    predictor = tiny_predictor(architecture)
    predictor.save(tmp_path / "model", card="# Mine\n")
    loaded = load(tmp_path / "model")
    assert (loaded.config, loaded.text, loaded.labels) == (predictor.config, TEXT, LABELS)
    assert (loaded.words.tokens, loaded.characters.tokens) == (WORDS.tokens, CHARACTERS.tokens)
    assert (loaded.card, loaded.num_parameters) == ("# Mine\n", predictor.num_parameters)
    for a, b in zip(loaded.predict_proba(SENTENCES), predictor.predict_proba(SENTENCES), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_does_not_fit_together_is_a_damaged_model() -> None:
    def built(architecture: str = "plain", labels: tuple[str, ...] = LABELS) -> None:
        tensors = tiny_predictor().tensors
        module.TaggerPredictor(tiny_config(architecture), TEXT, WORDS, CHARACTERS, labels, tensors)

    with pytest.raises(ModelError, match="two labels or more, all different"):
        built(labels=("a", "a", "b"))
    with pytest.raises(ModelError, match=r"'readout.weight' has shape \(3, 12\), expected \(2, 12\)"):
        built(labels=("a", "b"))
    with pytest.raises(ModelError, match=r"lacks the weights 'layers\.1\.weight_ih_l0'"):
        built("crf")


def test_sentences_are_several_and_tags_known_ones() -> None:
    predictor = tiny_predictor()
    with pytest.raises(DataError, match=r"one text, .Ann left., expected several sentences; give a list"):
        predictor.predict("Ann left")
    for wrong in (None, 3, [1, 2], ["a", None]):
        with pytest.raises(DataError, match=r"sentence 1 is .*, expected a text or a list of tokens"):
            predictor.predict([["Ann"], wrong])  # type: ignore[list-item]
    with pytest.raises(DataError, match="no sentences to score"):
        predictor.evaluate([])
    with pytest.raises(DataError, match=r"the model knows no tag .X. \(sentence 0\); expected one of B-X, I-X, O"):
        predictor.evaluate([(["Ann"], ["X"])])
    with pytest.raises(DataError, match="sentence 1 has 0 tokens and 1 tags"):
        predictor.evaluate([EXAMPLES[0], ([], ["O"])])
    with pytest.raises(DataError, match="sentence 0 is"):
        predictor.evaluate([(["a", None], ["O", "O"])])  # type: ignore[list-item]
    with pytest.raises(DataError, match="sentence 0 is"):
        predictor.predict(np.array([1.0]))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="sentence 1 has 2 tokens and 1 tags, expected as many of each"):
        predictor.evaluate([EXAMPLES[0], (["a", "b"], ["O"])])
