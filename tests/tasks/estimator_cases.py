"""The five estimators with tiny data: what `fit` takes, other data of the same kind, and predictions to compare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import elman

WORDS = ("cat", "dog", "oak", "elm")
TEXTS = [f"{word} {i}" for i in range(8) for word in WORDS]
LABELS = ["animal", "animal", "plant", "plant"] * 8
SENTENCES = [["the", word, str(i)] for i in range(8) for word in WORDS]
TAGS = [["DET", "NOUN", "NUM"]] * len(SENTENCES)
PAIRS = [(f"{word}{i}", " ".join(f"{word}{i}".upper())) for i in range(8) for word in WORDS]
T = np.arange(80)
SERIES = 100.0 + 10.0 * np.sin(2.0 * np.pi * T / 6.0) + T / 4.0
TINY: dict[str, Any] = {"hidden_size": 6, "steps": 3, "threads": 1, "verbose": False}
FEW: dict[str, Any] = {"training": {"batch_size": 8}}


@dataclass(frozen=True)
class Case:
    """An estimator: its class, parameters, arguments of `fit`, other arguments, and what its predictions are."""

    kind: type[Any]
    parameters: dict[str, Any]
    arguments: tuple[Any, ...]
    others: tuple[Any, ...]
    predict: Callable[[Any], Any]

    def new(self, **parameters: Any) -> Any:
        """Return an estimator before `fit`."""
        return self.kind(**{**self.parameters, **parameters})

    def fitted(self, **parameters: Any) -> Any:
        """Return an estimator after `fit`."""
        return self.new(**parameters).fit(*self.arguments)


CASES = {
    "lm": Case(
        elman.LanguageModel,
        {**TINY, "config": {"training": {"batch_size": 4, "bptt_steps": 8}}},
        (["the cat and the dog", "an oak and an elm"] * 20,),
        (["the elm and the cat z"] * 20,),
        lambda model: [model.generate("the ", max_tokens=12, seed=1), model.suggest("the ", 2)],
    ),
    "classify": Case(
        elman.Classifier,
        {**TINY, "config": FEW},
        (TEXTS, LABELS),
        ([f"elm z{i}" for i in range(12)], ["plant"] * 12),
        lambda model: model.predict_proba(["a cat", "an oak"]),
    ),
    "tag": Case(
        elman.Tagger,
        {**TINY, "character_size": 3, "crf": True, "config": FEW},
        (SENTENCES, TAGS),
        ([["the", "bee", str(i)] for i in range(12)], TAGS[:12]),
        lambda model: np.concatenate(model.predict_proba([["the", "cat", "7"], ["oak"]])),
    ),
    "seq2seq": Case(
        elman.Seq2Seq,
        {**TINY, "embedding_size": 6, "config": FEW},
        (PAIRS,),
        ([(f"elm{i}z", f"E L M {i}") for i in range(12)],),
        lambda model: [[p.text, p.score] for best in model.n_best(["cat1", "elm"], beam=2) for p in best],
    ),
    "forecast": Case(
        elman.Forecaster,
        {**TINY, "horizon": 3, "season": 6, "config": FEW},
        (SERIES,),
        (SERIES[::-1] * 1.5,),
        lambda model: model.predict(SERIES).quantiles,
    ),
}


def same(first: Any, second: Any) -> bool:
    """Return whether predictions are equal to the last bit."""
    if isinstance(first, np.ndarray):
        return bool(first.dtype == second.dtype and first.tobytes() == second.tobytes())
    return bool(first == second)
