"""The metrics of an encoder-decoder: any target of a source is right, and sources are counted once."""

import sys
from pathlib import Path

import pytest

from elman.errors import DataError
from elman.metrics import ReliabilityBins
from elman.tasks.seq2seq import evaluation
from elman.tasks.seq2seq.config import EvaluateOptions
from elman.tasks.seq2seq.readers import Pair
from elman.tasks.spec import Scored

from .models import PAIRS, corpus_of, tiny_predictor

SOURCES = [source for source, _ in PAIRS]


def test_predictions_are_compared_with_any_target_and_the_loss_is_that_of_the_first() -> None:
    predictor = tiny_predictor()
    texts = predictor.predict(SOURCES)
    pairs = [Pair(source, ("K K K", text or "K")) for source, text in zip(SOURCES, texts, strict=True)]
    metrics = predictor.evaluate(pairs)
    assert metrics["task"] == "seq2seq"
    assert metrics["count"] == len(SOURCES)
    assert metrics["exact_match"] == sum(bool(text) for text in texts) / len(texts)
    assert metrics["sequence_error_rate"] == pytest.approx(1.0 - metrics["exact_match"])
    assert metrics["loss"] == pytest.approx(predictor.score([(source, "K K K") for source in SOURCES]).value)
    with pytest.raises(DataError, match="no pairs to score; expected at least one"):
        predictor.evaluate([])


def test_the_calibration_error_compares_the_probability_of_a_target_with_its_exact_match() -> None:
    predictor = tiny_predictor(temperature=0.2)
    best = [n_best[0] for n_best in predictor.n_best(SOURCES, beam=1)]
    pairs = [
        Pair(s, ("K K K", p.text) if n % 2 else ("K K K",)) for n, (s, p) in enumerate(zip(SOURCES, best, strict=True))
    ]
    metrics = predictor.evaluate(pairs)
    p, correct = [prediction.probability for prediction in best], [n % 2 == 1 for n in range(len(best))]
    assert metrics["exact_match"] == 0.5
    assert metrics["ece"] == pytest.approx(ReliabilityBins.of(p, correct).expected_calibration_error)
    assert metrics["mean_confidence"] == pytest.approx(sum(p) / len(p))


def test_a_source_that_appears_again_has_further_targets() -> None:
    predictor = tiny_predictor()
    pairs = [Pair("abc", ("AA B", "AA B K")), Pair("e", ("IY",))]
    items: list[tuple[str, str | list[str]]] = [("abc", "AA B"), ("e", ["IY"]), ("abc", ["AA B K", "AA B"])]
    assert predictor.evaluate(items) == predictor.evaluate(pairs)
    again = [Pair("abc", ("AA B",)), Pair("e", ("IY",)), Pair("abc", ("AA B K", "AA B"))]
    assert predictor.evaluate(again) == predictor.evaluate(pairs)
    with pytest.raises(DataError, match=r"item 1 is 3; expected \(source, target\)"):
        predictor.evaluate([("abc", "AA"), 3])


def test_training_compares_steps_by_the_same_metrics() -> None:
    predictor = tiny_predictor()
    pairs = [Pair(source, (target,)) for source, target in PAIRS]
    measured, evaluated = predictor.measure(pairs, beam=2), predictor.evaluate(pairs, beam=2)
    assert set(measured) == {"loss", "exact_match", "sequence_error_rate", "token_error_rate"}
    assert {name: evaluated[name] for name in measured} == measured


def test_bleu_and_chrf_are_left_out_without_sacrebleu(monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = tiny_predictor()
    with_scores = predictor.evaluate(PAIRS)
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    without = predictor.evaluate(PAIRS)
    assert set(with_scores) - set(without) <= {"bleu", "chrf"}
    assert not {"bleu", "chrf"} & set(without)


def test_an_ensemble_has_no_loss(tmp_path: Path) -> None:
    predictor, other = tiny_predictor("dot", seed=1), tiny_predictor("general", seed=2)
    other.save(tmp_path / "other")
    pairs = [Pair(source, (target,)) for source, target in PAIRS]
    options = EvaluateOptions(beam=2, ensemble=(str(tmp_path / "other"),))
    metrics = evaluation.score(Scored(predictor, tmp_path, print), pairs, options)
    assert metrics == predictor.ensemble_with([other]).evaluate(pairs, beam=2)
    assert "loss" not in metrics
    assert "loss" in evaluation.score(Scored(predictor, tmp_path, print), pairs, EvaluateOptions())


def test_the_validation_set_is_scored_and_members_without_the_same_one_are_reported(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "data", PAIRS, PAIRS[:3])
    predictor = tiny_predictor()
    predictor.save(tmp_path / "other")
    messages: list[str] = []
    scored = Scored(predictor, tmp_path, messages.append)
    assert evaluation.score_validation_set(scored, corpus, EvaluateOptions()) == predictor.evaluate(corpus.valid())
    assert messages == []
    evaluation.score_validation_set(scored, corpus, EvaluateOptions(ensemble=(str(tmp_path / "other"),)))
    expected = "may have been trained on examples of this validation set: its own differs or is not known"
    assert messages == [f"{tmp_path / 'other'} {expected}"]
