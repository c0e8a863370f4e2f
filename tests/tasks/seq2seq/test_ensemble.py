"""An ensemble averages the probabilities of its members at every step."""

import itertools
import re

import numpy as np
import pytest

from elman.data.batches.padded import pad_sources
from elman.errors import ConfigError
from elman.tasks.seq2seq.config import SideConfig
from elman.tasks.seq2seq.ensemble import Ensemble
from elman.tasks.seq2seq.predictor import Seq2SeqPredictor
from elman.text import END, START, Vocabulary

from .models import PAIRS, SOURCE, TARGET, TEXT, tiny_predictor

# Relative error of the sum of a few log probabilities in float32, whose terms are added in another order.
FLOAT32 = 1e-4

SOURCES = [source for source, _ in PAIRS]


def test_an_ensemble_of_one_model_twice_predicts_what_the_model_predicts() -> None:
    predictor = tiny_predictor()
    twice = Ensemble([predictor, predictor]).predict(SOURCES, beam=3)
    for ours, alone in zip(twice, predictor.n_best(SOURCES, beam=3), strict=True):
        assert [prediction.text for prediction in ours] == [prediction.text for prediction in alone]
        scores = [prediction.score for prediction in alone]
        assert [prediction.score for prediction in ours] == pytest.approx(scores, rel=FLOAT32)


@pytest.mark.parametrize("beam", [1, 3])
def test_the_text_without_probabilities_is_that_of_the_best_prediction(beam: int) -> None:
    predictor = tiny_predictor("dot", seed=2)
    sources = ["".join(source) for source in itertools.permutations("abcde", 3)] * 40  # several batches
    best = [n_best[0].text for n_best in predictor.n_best(sources, beam=beam)]
    assert len(set(best)) > 1
    assert predictor.predict(sources, beam=beam) == best


def test_an_ensemble_averages_the_probabilities_of_its_members() -> None:
    members = [tiny_predictor("dot", seed=1), tiny_predictor("general", seed=2), tiny_predictor("no_attention", seed=3)]
    for source, (best, *_) in zip(SOURCES, Ensemble(members).predict(SOURCES), strict=True):
        probabilities = []
        for member in members:
            ids = member.target_codec.encode(best.text)
            state, context = member.encode(*pad_sources([member.source_codec.encode(source)]))
            steps = []
            for token in [TARGET[START], *ids.tolist()]:
                log_p, state = member.step(np.array([token]), state, context)
                steps.append(np.exp(log_p[0].astype(np.float64)))
            probabilities.append(steps)
        mean = np.log(np.mean(probabilities, axis=0))
        chosen = [*ids.tolist(), TARGET[END]] if best.finished else ids.tolist()
        log_probability = sum(mean[t][token] for t, token in enumerate(chosen))
        assert best.log_probability == pytest.approx(log_probability, rel=FLOAT32)
        mean[:, [0, TARGET[START]]] = -np.inf
        assert [int(row.argmax()) for row in mean[: len(chosen)]] == chosen


def test_a_member_with_other_target_tokens_is_an_error() -> None:
    first = tiny_predictor()
    other = Seq2SeqPredictor(first.config, TEXT, SOURCE, Vocabulary((*TARGET.tokens[:-1], "OW")), first.tensors)
    with pytest.raises(ConfigError, match="member 2 of the ensemble has other target tokens than the first"):
        Ensemble([first, other])


def test_members_may_tokenize_the_sources_in_different_ways() -> None:
    first = tiny_predictor("dot", seed=1)
    words = Vocabulary((*SOURCE.tokens[:3], *SOURCES))
    other = TEXT.model_copy(update={"source": SideConfig(level="word")})
    tensors = {**first.tensors, "encoder.embedding.weight": np.ones((len(words), 5), np.float32)}
    second = Seq2SeqPredictor(first.config, other, words, TARGET, tensors)
    assert len(Ensemble([first, second]).predict(SOURCES)) == len(SOURCES)


def test_a_model_makes_an_ensemble_with_others() -> None:
    first, second = tiny_predictor("dot", seed=1), tiny_predictor("general", seed=2)
    assert first.ensemble_with([]).predict(SOURCES, beam=2) == first.n_best(SOURCES, beam=2)
    together = first.ensemble_with([second]).predict(SOURCES)
    assert together == Ensemble([first, second]).predict(SOURCES)
    assert together != first.n_best(SOURCES, beam=1)


@pytest.mark.parametrize("penalty", [-1.0, 300.0, 1e300, float("inf"), float("nan")])
def test_a_length_penalty_is_zero_to_ten(penalty: float) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"length_penalty: given {penalty}; expected 0 to 10")):
        Ensemble([tiny_predictor()]).predict(SOURCES, length_penalty=penalty)
