"""Scores of a language model against their documented definitions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from elman.data.readers.encodings import Notify
from elman.errors import DataError
from elman.tasks.language_model import batches, evaluation
from elman.tasks.language_model.config import EvaluateOptions
from elman.tasks.language_model.corpus import MemoryTokens
from elman.tasks.language_model.evaluation import scoring_steps
from elman.tasks.spec import Scored

from .corpora import prepared
from .models import random_ids, stepped, tiny_predictor

# Losses are summed in float64 over float32 log probabilities.
SUMMED = 1e-6

TEXT = "abba cad 你好，eab'd.\n"


def log_p(logits: npt.NDArray[np.float64], targets: Sequence[int]) -> list[float]:
    """Return the log probability of each target."""
    return [float(row[t] - np.logaddexp.reduce(row)) for row, t in zip(logits, targets, strict=True)]


@pytest.mark.parametrize("tokens", [2, 64, 65, 128, 129, 130, 700, 2100, 4200])
def test_the_cross_entropy_is_that_of_the_documented_streams(tokens: int) -> None:
    predictor = tiny_predictor("gru")
    ids = random_ids(predictor, tokens)
    targets = tokens - 1
    streams = max(1, min(32, targets // 64))
    bounds = [math.floor(i * targets / streams) for i in range(streams + 1)]
    losses = [
        -value
        for start, end in itertools.pairwise(bounds)
        for value in log_p(stepped(predictor, ids[start:end].tolist()), ids[start + 1 : end + 1].tolist())
    ]
    scored = predictor.score(MemoryTokens(ids))
    assert scored.count == len(losses) == targets
    assert scored.sum == pytest.approx(math.fsum(losses), rel=SUMMED)


def test_with_a_limit_the_beginnings_of_the_streams_are_scored() -> None:
    predictor = tiny_predictor("gru")
    ids = random_ids(predictor, 3000)
    limited = predictor.score(MemoryTokens(ids), limit=320)
    bounds = np.linspace(0, 2999, 33).astype(int)
    streams = [predictor.score(MemoryTokens(ids[start : start + 11])) for start in bounds[:-1]]
    assert limited.count == 320
    assert limited.sum == pytest.approx(sum(stream.sum for stream in streams), rel=SUMMED)
    assert predictor.score(MemoryTokens(ids), limit=10**9) == predictor.score(MemoryTokens(ids))


@pytest.mark.parametrize(
    ("level", "text", "tokens", "unknown", "characters"),
    [
        ("char", "abba你好", 6, 0, 5),
        ("char", "a☃bcc☃d", 7, 2, 6),  # an unknown character counts as one character
        ("word", "you, the 你好 traveller.", 7, 0, len(", the你好traveller.")),
        ("word", "the unseen time", 3, 1, len("\ufffd time")),
        ("byte", "aé你b", 7, 0, 3),  # bytes are scored, characters are counted
    ],
)
def test_the_metrics_follow_their_definitions(
    level: str, text: str, tokens: int, unknown: int, characters: int
) -> None:
    predictor = tiny_predictor("gru", level)
    ids = predictor.codec.encode(text).tolist()
    nats = -math.fsum(log_p(stepped(predictor, ids[:-1]), ids[1:]))
    metrics = predictor.evaluate_blocks([text])
    assert {key: metrics[key] for key in ("task", "count", "tokens", "unknown")} == {
        "task": "lm",
        "count": tokens - 1,
        "tokens": tokens,
        "unknown": unknown,
    }
    assert metrics["loss"] == pytest.approx(nats / (tokens - 1), rel=SUMMED)
    assert metrics["perplexity"] == pytest.approx(math.exp(nats / (tokens - 1)), rel=10 * SUMMED)
    assert metrics["bits_per_character"] == pytest.approx(nats / math.log(2) / characters, rel=SUMMED)


def test_a_uniform_model_has_the_perplexity_of_its_vocabulary_size() -> None:
    predictor = tiny_predictor()
    for name in ("readout.weight", "readout.bias"):
        predictor.tensors[name][:] = 0.0
    metrics = predictor.evaluate_blocks([TEXT * 20])
    assert metrics["perplexity"] == pytest.approx(len(predictor.vocabulary), rel=SUMMED)
    assert metrics["bits_per_character"] == pytest.approx(math.log2(len(predictor.vocabulary)), rel=SUMMED)


def test_several_texts_are_scored_as_one() -> None:
    predictor = tiny_predictor()
    assert predictor.evaluate_blocks(["abba ", "cad", "", "eab"]) == predictor.evaluate_blocks(["abba cadeab"])
    assert predictor.evaluate_blocks(iter(["abba ", "cad"])) == predictor.evaluate_blocks(["abba cad"])
    assert predictor.evaluate(["abba", "cad"]) == predictor.evaluate_blocks(["abba\ncad\n"]), (
        "each is a line, as in fit"
    )


def test_token_ids_are_scored_like_their_text() -> None:
    predictor = tiny_predictor()
    assert predictor.evaluate_blocks(MemoryTokens(predictor.codec.encode(TEXT))) == predictor.evaluate_blocks([TEXT])


@pytest.mark.parametrize("blocks", [[""], ["a"], []])
def test_a_text_of_fewer_than_two_tokens_is_an_error(blocks: list[str]) -> None:
    with pytest.raises(DataError) as raised:
        tiny_predictor().evaluate_blocks(blocks)
    assert str(raised.value) == f"{len(''.join(blocks))} tokens to score; expected at least 2. Give more text"


@pytest.mark.parametrize(("vocabulary", "steps"), [(2, 128), (900, 128), (5_000, 25), (100_000, 1), (10**9, 1)])
def test_fewer_tokens_are_scored_at_a_time_for_a_large_vocabulary(vocabulary: int, steps: int) -> None:
    assert scoring_steps(vocabulary) == steps
    assert steps == 1 or steps * 32 * vocabulary <= evaluation.MAX_LOGITS


@pytest.mark.parametrize("logits", [1, 1000, 10_000, 10**9])
def test_the_score_does_not_depend_on_how_many_tokens_are_scored_at_a_time(
    logits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = tiny_predictor()
    tokens = MemoryTokens(random_ids(predictor, 2500))
    expected = predictor.score(tokens)
    steps: list[int] = []
    real = batches.scoring_batches

    def recorded(ids: Any, at_a_time: int, **options: Any) -> Any:
        steps.append(at_a_time)
        return real(ids, at_a_time, **options)

    monkeypatch.setattr(evaluation, "scoring_batches", recorded)
    monkeypatch.setattr(evaluation, "MAX_LOGITS", logits)
    scored = predictor.score(tokens)
    assert steps == [max(1, min(128, logits // (32 * len(predictor.vocabulary))))]
    assert scored.count == expected.count == 2499
    assert scored.value == pytest.approx(expected.value, abs=SUMMED)


@pytest.mark.parametrize(
    ("text", "messages"), [("abba", []), ("a☃b", ["1 of 3 predicted tokens are unknown to the model"])]
)
def test_unknown_tokens_are_reported(tmp_path: Path, text: str, messages: list[str]) -> None:
    predictor, reported = tiny_predictor(), list[str]()
    notify: Notify = reported.append
    metrics = evaluation.score(Scored(predictor, tmp_path, notify), [text + "\n"], EvaluateOptions())
    assert metrics == predictor.evaluate_blocks([text + "\n"])
    assert reported == messages


def test_the_validation_set_of_a_corpus_is_scored(tmp_path: Path) -> None:
    corpus = prepared(tmp_path, "abba cad " * 20, valid=["cad abba"])
    predictor = tiny_predictor(tokens=corpus.vocabulary.tokens)
    scored = Scored(predictor, tmp_path, lambda message: None)
    assert evaluation.score_validation_set(scored, corpus, EvaluateOptions()) == predictor.evaluate(["cad abba"])
