"""scikit-learn's own checks of estimators, those that apply to estimators of texts and series.

The checks of conventions run on all estimators as they are. The others train on matrices of numbers; they run on a
classifier that reads each row as a text, and a check that fails for a reason is listed with it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any, Self

import numpy as np
import pytest
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import validate_data

import elman

from .estimator_cases import CASES

CONVENTIONS = (
    "check_estimator_cloneable",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_estimator_repr",
    "check_no_attributes_set_in_init",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_mixin_order",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
)


@pytest.mark.parametrize("check", CONVENTIONS)
@pytest.mark.parametrize("name", CASES)
def test_estimators_follow_the_conventions_of_scikit_learn(name: str, check: str) -> None:
    model = CASES[name].new()
    getattr(estimator_checks, check)(type(model).__name__, model)


class RowClassifier(elman.Classifier):
    """A classifier of rows of numbers: a number is a word, its column and its value to one digit."""

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:  # type: ignore[override]
        X, y = validate_data(self, X, y)
        if not np.isfinite(np.asarray(y, np.float64) if np.asarray(y).dtype.kind == "f" else 0.0).all():
            raise ValueError("y has NaN")
        return super().fit(texts_of(X), y, sample_weight)

    def predict(self, X: Any) -> Any:
        return super().predict(texts_of(validate_data(self, X, reset=False)))

    def predict_proba(self, X: Any) -> Any:
        is_text = isinstance(X, list) and X and isinstance(X[0], str)
        return super().predict_proba(X if is_text else texts_of(validate_data(self, X, reset=False)))

    def predict_log_proba(self, X: Any) -> Any:
        return super().predict_log_proba(texts_of(validate_data(self, X, reset=False)))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        return super().score(texts_of(validate_data(self, X, reset=False)), y, sample_weight)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array, tags.input_tags.two_d_array, tags.input_tags.string = False, True, False
        tags.classifier_tags.poor_score = True  # after three updates
        tags.target_tags.required = True
        return tags


def texts_of(X: Iterable[Iterable[float]]) -> list[str]:
    return [" ".join(f"{column}:{value:.1f}" for column, value in enumerate(row)) for row in X]


EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": "a text that occurs several times with a label is one example",
    "check_classifiers_one_label": "one label is an error, which names it and has not the word class",
    "check_classifiers_one_label_sample_weights": "one label is an error, which names it and has not the word class",
    "check_classifiers_regression_target": "numbers are labels; those that do not repeat are an error of other words",
}


def checks() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the classifier is no BaseEstimator, since scikit-learn is no dependency
        model = RowClassifier(hidden_size=4, steps=3, threads=1, verbose=False, config={"data": {"level": "word"}})
        return parametrize_with_checks([model], expected_failed_checks=lambda _: EXPECTED_FAILURES, xfail_strict=True)


@pytest.mark.integration
@pytest.mark.filterwarnings("ignore")
@checks()  # type: ignore[untyped-decorator]
def test_a_classifier_of_rows_passes_the_checks_of_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)
