"""Predictions of an encoder-decoder against its own scores, and single steps against whole sequences."""

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.data.batches.padded import IGNORE_INDEX, pad_sources, pad_targets
from elman.errors import ConfigError, DataError, ModelError
from elman.tasks.loading import load
from elman.tasks.seq2seq import ensemble
from elman.tasks.seq2seq import predictor as seq2seq_predictor
from elman.tasks.seq2seq.predictor import Seq2SeqPredictor
from elman.tasks.seq2seq.readers import Pair
from elman.text import END, START

from .models import ARCHITECTURES, PAIRS, SOURCE, TARGET, TEXT, predictor_of, tiny_network, tiny_predictor

# Relative error of the sum of a few log probabilities in float32, whose terms are added in another order.
FLOAT32 = 1e-4

SOURCES = [source for source, _ in PAIRS]
every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)


@every_architecture
def test_single_steps_give_the_loss_of_the_whole_sequence(architecture: str) -> None:
    predictor = tiny_predictor(architecture)
    state, context = predictor.encode(*pad_sources([TEXT.source.codec(SOURCE).encode(s) for s in SOURCES]))
    inputs, targets = pad_targets([TEXT.target.codec(TARGET).encode(t) for _, t in PAIRS])
    total = 0.0
    for tokens, expected in zip(inputs.T, targets.T, strict=True):
        log_p, state = predictor.step(tokens, state, context)
        np.testing.assert_allclose(np.exp(log_p).sum(-1), 1.0, rtol=1e-5)
        rows = np.flatnonzero(expected != IGNORE_INDEX)
        total -= float(log_p[rows, expected[rows]].sum())
    assert predictor.score(PAIRS).sum == pytest.approx(total, rel=FLOAT32)


@every_architecture
@pytest.mark.parametrize("beam", [1, 4])
def test_a_prediction_has_its_log_probability_and_score(architecture: str, beam: int) -> None:
    predictor = tiny_predictor(architecture)
    for source, n_best in zip(SOURCES, predictor.n_best(SOURCES, beam=beam), strict=True):
        assert len({prediction.text for prediction in n_best}) == len(n_best) <= beam
        for prediction in n_best:
            if prediction.finished:
                scored = predictor.score([(source, prediction.text)])
                assert prediction.log_probability == pytest.approx(-scored.sum, rel=FLOAT32)
                assert prediction.score == pytest.approx(-scored.sum / scored.count, rel=FLOAT32)


def test_the_probabilities_of_all_targets_of_a_source_sum_to_one() -> None:
    predictor = tiny_predictor()
    others = [token for token in range(len(TARGET)) if token != TARGET[END]]

    def probability(*ids: int) -> float:
        state, context = predictor.encode(*pad_sources([predictor.source_codec.encode("ab")]))
        log_p = 0.0
        for token, following in itertools.pairwise((TARGET[START], *ids)):
            step, state = predictor.step(np.array([token]), state, context)
            log_p += float(step[0, following])
        return math.exp(log_p)

    prefixes = [prefix for length in range(3) for prefix in itertools.product(others, repeat=length)]
    ended = sum(probability(*prefix, TARGET[END]) for prefix in prefixes)
    longer = sum(probability(*prefix) for prefix in itertools.product(others, repeat=3))
    assert ended + longer == pytest.approx(1.0, abs=1e-5)
    for prediction in predictor.n_best(["ab"], beam=3)[0]:
        ids = predictor.target_codec.encode(prediction.text).tolist()
        assert prediction.probability == pytest.approx(
            probability(*ids, *[TARGET[END]] * prediction.finished), rel=1e-4
        )


@every_architecture
@pytest.mark.parametrize("beam", [1, 3])
def test_the_search_ignores_the_temperature_and_probabilities_have_it(architecture: str, beam: int) -> None:
    plain, calibrated = (tiny_predictor(architecture, temperature=T) for T in (1.0, 0.4))
    for source, before, after in zip(
        SOURCES, *(p.n_best(SOURCES, beam=beam) for p in (plain, calibrated)), strict=True
    ):
        assert [(p.text, p.score, p.finished) for p in before] == [(p.text, p.score, p.finished) for p in after]
        for prediction in after:
            ids = [*calibrated.target_codec.encode(prediction.text).tolist(), *[TARGET[END]] * prediction.finished]
            state, context = plain.encode(*pad_sources([plain.source_codec.encode(source)]))
            expected = 0.0
            for token, following in itertools.pairwise((TARGET[START], *ids)):
                log_p, state = plain.step(np.array([token]), state, context)
                logits = log_p[0].astype(np.float64) / 0.4
                expected += logits[following] - np.log(np.exp(logits).sum())
            assert prediction.log_probability == pytest.approx(expected, rel=FLOAT32, abs=1e-4)
            if prediction.finished:
                scored = calibrated.score([(source, prediction.text)])
                assert prediction.log_probability == pytest.approx(-scored.sum, rel=FLOAT32)


