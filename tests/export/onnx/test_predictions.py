"""What programs do with the graphs: they decode, classify, tag and forecast as the predictors do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from elman.data.batches.padded import pad_sources
from elman.data.batches.token_characters import MAX_CHARACTERS
from elman.decoding import viterbi
from elman.export.onnx.token_inputs import TokenSampler
from elman.export.onnx.verification import run_session
from elman.text import END, START, UNKNOWN
from tests.tasks.classifier import models as classifier
from tests.tasks.forecaster import models as forecaster
from tests.tasks.seq2seq import models as seq2seq
from tests.tasks.tagger import models as tagger

from .sessions import sessions_of


@pytest.mark.parametrize("architecture", ["dot", "attends_first_deep", "aligned_feeding", "textbook", "unlike_numpy"])
def test_greedy_decoding_by_both_graphs_gives_the_predictions(architecture: str) -> None:
    model = seq2seq.tiny_predictor(architecture, seed=3)
    sources = ["abc", "e", "你好dab"]
    sessions = sessions_of(model)
    ids, lengths = pad_sources([model.source_codec.encode(source) for source in sources])
    first = run_session(sessions["encoder"], {"tokens": ids, "lengths": lengths})
    context_names = {"encoder_outputs", "keys"}
    context = {"lengths": lengths, **{name: first[name] for name in first if name in context_names}}
    state = {name: array for name, array in first.items() if name not in context_names}
    tokens = np.full(len(sources), model.target_vocabulary[START])
    decoded: list[list[int]] = [[] for _ in sources]
    is_open = [True] * len(sources)
    longest = max(map(model.text.longest_target, lengths - 1))
    for _ in range(longest):
        outputs = run_session(sessions["step"], {"tokens": tokens, **state, **context})
        state = {name: outputs[f"next.{name}"] for name in state}
        outputs["log_probabilities"][:, [model.target_vocabulary[token] for token in (UNKNOWN, START)]] = -np.inf
        tokens = outputs["log_probabilities"].argmax(-1)
        for row, token in enumerate(tokens.tolist()):
            is_open[row] = is_open[row] and token != model.target_vocabulary[END]
            if is_open[row] and len(decoded[row]) < model.text.longest_target(int(lengths[row]) - 1):
                decoded[row].append(token)
    assert [model.target_codec.decode(np.array(row, np.int64)) for row in decoded] == model.predict(sources)


def test_beam_hypotheses_share_the_context_of_their_source() -> None:
    model = seq2seq.tiny_predictor("general")
    ids, lengths = pad_sources([model.source_codec.encode(source) for source in ("abc", "de")])
    state, context = model.encode(ids, lengths)
    tokens = np.arange(6)
    wide = {name: np.repeat(array, 3, axis=0) for name, array in state.items()}
    outputs = run_session(sessions_of(model)["step"], {"tokens": tokens, **wide, **context})
    expected, _ = model.step(tokens, wide, context)
    np.testing.assert_allclose(outputs["log_probabilities"], expected, atol=1e-5)


@pytest.mark.parametrize("architecture", ["crf", "crf_words", "crf_unidirectional"])
def test_emissions_and_scores_decode_to_the_tags_of_the_predictor(architecture: str) -> None:
    model = tagger.tiny_predictor(architecture)
    lists = [list(tokens) for tokens, _ in tagger.EXAMPLES]
    longest = max(map(len, lists))
    inputs = TokenSampler(model.config, model.words, model.characters, model.text.word).inputs(lists, longest)
    state = {} if model.config.bidirectional else model.initial_state(len(lists))
    outputs = run_session(sessions_of(model)[""], {**inputs, **state})
    scores = [outputs[f"crf.{name}"] for name in ("transitions", "start", "end")]
    paths = viterbi(outputs["emissions"], inputs["lengths"], *scores)
    tags = [[model.labels[i] for i in path] for path in paths]
    assert tags == model.predict(lists)
    in_graph = [row[:length].tolist() for row, length in zip(outputs["tags"], inputs["lengths"], strict=True)]
    assert in_graph == [path.tolist() for path in paths]
    assert (outputs["tags"][inputs["lengths"][:, None] <= np.arange(longest)] == -1).all()


def test_characters_beyond_the_limit_of_a_token_do_not_count() -> None:
    model = classifier.tiny_predictor("words")
    word = "abcdeF" * 200
    assert len(word) > MAX_CHARACTERS
    sampler = TokenSampler(model.config, model.vocabulary, model.characters, model.text.word)
    outputs = run_session(sessions_of(model)[""], sampler.inputs([[word, "a"]], 2))
    expected = model.log_probabilities_of_tokens([[word, "a"]])
    np.testing.assert_allclose(outputs["log_probabilities"], expected, atol=1e-5)


@pytest.mark.parametrize("architecture", ["textbook", "max", "attention", "attention_unidirectional", "words"])
def test_texts_without_tokens_are_classified_as_by_the_predictor(architecture: str) -> None:
    model = classifier.tiny_predictor(architecture)
    sampler = TokenSampler(model.config, model.vocabulary, model.characters, model.text.word)
    lists: list[list[str]] = [[], ["a", "b"]]
    state: dict[str, Any] = {} if model.config.bidirectional else model.initial_state(2)
    outputs = run_session(sessions_of(model)[""], {**sampler.inputs(lists, 2), **state})
    expected = model.log_probabilities_of_tokens(lists)
    np.testing.assert_allclose(outputs["log_probabilities"], expected, atol=1e-5)


@pytest.mark.parametrize("architecture", ["gru", "tdnn", "narx"])
def test_the_quantiles_after_the_last_row_are_the_forecast(architecture: str) -> None:
    model = forecaster.tiny_predictor(architecture)
    series = forecaster.series_of(30)
    inputs = {"values": series.values[None], "lengths": np.array([30])}
    outputs = run_session(sessions_of(model)[""], {**inputs, **model.initial_state(1)})
    expected = model.forecast(series).quantiles
    np.testing.assert_allclose(outputs["quantiles"][0, -1], expected, rtol=1e-6)  # float32 inside, about 20 outside
