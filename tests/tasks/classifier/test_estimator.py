"""The classifier as a Python class: what it is given in every form, and what scikit-learn asks of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline

import elman
from elman.errors import ConfigError, DataError, Interrupted

TEXTS = [f"{word} {i}" for i in range(12) for word in ("cat", "dog", "oak", "elm")]
LABELS = ["animal", "animal", "plant", "plant"] * 12
TINY: dict[str, Any] = {
    "hidden_size": 12,
    "steps": 40,
    "verbose": False,
    "config": {"training": {"batch_size": 8, "learning_rate": 0.02, "threads": 1}},
}


@pytest.fixture(scope="module")
def fitted() -> elman.Classifier:
    model = elman.Classifier(**TINY)
    model.fit(TEXTS, LABELS)
    return model


def test_it_learns_decides_and_tells_how_sure_it_is(fitted: elman.Classifier, tmp_path: Path) -> None:
    assert fitted.score(TEXTS, LABELS) > 0.9
    found = fitted.predict(["a cat", "an oak"])
    assert isinstance(found, np.ndarray)
    assert fitted.classes_.tolist() == ["animal", "plant"]
    p = fitted.predict_proba(["a cat", "an oak"])
    np.testing.assert_allclose(p.sum(1), 1.0, rtol=1e-5)
    assert fitted.classes_[p.argmax(1)].tolist() == found.tolist()
    told = fitted.explain("a cat")
    assert (told.label, len(told.tokens)) == (found[0], 5)
    measured = fitted.evaluate(TEXTS, LABELS)
    assert measured["accuracy"] == fitted.score(TEXTS, LABELS)
    fitted.save(tmp_path / "model")
    np.testing.assert_array_equal(elman.load(tmp_path / "model").predict_proba(["a cat", "an oak"]), p)


def test_texts_come_in_every_form(tmp_path: Path) -> None:
    path = tmp_path / "kinds.csv"
    path.write_text("label,text\n" + "".join(f"{b},{a}\n" for a, b in zip(TEXTS, LABELS, strict=True)))
    pairs = list(zip(TEXTS, LABELS, strict=True))
    found = []
    for given in ((TEXTS, LABELS), (np.array(TEXTS), np.array(LABELS)), (pairs,), (path,), (str(path),)):
        model = elman.Classifier(**{**TINY, "steps": 3})
        result = model.fit(*given)
        assert set(result) == {"task", "steps", "seconds", "texts_per_second", "best_step", "valid"}
        found.append(model.predict_proba(["a cat"]))
        assert model.evaluate(*given)["count"] == len(TEXTS)
    for each in found[1:]:
        np.testing.assert_array_equal(each, found[0])


def test_what_is_given_and_what_is_not_goes_together(fitted: elman.Classifier) -> None:
    model = elman.Classifier(**TINY)
    with pytest.raises(ConfigError, match="given 48 and 3, expected as many of each"):
        model.fit(TEXTS, LABELS[:3])
    with pytest.raises(ConfigError, match="given a path and labels, expected a path alone"):
        model.fit("texts.csv", LABELS)
    with pytest.raises(DataError, match="item 0 is 'cat 0', expected a text and its label"):
        model.fit(TEXTS)
    with pytest.raises(ConfigError, match="not trained yet"):
        model.predict(TEXTS)
    with pytest.raises(ConfigError, match="unknown parameter 'depth'; choose of cell, hidden_size"):
        model.set_params(depth=2)
    with pytest.raises(ConfigError, match=r"model\.pooling"):
        elman.Classifier(pooling="sum", **TINY).fit(TEXTS, LABELS)


def test_parameters_are_those_of_the_constructor() -> None:
    model = elman.Classifier(**TINY)
    assert clone(model).get_params() == model.get_params()
    assert model.get_params()["config"] is TINY["config"]
    assert model.set_params(hidden_size=5, pooling="mean") is model
    assert (model.hidden_size, model.get_params()["pooling"]) == (5, "mean")
    assert is_classifier(model)


def test_scikit_learn_cross_validates_searches_and_pipes_it() -> None:
    model = elman.Classifier(**{**TINY, "steps": 12})
    scores = cross_val_score(model, TEXTS, LABELS, cv=2)
    assert scores.shape == (2,)
    assert scores.min() > 0.5
    assert set(cross_val_predict(model, TEXTS, LABELS, cv=2)) <= {"animal", "plant"}
    search = GridSearchCV(model, {"pooling": ["max", "last"]}, cv=2, refit=False).fit(TEXTS, LABELS)
    assert len(search.cv_results_["params"]) == 2
    piped = make_pipeline(model)
    piped.fit(TEXTS, LABELS)
    assert piped.predict(TEXTS).tolist() == model.predict(TEXTS).tolist()


def test_a_budget_of_fit_counts_instead_of_the_constructor_s(tmp_path: Path) -> None:
    model = elman.Classifier(**TINY)
    assert model.fit(TEXTS, LABELS, steps=2, run=tmp_path / "run")["steps"] == 2
    assert (tmp_path / "run" / "model").is_dir()
    assert model.fit(TEXTS, LABELS)["steps"] <= 40


def test_labels_come_back_as_they_were_given() -> None:
    model = elman.Classifier(**{**TINY, "steps": 12})
    numbers = np.array([0, 0, 7, 7] * 12)
    model.fit(TEXTS, numbers)
    assert model.classes_.tolist() == [0, 7]
    found = model.predict(TEXTS)
    assert np.mean(found == numbers) == model.score(TEXTS, numbers) == accuracy_score(numbers, found)
    assert cross_val_score(model, TEXTS, numbers, cv=2, scoring="f1_macro").shape == (2,)
    assert fitted_on_spaces().score(["cat", "oak"], [" animal", "plant "]) == 1.0


def fitted_on_spaces() -> elman.Classifier:
    model = elman.Classifier(**TINY)
    model.fit(TEXTS, [f" {label}" for label in LABELS])
    return model


class Frame:
    """What a DataFrame answers to."""

    def __init__(self, **columns: list[Any]) -> None:
        self._columns = columns
        self.columns = list(columns)

    def __getitem__(self, names: list[str]) -> Frame:
        return Frame(**{name: self._columns[name] for name in names})

    def itertuples(self, *, index: bool, name: None) -> Iterator[tuple[Any, ...]]:
        assert not index
        return zip(*self._columns.values(), strict=True)


def test_the_columns_of_a_frame_are_told_by_name(fitted: elman.Classifier) -> None:
    frame = Frame(label=LABELS, more=LABELS, text=TEXTS)
    assert fitted.evaluate(frame)["accuracy"] == fitted.score(TEXTS, LABELS)
    with pytest.raises(ConfigError, match="a DataFrame with the columns kind, message, expected text and label"):
        fitted.evaluate(Frame(kind=LABELS, message=TEXTS))
    with pytest.raises(ConfigError, match="given a DataFrame and labels; give one column of it"):
        fitted.evaluate(frame, LABELS)
    rows = np.array(list(zip(TEXTS, LABELS, strict=True)), object)
    assert fitted.evaluate(rows)["count"] == len(TEXTS)


def test_a_file_is_scored_as_it_is_learned(tmp_path: Path) -> None:
    path = tmp_path / "kinds.csv"
    path.write_text("kind,message\n" + "".join(f"{b},{a}\n" for a, b in zip(TEXTS, LABELS, strict=True)))
    data = {"text_column": "message", "label_column": "kind"}
    model = elman.Classifier(**{**TINY, "steps": 3, "config": {**TINY["config"], "data": data}})
    model.fit(path)
    assert model.evaluate(path)["count"] == len(TEXTS)


def test_what_was_best_when_training_was_stopped_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    from elman.tasks.estimator import Learner

    kept = fitted_on_spaces().predictor

    def stopped(self: Learner, *given: Any, **named: Any) -> None:
        self._predictor = kept
        raise Interrupted(2, "stopped")

    monkeypatch.setattr(Learner, "fit", stopped)
    model = elman.Classifier(**TINY)
    with pytest.raises(Interrupted):
        model.fit(TEXTS, LABELS)
    assert model.predictor is kept


def test_sizes_of_the_constructor_are_those_of_the_model() -> None:
    texts = [f"{word} is the word number {i}" for i in range(8) for word in ("cat", "dog")]
    sizes = {"hidden_size": 6, "embedding_size": 5, "character_size": 3, "num_layers": 2}
    model = elman.Classifier(**sizes, steps=2, verbose=False)
    model.fit(texts, ["a", "b"] * 8)
    assert {name: getattr(model.predictor.config, name) for name in sizes} == sizes
