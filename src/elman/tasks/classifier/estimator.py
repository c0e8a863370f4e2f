"""The classifier as a Python class, which is a scikit-learn classifier of texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.errors import ConfigError
from elman.tasks.estimator import Estimator, paired, rows_of, sequence_tags

from .predictor import ClassifierPredictor, Explanation
from .readers import MemoryTexts, label_text

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Texts = str | Path | Iterable[Any]


class Classifier(Estimator):
    """A model that gives a text its label.

    >>> spam = Classifier(minutes=1)
    >>> spam.fit(["win a prize now", "see you at home", ...], ["spam", "ham", ...])
    >>> spam.predict(["a prize for you"])

    Parameters that are None are chosen from the texts and the budget, as `elman train classify` does.
    """

    task = "classify"

    def __init__(
        self,
        *,
        cell: str | None = None,
        hidden_size: int | None = None,
        num_layers: int | None = None,
        embedding_size: int | None = None,
        character_size: int | None = None,
        bidirectional: bool | None = None,
        pooling: str | None = None,
        dropout: float | None = None,
        class_weights: str | None = None,
        level: str | None = None,
        minutes: float | None = None,
        epochs: float | None = None,
        steps: int | None = None,
        config: Mapping[str, Any] | None = None,
        seed: int = 0,
        verbose: bool = True,
    ) -> None:
        """Take sizes and budget by their config names; `config` holds any other key, nested as in a TOML file."""
        self.cell = cell
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.embedding_size = embedding_size
        self.character_size = character_size
        self.bidirectional = bidirectional
        self.pooling = pooling
        self.dropout = dropout
        self.class_weights = class_weights
        self.level = level
        self.minutes = minutes
        self.epochs = epochs
        self.steps = steps
        self.config = config
        self.seed = seed
        self.verbose = verbose
        self._given_labels: dict[str, Any] = {}  # as the caller gave them, by their text

    def fit(
        self,
        texts: Texts,
        labels: Iterable[Any] | None = None,
        *,
        minutes: float | None = None,
        epochs: float | None = None,
        steps: int | None = None,
        valid: Texts | None = None,
        run: str | Path | None = None,
        overwrite: bool = False,
        verbose: bool | None = None,
    ) -> dict[str, Any]:
        """Train, and return the result: steps, seconds, best_step, train and valid (metrics).

        Texts and labels are two lists, arrays or columns of a DataFrame; or (text, label) pairs, a DataFrame with these
        two columns, or the path of a file or of a folder with one file for each class. A budget replaces that of the
        constructor. With `run`, everything is kept in that folder, and `elman resume` can continue from it.
        """
        source = _source(texts, labels)
        before = self._predictor
        try:
            return self._fit(
                [source],
                valid=[] if valid is None else [_source(valid)],
                budget={"minutes": minutes, "epochs": epochs, "steps": steps},
                run=run,
                overwrite=overwrite,
                verbose=verbose,
            )
        finally:
            if self._predictor is not before:
                self._given_labels = _given_labels(source)

    @property
    def predictor(self) -> ClassifierPredictor:
        """The trained model."""
        predictor: ClassifierPredictor = self._trained
        return predictor

    @property
    def classes_(self) -> npt.NDArray[Any]:
        """The labels as they were given to `fit`, in the order of the columns of `predict_proba`."""
        import numpy as np

        return np.array([self._given_labels.get(label, label) for label in self.predictor.labels])

    def predict(self, texts: Iterable[str]) -> npt.NDArray[Any]:
        """Return the most probable label of each text, as it was given to `fit`."""
        labels: npt.NDArray[Any] = self.classes_[self.predictor.log_probabilities(texts).argmax(1)]
        return labels

    def predict_proba(self, texts: Iterable[str]) -> npt.NDArray[np.floating[Any]]:
        """Return probabilities (N, C) in the order of `classes_`."""
        return self.predictor.predict_proba(texts)

    def explain(self, text: str) -> Explanation:
        """Return the label after every token of a text, and the contribution of each token to the final label."""
        return self.predictor.explain(text)

    def score(self, texts: Iterable[str], labels: Iterable[Any]) -> float:
        """Return the accuracy."""
        expected = [label_text(label) for label in labels]
        predicted = self.predictor.predict(texts)
        return sum(a == b for a, b in zip(predicted, expected, strict=True)) / max(1, len(expected))

    def evaluate(self, texts: Texts, labels: Iterable[Any] | None = None) -> dict[str, Any]:
        """Return loss, accuracy, macro F1 and the confusion matrix; the arguments are those of `fit`."""
        return self.predictor.evaluate(self._examples(_source(texts, labels)))

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags of a classifier of texts."""
        return sequence_tags("classifier", targets_required=False)


def _source(texts: Any, labels: Any = None) -> str | Path | MemoryTexts:
    """Return the arguments of `fit` as a source: a path, or pairs in memory."""
    if isinstance(texts, str | Path):
        if labels is not None:
            raise ConfigError("texts and labels: given a path and labels; expected a path alone, or two lists")
        return texts
    if labels is None:
        return MemoryTexts(rows_of(texts, ("text", "label")))
    if hasattr(texts, "columns"):
        raise ConfigError("texts: given a DataFrame and labels", hint='Give one column of it: frame["text"]')
    return MemoryTexts(paired(texts, labels, "texts and labels"))


def _given_labels(source: Any) -> dict[str, Any]:
    """Return the labels that a caller holds by their text; for a file there are none."""
    if not isinstance(source, MemoryTexts):
        return {}
    return {label_text(label) or "": label for _, label in source.items}
