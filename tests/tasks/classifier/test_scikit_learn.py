"""The classifier in scikit-learn: the order of the classes, weights of texts, cross-validation, search and voting."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import elman
from elman.errors import ArgumentError, DataError

from ..estimator_cases import LABELS, TEXTS

CLASSES = [f"word{i % 12} is here {i // 12}" for i in range(120)]
TINY: dict[str, Any] = {"hidden_size": 12, "threads": 1, "verbose": False}
LEARNS: dict[str, Any] = {**TINY, "steps": 60, "dropout": 0.0}
FAST = {"training": {"learning_rate": 0.02, "batch_size": 8}}


def learner(**parameters: Any) -> elman.Classifier:
    return elman.Classifier(**{**LEARNS, "config": FAST, **parameters})


@pytest.mark.parametrize("dtype", [np.int64, np.int16, np.float64])
def test_numbers_are_sorted_as_numbers_and_keep_their_type(dtype: Any) -> None:
    labels = np.array([2, 2, 10, 10] * 8, dtype)
    model = elman.Classifier(**TINY, steps=2).fit(TEXTS, labels)
    np.testing.assert_array_equal(model.classes_, np.unique(labels))
    assert model.classes_.dtype == model.predict(TEXTS).dtype == dtype


@pytest.mark.parametrize(
    "labels", [["b", "a"], [False, True], [10, 2], np.array(["b", "a"], object), np.array([b"b", b"a"]).astype("U")]
)
def test_classes_have_the_order_and_the_type_of_unique(labels: Any) -> None:
    given = type(labels)(np.tile(labels, 16)) if isinstance(labels, list) else np.tile(labels, 16)
    given = given.tolist() if isinstance(labels, list) and hasattr(given, "tolist") else given
    model = elman.Classifier(**TINY, steps=2).fit(TEXTS, given)
    expected = np.unique(np.asarray(given))
    np.testing.assert_array_equal(model.classes_, expected)
    assert model.classes_.dtype == expected.dtype


def test_columns_of_pandas_are_labels_of_their_type() -> None:
    import pandas

    for series in (pandas.Series([10, 2] * 16, dtype="Int64"), pandas.Series(["b", "a"] * 16, dtype="category")):
        model = elman.Classifier(**TINY, steps=2).fit(pandas.Series(TEXTS), series)
        assert model.classes_.tolist() == sorted(set(series))
        assert b"pandas" not in pickle.dumps(model), "it is loaded where pandas is not installed"


def test_twelve_numbers_are_learned_with_probabilities_in_their_order() -> None:
    """As texts, 10 comes before 2: every metric of probabilities would be wrong."""
    from sklearn.ensemble import VotingClassifier
    from sklearn.metrics import get_scorer

    y = np.arange(120) % 12
    model = learner().fit(CLASSES, y)
    assert model.classes_.tolist() == list(range(12))
    assert model.score(CLASSES, y) > 0.95
    np.testing.assert_array_equal(model.classes_[model.predict_proba(CLASSES).argmax(1)], model.predict(CLASSES))
    np.testing.assert_allclose(np.exp(model.predict_log_proba(CLASSES)), model.predict_proba(CLASSES), rtol=1e-5)
    by_label = dict(zip(model.predictor.labels, model.predictor.predict_proba(CLASSES).T, strict=True))
    np.testing.assert_array_equal(model.predict_proba(CLASSES)[:, 2], by_label["2"])
    assert get_scorer("roc_auc_ovr")(model, CLASSES, y) > 0.95
    voting = VotingClassifier([("a", learner())], voting="soft").fit(CLASSES, y)
    assert (voting.predict(CLASSES) == y).mean() > 0.95


def test_the_second_class_is_the_positive_one() -> None:
    from sklearn.metrics import get_scorer

    y = np.array([10, 10, 2, 2] * 8)
    model = learner().fit(TEXTS, y)
    assert get_scorer("roc_auc")(model, TEXTS, y) > 0.95
    assert get_scorer("neg_log_loss")(model, TEXTS, y) > -0.6


@pytest.mark.integration
def test_cross_validation_search_and_pipelines_in_two_processes() -> None:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score, cross_validate
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.preprocessing import FunctionTransformer

    # Other processes do not have the fewer validations of the tests (tests/short_measurements.py).
    model = learner(steps=20, config={"training": {**FAST["training"], "validate_every_steps": 5}})
    scores = cross_val_score(model, TEXTS, LABELS, cv=2, n_jobs=2)
    np.testing.assert_array_equal(scores, cross_val_score(model, TEXTS, LABELS, cv=StratifiedKFold(2)))
    search = GridSearchCV(model, {"pooling": ["max", "last"], "seed": [0]}, cv=2, n_jobs=2).fit(TEXTS, LABELS)
    assert search.best_estimator_.score(TEXTS, LABELS) > 0.5
    pipeline = make_pipeline(FunctionTransformer(lowered), model).fit(TEXTS, LABELS)
    assert pipeline.predict(TEXTS).tolist() == pipeline[-1].predict(TEXTS).tolist()
    assert "classifier" in pipeline.named_steps
    weights = {"sample_weight": np.ones(len(TEXTS))}
    assert len(cross_validate(model, TEXTS, LABELS, cv=2, params=weights)["test_score"]) == 2
    assert make_union(CountVectorizer()) is not None


def lowered(texts: list[str]) -> list[str]:
    return [text.lower() for text in texts]


def test_weights_of_texts_weight_their_losses() -> None:
    """With the same words under both labels, the label with the larger weight is the more probable one."""
    texts, labels = [f"oak {i}" for i in range(20)] * 2, ["a"] * 20 + ["b"] * 20
    config = {"training": {"learning_rate": 0.02, "batch_size": 40}, "data": {"valid_fraction": 0.0}}
    options: dict[str, Any] = {**TINY, "steps": 120, "dropout": 0.0}
    for first, second, favourite in ((4.0, 1.0, "a"), (0.5, 2.0, "b")):
        weights = np.array([first] * 20 + [second] * 20)
        config["model"] = {"label_smoothing": 0.0}
        model = elman.Classifier(**options, config=config).fit(texts, labels, sample_weight=weights)
        assert set(model.predict(texts)) == {favourite}
        share = max(first, second) / (first + second)
        assert model.predict_proba(texts).max(1).mean() == pytest.approx(share, abs=0.08)


def test_equal_weights_change_nothing_and_a_weight_of_zero_leaves_a_text_out() -> None:
    plain = elman.Classifier(**TINY, steps=4).fit(TEXTS, LABELS)
    for weights in (np.ones(len(TEXTS)), [3.0] * len(TEXTS)):
        model = elman.Classifier(**TINY, steps=4).fit(TEXTS, LABELS, sample_weight=weights)
        np.testing.assert_allclose(model.predict_proba(TEXTS), plain.predict_proba(TEXTS), rtol=1e-6)
    repeated = elman.Classifier(**TINY, steps=4).fit([*TEXTS, *TEXTS], [*LABELS, *LABELS], [1.0] * 2 * len(TEXTS))
    np.testing.assert_array_equal(repeated.predict_proba(TEXTS), plain.predict_proba(TEXTS))
    zero = [1.0] * len(TEXTS) + [0.0]
    without = elman.Classifier(**TINY, steps=4).fit([*TEXTS, "ZZZ"], [*LABELS, "other"], zero)
    np.testing.assert_array_equal(without.predict_proba(TEXTS), plain.predict_proba(TEXTS))
    assert without.score(TEXTS, LABELS, [1.0] * 16 + [0.0] * 16) == without.score(TEXTS[:16], LABELS[:16])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, 2.0, 3.0], r"given weights of the shape \(3,\) for 32 texts; expected one for each text"),
        ([[1.0, 2.0]] * 32, r"given weights of the shape \(32, 2\) for 32 texts; expected one for each text"),
        ([1.0, float("nan"), *[1.0] * 30], "weight 1 is nan; expected 0 or more"),
        ([-1.0] * 32, "weight 0 is -1.0; expected 0 or more"),
        ([0.0] * 32, "all weights are zero; expected at least one above zero"),
        ([1.0, 1.0, 0.0, 0.0] * 8, "all texts with a weight above zero have the label 'animal'; expected two labels"),
    ],
)
def test_wrong_weights_are_errors(weights: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=f"sample_weight: {message}") as caught:
        elman.Classifier(**TINY, steps=2).fit(TEXTS, LABELS, weights)
    assert isinstance(caught.value, ValueError)


def test_labels_in_a_column_of_an_array_are_labels() -> None:
    columns = np.array(LABELS).reshape(-1, 1)
    model = elman.Classifier(**TINY, steps=2).fit(TEXTS, columns)
    assert model.classes_.tolist() == ["animal", "plant"]
    assert model.evaluate(TEXTS, columns) == model.evaluate(TEXTS, LABELS)


@pytest.mark.parametrize("labels", [np.eye(2)[[0, 1] * 16], np.ones((32, 2, 1))])
def test_several_labels_for_a_text_are_an_error(labels: Any) -> None:
    with pytest.raises(ArgumentError, match=r"labels: given an array of the shape \(32, 2.*; expected one for each"):
        elman.Classifier(**TINY, steps=2).fit(TEXTS, labels)


def test_equal_numbers_are_one_label() -> None:
    model = elman.Classifier(**TINY, steps=2).fit(TEXTS, [1, 1.0, 2.0, 2] * 8)
    assert model.classes_.tolist() == [1, 2]
    assert model.predictor.labels == ("1", "2")


@pytest.mark.parametrize("label", ["\udce9", "caf\udce9"])
def test_a_label_that_is_no_text_is_an_error(label: str) -> None:
    with pytest.raises(DataError, match=r"item 1 has the label '(caf)?.udce9'; expected characters of Unicode"):
        elman.Classifier(**TINY, steps=2).fit(TEXTS, ["a", label] * 16)


NUMPY = {"hidden_size": np.int64(6), "steps": np.int32(2), "seed": np.uint8(1), "threads": np.int64(1)}


@pytest.mark.parametrize("estimator", [elman.Classifier, elman.Seq2Seq])
def test_numbers_of_numpy_are_parameters(estimator: Any) -> None:
    """A search of scikit-learn passes them."""
    config = {"training": {"batch_size": np.int64(8), "learning_rate": np.float32(0.5)}}
    model = estimator(**NUMPY, bidirectional=np.bool_(True), config=config, verbose=False)
    assert model.fit(TEXTS, LABELS).result_["steps"] == 2
    assert model.fit(TEXTS, LABELS, steps=np.int64(1)).result_["steps"] == 1


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (
            {"text": TEXTS},
            r"given a dict with the keys text; expected one column\. Give one value of it: data\['text'\]",
        ),
        (None, "given None; expected a list"),
        (np.array("text"), "given array.*; expected a list"),
        (["a", None], r"item 1 is None; expected text\. Leave out missing values"),
        ([["a", "b"]], r"item 0 is \['a', 'b'\]; expected text\. Give a list of str, one for each text"),
        ([b"a"], r"item 0 is b'a'; expected text\. Give a list of str, one for each text"),
    ],
)
def test_what_is_no_list_of_texts_is_explained(texts: Any, message: str, tmp_path: Any) -> None:
    model = elman.Classifier(**TINY, steps=2).fit(TEXTS, LABELS)
    for predict in (model.predict, model.predict_proba, model.predictor.predict):
        with pytest.raises((ArgumentError, DataError), match=message):
            predict(texts)


def test_weights_of_the_texts_of_a_file_are_an_error() -> None:
    with pytest.raises(ArgumentError, match="sample_weight: given with a path; expected texts"):
        elman.Classifier(**TINY, steps=2).fit("texts.csv", sample_weight=[1.0])