def test_calibration_minimizes_the_loss_and_is_kept_in_the_model_folder(tmp_path: Path) -> None:
    predictor = tiny_predictor(temperature=3.0)
    calibrated = predictor.calibrated([Pair(source, (target,)) for source, target in PAIRS])
    losses = {
        factor: tiny_predictor(temperature=factor * calibrated.calibration.temperature).score(PAIRS).value
        for factor in (0.7, 1.0, 1.4)
    }
    assert min(losses, key=losses.__getitem__) == 1.0
    calibrated.save(tmp_path / "model")
    assert load(tmp_path / "model").calibration == calibrated.calibration
    assert load(tmp_path / "model").score(PAIRS) == calibrated.score(PAIRS)


@every_architecture
def test_greedy_search_takes_the_most_probable_token_at_every_step(architecture: str) -> None:
    predictor = tiny_predictor(architecture)
    for source, text in zip(SOURCES, predictor.predict(SOURCES), strict=True):
        state, context = predictor.encode(*pad_sources([predictor.source_codec.encode(source)]))
        token, words = TARGET[START], []
        for _ in range(TEXT.longest_target(len(source))):
            log_p, state = predictor.step(np.array([token]), state, context)
            log_p[0, [0, TARGET[START]]] = -np.inf
            token = int(log_p[0].argmax())
            if token == TARGET[END]:
                break
            words.append(TARGET.tokens[token])
        assert text == " ".join(words)


def test_other_sources_and_their_order_do_not_change_a_prediction() -> None:
    predictor = tiny_predictor("unlike")
    texts = [*SOURCES, "好" * 30, *("".join(letters) for letters in itertools.product("abcde", repeat=3))]
    for beam in (1, 3):
        together = predictor.predict(texts, beam=beam)
        assert predictor.predict(texts[::-1], beam=beam) == together[::-1]
        assert [predictor.predict([text], beam=beam)[0] for text in texts[:12]] == together[:12]


def test_beam_search_never_scores_below_greedy_search() -> None:
    for seed, architecture in enumerate(ARCHITECTURES):
        predictor = tiny_predictor(architecture, seed=seed)
        for greedy, n_best in zip(predictor.n_best(SOURCES, beam=1), predictor.n_best(SOURCES, beam=4), strict=True):
            scores = [prediction.score for prediction in n_best]
            assert scores[0] >= greedy[0].score - FLOAT32
            assert scores == sorted(scores, reverse=True)


def test_any_text_may_be_a_source() -> None:
    predictor = tiny_predictor()
    strange = ["zzz", "\x00", "😀", "a" * 500, "</s>", "<unk>"]
    assert len(predictor.predict(strange)) == len(strange)
    assert predictor.predict([]) == []
    assert predictor.predict(["zzz"]) == predictor.predict(["yyy"])  # all characters are unknown
    for empty in ("", " "):
        with pytest.raises(DataError, match="item 1 is empty; expected a source"):
            predictor.predict(["a", empty])


def test_a_target_without_an_end_is_cut_and_not_finished() -> None:
    network = tiny_network("dot")
    network.readout.bias.data[TARGET[END]] = -1e3
    ((prediction,),) = predictor_of(network).n_best(["abc"], beam=1)
    assert not prediction.finished
    assert len(prediction.text.split()) == TEXT.longest_target(3)


def test_unknown_and_start_tokens_are_never_predicted() -> None:
    network = tiny_network("dot")
    network.readout.bias.data[[0, TARGET[START]]] = 50.0
    for n_best in predictor_of(network).n_best(SOURCES, beam=4):
        for prediction in n_best:
            assert set(prediction.text.split()) <= set(TARGET.tokens[3:])


