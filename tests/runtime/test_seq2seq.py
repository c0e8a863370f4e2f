"""The encoder-decoder at work: what it writes against its own scores, one step at a time against whole sequences."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elman.runtime import Ensemble, Seq2SeqPredictor, load

from elman.config import validate_config
from elman.data.batches.padded import IGNORE_INDEX, pad_sources, pad_targets
from elman.errors import ConfigError, DataError, ModelError
from elman.tasks.seq2seq.config import Seq2SeqConfig
from elman.tasks.seq2seq.corpus import Example
from elman.text import END, START, Vocabulary

from ..pair_models import ARCHITECTURES, PAIRS, SIDES, SOURCE, TARGET, predictor_of, tiny_network, tiny_predictor

# The log probabilities of float32 in nats, summed over a few tokens: products summed in another order.
FLOAT32 = 1e-4

SOURCES = [source for source, _ in PAIRS]
every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)


@every_architecture
def test_one_step_after_another_is_the_whole_sequence(architecture: str) -> None:
    predictor = tiny_predictor(architecture)
    state, context = predictor.encode(*pad_sources([SIDES.source.codec(SOURCE).encode(s) for s in SOURCES]))
    inputs, targets = pad_targets([SIDES.target.codec(TARGET).encode(t) for _, t in PAIRS])
    total = 0.0
    for tokens, wanted in zip(inputs.T, targets.T, strict=True):
        log_p, state = predictor.step(tokens, state, context)
        np.testing.assert_allclose(np.exp(log_p).sum(-1), 1.0, rtol=1e-5)
        rows = np.flatnonzero(wanted != IGNORE_INDEX)
        total -= float(log_p[rows, wanted[rows]].sum())
    assert predictor.score(PAIRS).sum == pytest.approx(total, rel=FLOAT32)


@every_architecture
@pytest.mark.parametrize("beam", [1, 4])
def test_what_it_writes_has_the_log_probability_that_it_says(architecture: str, beam: int) -> None:
    predictor = tiny_predictor(architecture)
    for source, found in zip(SOURCES, predictor.n_best(SOURCES, beam=beam), strict=True):
        assert len({prediction.text for prediction in found}) == len(found) <= beam
        for prediction in found:
            if prediction.finished:
                scored = predictor.score([(source, prediction.text)])
                assert prediction.log_probability == pytest.approx(-scored.sum, rel=FLOAT32)
                assert prediction.score == pytest.approx(-scored.sum / scored.count, rel=FLOAT32)


@every_architecture
def test_greedy_is_the_likeliest_token_at_every_step(architecture: str) -> None:
    predictor = tiny_predictor(architecture)
    for source, text in zip(SOURCES, predictor.predict(SOURCES), strict=True):
        state, context = predictor.encode(*pad_sources([predictor.source_codec.encode(source)]))
        token, words = TARGET[START], []
        for _ in range(SIDES.longest_target(len(source))):
            log_p, state = predictor.step(np.array([token]), state, context)
            log_p[0, [0, TARGET[START]]] = -np.inf
            token = int(log_p[0].argmax())
            if token == TARGET[END]:
                break
            words.append(TARGET.tokens[token])
        assert text == " ".join(words)


def test_neither_the_other_sources_nor_their_order_change_what_is_written() -> None:
    predictor = tiny_predictor("unlike")
    texts = [*SOURCES, "", "好" * 30, *("".join(letters) for letters in itertools.product("abcde", repeat=3))]
    for beam in (1, 3):
        together = predictor.predict(texts, beam=beam)
        assert predictor.predict(texts[::-1], beam=beam) == together[::-1]
        assert [predictor.predict([text], beam=beam)[0] for text in texts[:12]] == together[:12]


def test_a_beam_never_scores_below_greedy() -> None:
    for seed, architecture in enumerate(ARCHITECTURES):
        predictor = tiny_predictor(architecture, seed=seed)
        for greedy, found in zip(predictor.n_best(SOURCES, beam=1), predictor.n_best(SOURCES, beam=4), strict=True):
            assert found[0].score >= greedy[0].score - FLOAT32
            assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


def test_anything_may_be_a_source() -> None:
    predictor = tiny_predictor()
    strange = ["", " ", "zzz", "\x00", "😀", "a" * 500, "</s>", "<unk>"]
    assert len(predictor.predict(strange)) == len(strange)
    assert predictor.predict([]) == []
    assert predictor.predict(["zzz"]) == predictor.predict(["yyy"])  # both unknown through and through


def test_what_never_ends_is_cut_and_says_so() -> None:
    network = tiny_network("dot")
    network.readout.bias.data[TARGET[END]] = -1e3
    (found,) = predictor_of(network).n_best(["abc"], beam=1)
    assert not found[0].finished
    assert len(found[0].text.split()) == SIDES.longest_target(3)


def test_neither_unknown_nor_the_start_is_ever_written() -> None:
    network = tiny_network("dot")
    network.readout.bias.data[[0, TARGET[START]]] = 50.0
    for found in predictor_of(network).n_best(SOURCES, beam=4):
        for prediction in found:
            assert set(prediction.text.split()) <= set(TARGET.tokens[3:])


def test_the_measures_are_of_any_reference_and_the_loss_of_the_first() -> None:
    predictor = tiny_predictor()
    written = predictor.predict(SOURCES)
    right = [Example(source, ("K K K", text or "K")) for source, text in zip(SOURCES, written, strict=True)]
    metrics = predictor.evaluate(right)
    assert metrics["task"] == "seq2seq"
    assert metrics["count"] == len(SOURCES)
    assert metrics["exact_match"] == sum(bool(text) for text in written) / len(written)
    assert metrics["sequence_error_rate"] == pytest.approx(1.0 - metrics["exact_match"])
    assert metrics["loss"] == pytest.approx(predictor.score([(source, "K K K") for source in SOURCES]).value)
    with pytest.raises(DataError, match="no pairs to score, expected at least one"):
        predictor.evaluate([])


def test_pairs_are_scored_as_the_examples_that_they_make() -> None:
    predictor = tiny_predictor()
    examples = [Example("abc", ("AA B", "AA B K")), Example("e", ("IY",))]
    pairs = [("abc", "AA B"), ("e", ["IY"]), ("abc", ["AA B K", "AA B"])]
    assert predictor.evaluate(pairs) == predictor.evaluate(examples)
    with pytest.raises(DataError, match=r"item 1 is 3, expected \(source, target\)"):
        predictor.evaluate([("abc", "AA"), 3])  # type: ignore[list-item]


@pytest.mark.parametrize("architecture", ["dot", "additive", "feeding"])
def test_attention_shares_are_told_for_every_token(architecture: str) -> None:
    predictor = tiny_predictor(architecture)
    alignment = predictor.align("abc", "AA B")
    assert alignment.source == ["a", "b", "c", "</s>"]
    assert alignment.target == ["AA", "B", "</s>"]
    assert alignment.shares.shape == (3, 4)
    np.testing.assert_allclose(alignment.shares.sum(1), 1.0, rtol=1e-6)
    longer = predictor.align("abc", "AA B K").shares
    np.testing.assert_allclose(longer[:2], alignment.shares[:2], atol=1e-6)  # what comes later changes nothing before


def test_a_model_without_attention_says_so() -> None:
    with pytest.raises(
        ConfigError, match="the model has no attention; train with --attention dot, general or additive"
    ):
        tiny_predictor("no_attention").align("abc", "AA")


@every_architecture
def test_saved_and_loaded_it_writes_the_same(architecture: str, tmp_path: Path) -> None:
    predictor = tiny_predictor(architecture)
    predictor.save(tmp_path / "model", card="# Mine\n")
    loaded = load(tmp_path / "model")
    assert isinstance(loaded, Seq2SeqPredictor)
    assert loaded.n_best(SOURCES, beam=3) == predictor.n_best(SOURCES, beam=3)
    assert (loaded.config, loaded.sides, loaded.card) == (predictor.config, predictor.sides, "# Mine\n")
    assert loaded.score(PAIRS) == predictor.score(PAIRS)


@every_architecture
def test_every_weight_is_asked_for_and_held_to_its_shape(architecture: str) -> None:
    predictor = tiny_predictor(architecture)
    parts = predictor.config, predictor.sides, SOURCE, TARGET
    for name, tensor in predictor.tensors.items():
        others = {key: value for key, value in predictor.tensors.items() if key != name}
        for spoiled in (others, {**others, name: tensor[1:]}):
            with pytest.raises(ModelError, match=name):
                Seq2SeqPredictor(*parts, spoiled)


def test_an_ensemble_of_one_model_twice_is_the_model() -> None:
    predictor = tiny_predictor()
    for alone, twice in zip(
        predictor.n_best(SOURCES, beam=3), Ensemble([predictor, predictor]).predict(SOURCES, beam=3), strict=True
    ):
        assert [each.text for each in twice] == [each.text for each in alone]
        assert [each.score for each in twice] == pytest.approx([each.score for each in alone], rel=FLOAT32)


def test_an_ensemble_averages_the_distributions_of_its_members() -> None:
    members = [tiny_predictor("dot", seed=1), tiny_predictor("general", seed=2), tiny_predictor("no_attention", seed=3)]
    for source, (found, *_) in zip(SOURCES, Ensemble(members).predict(SOURCES), strict=True):
        steps = []
        for member in members:
            ids = member.target_codec.encode(found.text)
            state, context = member.encode(*pad_sources([member.source_codec.encode(source)]))
            told = []
            for token in [TARGET[START], *ids.tolist()]:
                log_p, state = member.step(np.array([token]), state, context)
                told.append(np.exp(log_p[0].astype(np.float64)))
            steps.append(told)
        mean = np.log(np.mean(steps, axis=0))
        chosen = [*ids.tolist(), TARGET[END]] if found.finished else ids.tolist()
        log_probability = sum(mean[t][token] for t, token in enumerate(chosen))
        assert found.log_probability == pytest.approx(log_probability, rel=FLOAT32)
        mean[:, [0, TARGET[START]]] = -np.inf
        assert [int(row.argmax()) for row in mean[: len(chosen)]] == chosen


def test_members_of_an_ensemble_write_the_same_tokens() -> None:
    first = tiny_predictor()
    other = Seq2SeqPredictor(first.config, SIDES, SOURCE, Vocabulary((*TARGET.tokens[:-1], "OW")), first.tensors)
    with pytest.raises(ConfigError, match="member 2 of the ensemble writes other tokens than the first"):
        Ensemble([first, other])


@pytest.mark.parametrize("beam", [0, -1])
def test_a_beam_has_at_least_one(beam: int) -> None:
    with pytest.raises(ConfigError, match=f"beam: given {beam}, expected 1 or more"):
        tiny_predictor().predict(["a"], beam=beam)


def test_sources_are_several_texts() -> None:
    with pytest.raises(DataError, match="one text, 'abc', expected several; give a list"):
        tiny_predictor().predict("abc")
    with pytest.raises(DataError, match="item 1 is None, expected text"):
        tiny_predictor().predict(["abc", None])  # type: ignore[list-item]


@pytest.mark.parametrize(
    "wrong", [{"attention": "none"}, {"input_feeding": True}, {"num_layers": 1}, {"num_layers": 2, "decoder_layers": 1}]
)
def test_attention_of_the_first_layer_needs_layers_above_it(wrong: dict[str, Any]) -> None:
    sizes = {"embedding_size": 3, "hidden_size": 4, "num_layers": 2}
    with pytest.raises(
        ConfigError, match="attention_layer 'first' needs attention, two decoder layers or more, and no"
    ):
        validate_config(Seq2SeqConfig, {**sizes, "attention_layer": "first", **wrong})
