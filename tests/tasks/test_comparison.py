"""Which metrics of two models can be compared: only those that mean the same for both."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from elman.errors import ConfigError
from elman.tasks.seq2seq.config import Seq2SeqTextConfig, SideConfig
from elman.tasks.spec import TASKS, task_spec


def comparison(task: str) -> Any:
    return task_spec(task).evaluation.comparison


def refused(task: str, new: Any, current: Any) -> list[str]:
    """Return the metrics by which two models cannot be compared."""
    errors: dict[str, ConfigError] = {}
    for metric in comparison(task).better:
        try:
            comparison(task).require_comparable(new, current, metric)
        except ConfigError as error:
            errors[metric] = error
    assert all(metric in str(error) or "cannot be compared" in str(error) for metric, error in errors.items())
    assert all(error.hint for error in errors.values())
    return list(errors)


def test_every_task_knows_which_values_are_better() -> None:
    for task in TASKS:
        if task != "digits":  # of another test
            assert set(comparison(task).better.values()) <= {"lower", "higher"}
            assert comparison(task).better["loss"] == "lower"


def test_classifiers_with_other_labels_are_compared_by_accuracy_alone() -> None:
    one, same, other = (SimpleNamespace(labels=labels) for labels in (["a", "b"], ["b", "a"], ["a", "c"]))
    assert refused("classify", one, same) == []
    assert refused("classify", one, other) == ["loss", "macro_f1", "brier", "ece"]


def tagger(labels: str = "ab", level: str = "word", scheme: str = "none") -> Any:
    text, config = SimpleNamespace(level=level), SimpleNamespace(scheme=scheme)
    return SimpleNamespace(labels=tuple(labels), text=text, config=config)


def test_taggers_are_compared_on_the_same_tokens_and_by_spans_only_if_both_have_them() -> None:
    spans = ["span_f1", "span_precision", "span_recall"]
    assert refused("tag", tagger(), tagger()) == spans
    assert refused("tag", tagger(scheme="bio"), tagger(scheme="bio")) == []
    assert refused("tag", tagger(scheme="bio"), tagger()) == spans
    assert refused("tag", tagger("ab", scheme="bio"), tagger("ac", scheme="bio")) == ["loss"]
    assert refused("tag", tagger(level="char"), tagger()) == list(comparison("tag").better)


def seq2seq(target: str = "abc", **side: Any) -> Any:
    text = Seq2SeqTextConfig(target=SideConfig(**side))
    return SimpleNamespace(text=text, vocabularies=lambda: {"target": list(target)})


def test_encoder_decoders_with_other_tokens_are_compared_by_texts() -> None:
    assert refused("seq2seq", seq2seq(), seq2seq("cba")) == []
    assert refused("seq2seq", seq2seq(), seq2seq("abd")) == ["loss"]
    of_tokens = ["loss", "exact_match", "sequence_error_rate", "token_error_rate", "ece"]
    assert refused("seq2seq", seq2seq(), seq2seq(level="word")) == of_tokens
    assert refused("seq2seq", seq2seq(), seq2seq(normalize="lower")) == of_tokens
    merged = [seq2seq(level="bpe", merges=merges) for merges in (("a b",), ("b c",))]
    assert refused("seq2seq", *merged) == [metric for metric in of_tokens if metric != "exact_match"]


def forecaster(targets: str = "y", horizon: int = 3, naive_mae: float = 1.0) -> Any:
    scales = SimpleNamespace(targets=(targets,), inputs=(), naive_mae=(naive_mae,), units={}, spread=((1.0,),))
    return SimpleNamespace(scales=scales, config=SimpleNamespace(horizon=horizon, quantiles=(0.5,), season=7))


def test_forecasters_of_other_training_sets_are_compared_in_the_units_of_the_values() -> None:
    everything = list(comparison("forecast").better)
    assert refused("forecast", forecaster(), forecaster()) == []
    assert refused("forecast", forecaster(), forecaster(naive_mae=2.0)) == ["mase", "relative_mae", "loss"]
    assert refused("forecast", forecaster(), forecaster(horizon=4)) == everything
    assert refused("forecast", forecaster(), forecaster(targets="z")) == everything


def language_model(tokens: str = "abc", normalize: str = "none") -> Any:
    text = SimpleNamespace(normalize=normalize)
    return SimpleNamespace(text=text, vocabulary=SimpleNamespace(tokens=list(tokens)))


def test_language_models_with_other_tokens_are_compared_by_bits_per_character() -> None:
    assert refused("lm", language_model(), language_model("cab")) == []
    assert refused("lm", language_model(), language_model("abd")) == ["loss", "perplexity"]
    everything = ["loss", "perplexity", "bits_per_character"]
    assert refused("lm", language_model(), language_model(normalize="lower")) == everything


def test_a_language_model_that_does_not_know_the_validation_set_is_not_compared() -> None:
    from elman.text import Vocabulary, codec

    new = codec.TextCodec(Vocabulary(["<unk>", "a", "b"]))
    corpus = SimpleNamespace(
        ids=lambda name: SimpleNamespace(chunks=lambda: iter([new.encode("abab")])),
        valid_set=SimpleNamespace(unknown=0),
    )
    current = SimpleNamespace(
        text=0, vocabulary=Vocabulary(["<unk>", "a"]), evaluate_blocks=lambda blocks: {"unknown": 2, "blocks": blocks}
    )
    other = SimpleNamespace(text=1, vocabulary=new.vocabulary, codec=new)
    with pytest.raises(ConfigError, match="2 tokens of the validation set are unknown to one of the models"):
        comparison("lm").score_current(current, other, corpus)
