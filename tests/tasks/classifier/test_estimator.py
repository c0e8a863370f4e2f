"""The classifier as a Python class: every form of texts and labels, and the interface of scikit-learn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

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


def test_it_learns_labels_and_gives_probabilities(fitted: elman.Classifier, tmp_path: Path) -> None:
    assert fitted.score(TEXTS, LABELS) > 0.9
    labels = fitted.predict(["a cat", "an oak"])
    assert isinstance(labels, np.ndarray)
    assert fitted.classes_.tolist() == ["animal", "plant"]
    p = fitted.predict_proba(["a cat", "an oak"])
    np.testing.assert_allclose(p.sum(1), 1.0, rtol=1e-5)
    assert fitted.classes_[p.argmax(1)].tolist() == labels.tolist()
    explanation = fitted.explain("a cat")
    assert (explanation.label, len(explanation.tokens)) == (labels[0], 5)
    metrics = fitted.evaluate(TEXTS, LABELS)
    assert metrics["accuracy"] == fitted.score(TEXTS, LABELS)
    fitted.save(tmp_path / "model")
    np.testing.assert_array_equal(elman.load(tmp_path / "model").predict_proba(["a cat", "an oak"]), p)


def test_texts_come_in_every_form(tmp_path: Path) -> None:
    path = tmp_path / "kinds.csv"
    path.write_text("label,text\n" + "".join(f"{b},{a}\n" for a, b in zip(TEXTS, LABELS, strict=True)))
    pairs = list(zip(TEXTS, LABELS, strict=True))
    probabilities = []
    for arguments in ((TEXTS, LABELS), (np.array(TEXTS), np.array(LABELS)), (pairs,), (path,), (str(path),)):
        model = elman.Classifier(**{**TINY, "steps": 3})
        result = model.fit(*arguments).result_
        assert set(result) == {"task", "steps", "seconds", "texts_per_second", "best_step", "train", "valid"}
        probabilities.append(model.predict_proba(["a cat"]))
        assert model.evaluate(*arguments)["count"] == len(TEXTS)
    for p in probabilities[1:]:
        np.testing.assert_array_equal(p, probabilities[0])


def test_arguments_that_do_not_fit_together_are_errors() -> None:
    model = elman.Classifier(**TINY)
    with pytest.raises(ConfigError, match="given 48 and 3; expected as many of each"):
        model.fit(TEXTS, LABELS[:3])
    with pytest.raises(ConfigError, match="given a path and labels; expected a path alone"):
        model.fit("texts.csv", LABELS)
    with pytest.raises(DataError, match="item 0 is 'cat 0'; expected a text and its label"):
        model.fit(TEXTS)
    with pytest.raises(ConfigError, match="not trained yet"):
        model.predict(TEXTS)
    with pytest.raises(ConfigError, match=r"unknown parameter 'depth'\. Choose one of cell, hidden_size"):
        model.set_params(depth=2)
    with pytest.raises(ConfigError, match=r"model\.pooling"):
        elman.Classifier(pooling="sum", **TINY).fit(TEXTS, LABELS)


def test_parameters_are_those_of_the_constructor() -> None:
    from sklearn.base import clone, is_classifier

    model = elman.Classifier(**TINY)
    assert clone(model).get_params() == model.get_params()
    assert model.get_params()["config"] is TINY["config"]
    assert model.set_params(hidden_size=5, pooling="mean") is model
    assert (model.hidden_size, model.get_params()["pooling"]) == (5, "mean")
    assert is_classifier(model)


def test_scikit_learn_can_cross_validate_search_and_pipe_it() -> None:
    from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
    from sklearn.pipeline import make_pipeline

    model = elman.Classifier(**{**TINY, "steps": 12})
    scores = cross_val_score(model, TEXTS, LABELS, cv=2)
    assert scores.shape == (2,)
    assert scores.min() > 0.5
    assert set(cross_val_predict(model, TEXTS, LABELS, cv=2)) <= {"animal", "plant"}
    search = GridSearchCV(model, {"pooling": ["max", "last"]}, cv=2, refit=False).fit(TEXTS, LABELS)
    assert len(search.cv_results_["params"]) == 2
    pipeline = make_pipeline(model)
    pipeline.fit(TEXTS, LABELS)
    assert pipeline.predict(TEXTS).tolist() == model.predict(TEXTS).tolist()


def test_a_budget_of_fit_replaces_that_of_the_constructor(tmp_path: Path) -> None:
    model = elman.Classifier(**TINY)
    assert model.fit(TEXTS, LABELS, steps=2, run=tmp_path / "run").result_["steps"] == 2
    assert (tmp_path / "run" / "model").is_dir()
    assert model.fit(TEXTS, LABELS).result_["steps"] <= 40


def test_labels_keep_their_types() -> None:
    from sklearn.metrics import accuracy_score
    from sklearn.model_selection import cross_val_score

    model = elman.Classifier(**{**TINY, "steps": 12})
    numbers = np.array([0, 0, 7, 7] * 12)
    model.fit(TEXTS, numbers)
    assert model.classes_.tolist() == [0, 7]
    predicted = model.predict(TEXTS)
    accuracy = np.mean(predicted == numbers)
    assert accuracy == model.score(TEXTS, numbers) == accuracy_score(numbers, predicted)
    assert cross_val_score(model, TEXTS, numbers, cv=2, scoring="f1_macro").shape == (2,)


def test_spaces_around_a_label_do_not_matter() -> None:
    model = elman.Classifier(**TINY)
    model.fit(TEXTS, [f" {label}" for label in LABELS])
    assert model.score(["cat", "oak"], [" animal", "plant "]) == 1.0


class Frame:
    """The part of a DataFrame that the estimator uses."""

    def __init__(self, **columns: list[Any]) -> None:
        self._columns = columns
        self.columns = list(columns)

    def __getitem__(self, names: list[str]) -> Frame:
        return Frame(**{name: self._columns[name] for name in names})

    def itertuples(self, *, index: bool, name: None) -> Iterator[tuple[Any, ...]]:
        assert not index
        return zip(*self._columns.values(), strict=True)


def test_the_columns_of_a_frame_have_names(fitted: elman.Classifier) -> None:
    frame: Any = Frame(label=LABELS, more=LABELS, text=TEXTS)
    other: Any = Frame(kind=LABELS, message=TEXTS)
    assert fitted.evaluate(frame)["accuracy"] == fitted.score(TEXTS, LABELS)
    with pytest.raises(ConfigError, match="a DataFrame with the columns kind, message; expected text and label"):
        fitted.evaluate(other)
    with pytest.raises(ConfigError, match=r"expected one column\. Give one column of it"):
        fitted.evaluate(frame, LABELS)
    rows = np.array(list(zip(TEXTS, LABELS, strict=True)), object)
    assert fitted.evaluate(rows)["count"] == len(TEXTS)


def test_evaluate_reads_a_file_as_fit_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "kinds.csv"
    path.write_text("kind,message\n" + "".join(f"{b},{a}\n" for a, b in zip(TEXTS, LABELS, strict=True)))
    data = {"text_column": "message", "label_column": "kind"}
    model = elman.Classifier(**{**TINY, "steps": 3, "config": {**TINY["config"], "data": data}})
    model.fit(path)
    assert model.evaluate(path)["count"] == len(TEXTS)


@pytest.mark.parametrize("with_run", [True, False])
def test_after_an_interruption_the_best_model_so_far_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, with_run: bool
) -> None:
    import elman.experiment

    trained = elman.Classifier(**{**TINY, "steps": 2})
    trained.fit(TEXTS, LABELS)

    def interrupted(sources: Any, out: Path, *arguments: Any, **more: Any) -> None:
        trained.save(out / "model")
        raise Interrupted(2, "stopped")

    monkeypatch.setattr(elman.experiment, "train", interrupted)
    monkeypatch.setattr("elman.tasks.estimator.load", lambda out: elman.load(out / "model"))
    model = elman.Classifier(**TINY)
    with pytest.raises(Interrupted, match="stopped"):
        model.fit(TEXTS, LABELS, run=tmp_path / "run" if with_run else None)
    np.testing.assert_array_equal(model.predict_proba(TEXTS), trained.predict_proba(TEXTS))
    assert model.predict(["cat"])[0] in LABELS


def test_the_model_has_the_sizes_of_the_constructor() -> None:
    texts = [f"{word} is the word number {i}" for i in range(8) for word in ("cat", "dog")]
    sizes: dict[str, Any] = {"hidden_size": 6, "embedding_size": 5, "character_size": 3, "num_layers": 2}
    model = elman.Classifier(**sizes, steps=2, verbose=False)
    model.fit(texts, ["a", "b"] * 8)
    assert {name: getattr(model.predictor.config, name) for name in sizes} == sizes