@pytest.mark.parametrize("architecture", ["dot", "additive", "feeding"])
def test_the_attention_weights_of_each_target_token_sum_to_one(architecture: str) -> None:
    predictor = tiny_predictor(architecture)
    alignment = predictor.align("abc", "AA B")
    assert alignment.source == ["a", "b", "c", "</s>"]
    assert alignment.target == ["AA", "B", "</s>"]
    assert alignment.attention_weights.shape == (3, 4)
    np.testing.assert_allclose(alignment.attention_weights.sum(1), 1.0, rtol=1e-6)
    longer = predictor.align("abc", "AA B K").attention_weights
    np.testing.assert_allclose(longer[:2], alignment.attention_weights[:2], atol=1e-6)  # later tokens have no effect


def test_align_is_an_error_for_a_model_without_attention() -> None:
    hint = "Train a model with attention: dot, general or additive"
    with pytest.raises(ConfigError, match=rf"the model has no attention; expected one with attention\. {hint}"):
        tiny_predictor("no_attention").align("abc", "AA")


@every_architecture
def test_a_saved_model_is_loaded_with_the_same_predictions(architecture: str, tmp_path: Path) -> None:
    predictor = tiny_predictor(architecture)
    predictor.save(tmp_path / "model", card="# Mine\n")
    loaded = load(tmp_path / "model")
    assert isinstance(loaded, Seq2SeqPredictor)
    assert loaded.n_best(SOURCES, beam=3) == predictor.n_best(SOURCES, beam=3)
    assert (loaded.config, loaded.text, loaded.card) == (predictor.config, predictor.text, "# Mine\n")
    assert loaded.score(PAIRS) == predictor.score(PAIRS)


@every_architecture
def test_a_missing_weight_or_a_wrong_shape_is_an_error_with_its_name(architecture: str) -> None:
    predictor = tiny_predictor(architecture)
    parts = predictor.config, predictor.text, SOURCE, TARGET
    for name, tensor in predictor.tensors.items():
        others = {key: value for key, value in predictor.tensors.items() if key != name}
        for tensors in (others, {**others, name: tensor[1:]}):
            with pytest.raises(ModelError, match=name):
                Seq2SeqPredictor(*parts, tensors)


@pytest.mark.parametrize("beam", [0, -1])
def test_a_beam_has_at_least_one_hypothesis(beam: int) -> None:
    with pytest.raises(ConfigError, match=f"beam: given {beam}; expected 1 or more"):
        tiny_predictor().predict(["a"], beam=beam)


def test_sources_are_a_list_of_texts() -> None:
    with pytest.raises(DataError, match=r"one text, 'abc'; expected several\. Give a list"):
        tiny_predictor().predict("abc")
    with pytest.raises(DataError, match="item 1 is None; expected text"):
        tiny_predictor().predict(["abc", None])  # type: ignore[list-item]


@pytest.mark.parametrize("tokens", [1, 40])
def test_a_long_source_shares_no_batch_and_changes_no_prediction(monkeypatch: pytest.MonkeyPatch, tokens: int) -> None:
    predictor = tiny_predictor("general")
    sources = [*SOURCES, SOURCES[0] * 30]
    expected, score = predictor.predict(sources, beam=2), predictor.score([*PAIRS, (SOURCES[0] * 30, PAIRS[0][1])])
    shapes: list[tuple[int, ...]] = []
    encode = predictor.encode

    def recorded(ids: Any, lengths: Any) -> Any:
        shapes.append(ids.shape)
        return encode(ids, lengths)

    monkeypatch.setattr(predictor, "encode", recorded)
    monkeypatch.setattr(ensemble, "BATCH_TOKENS", 2 * tokens)  # of a beam of two
    assert predictor.predict(sources, beam=2) == expected
    assert all(rows == 1 or rows * length <= 2 * tokens for rows, length in shapes)
    assert (1, len(SOURCES[0]) * 30 + 1) in shapes
    shapes.clear()
    monkeypatch.setattr(seq2seq_predictor, "BATCH_TOKENS", tokens)
    assert predictor.score([*PAIRS, (SOURCES[0] * 30, PAIRS[0][1])]).sum == pytest.approx(score.sum, rel=FLOAT32)
    assert all(rows == 1 or rows * length <= tokens for rows, length in shapes)


@pytest.mark.parametrize("numbers", [1, 20])
def test_probabilities_of_tokens_are_the_same_in_parts(numbers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = tiny_predictor(temperature=1.5)
    sources, targets = [source for source, _ in PAIRS], [predictor.target_codec.encode(target) for _, target in PAIRS]
    whole = predictor.token_log_probabilities(sources, targets)
    monkeypatch.setattr(seq2seq_predictor, "CALIBRATION_LOGITS", numbers)
    np.testing.assert_allclose(predictor.token_log_probabilities(sources, targets), whole, rtol=1e-6)
