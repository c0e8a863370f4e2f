"""The classifier as a Python class, which is a scikit-learn classifier of texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from elman.errors import ArgumentError, DataError
from elman.models.text_arguments import require_column, require_full_texts
from elman.tasks.estimator import Estimator, sequence_tags
from elman.translations import Language

from .arguments import Texts, source_of
from .predictor import ClassifierPredictor, Explanation
from .readers import MemoryTexts, label_text

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Classifier(Estimator):
    """A model that gives a text its label.

    >>> spam = Classifier(minutes=1)
    >>> spam.fit(["win a prize now", "see you at home", ...], ["spam", "ham", ...])
    >>> spam.predict(["a prize for you"])

    Parameters that are None are chosen from the texts and the budget, as `elman train classify` does.
    """

    task = "classify"
    _label_values: Mapping[str, Any] = MappingProxyType({})  # the labels as they were given, by their text
    _label_type: Any = None  # the dtype of the array of labels, if they were an array

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
        threads: int | None = None,
        config: Mapping[str, Any] | None = None,
        seed: int = 0,
        run: str | Path | None = None,
        overwrite: bool = False,
        warm_start: bool | str | Path = False,
        verbose: bool = True,
    ) -> None:
        """Take sizes and budget by their config names; `config` holds any other key, nested as in a TOML file.

        With `run`, everything is kept in that folder, which `overwrite` allows to replace, and `elman resume` can
        continue from it. With warm_start, `fit` continues from the model of the last `fit` or, with a path, from the
        model in that folder: its sizes, its tokens and its labels remain.
        """
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
        self.threads = threads
        self.config = config
        self.seed = seed
        self.run = run
        self.overwrite = overwrite
        self.warm_start = warm_start
        self.verbose = verbose

    def fit(
        self,
        texts: Texts,
        labels: Iterable[Any] | None = None,
        sample_weight: Iterable[float] | None = None,
        *,
        minutes: float | None = None,
        epochs: float | None = None,
        steps: int | None = None,
        valid: Texts | None = None,
        run: str | Path | None = None,
        overwrite: bool | None = None,
        verbose: bool | None = None,
    ) -> Self:
        """Train, and return the estimator; `history_` and `result_` have what was recorded and reported.

        Texts and labels are two lists, arrays or columns of a DataFrame; or (text, label) pairs, a DataFrame with these
        two columns, or the path of a file or of a folder with one file for each class. sample_weight are the weights of
        the texts in the loss of the training; their mean counts as 1, and texts with weight 0 are left out.

        What is given beside the data replaces the parameter of the constructor for this `fit`.
        """
        source = _weighted(source_of(texts, labels), sample_weight)
        before = self._predictor
        try:
            return self._fit(
                [source],
                valid=[] if valid is None else [source_of(valid)],
                budget={"minutes": minutes, "epochs": epochs, "steps": steps},
                run=run,
                overwrite=overwrite,
                verbose=verbose,
            )
        finally:
            if self._predictor is not before:
                self._keep_labels(source, labels)

    def _keep_labels(self, source: Any, labels: Any) -> None:
        """Keep the labels of the model as the caller gave them; those of a file are texts."""
        items = source.items if isinstance(source, MemoryTexts) else ()
        values = {label_text(label) or "": label for _, label in reversed(items)}
        kind = getattr(labels, "dtype", None)
        if self.warm_start is True and self._label_values:
            values, kind = {**values, **self._label_values}, self._label_type
        self._label_values = {label: values[label] for label in self.predictor.labels if label in values}
        self._label_type = _numpy_type(kind)

    @property
    def predictor(self) -> ClassifierPredictor:
        """The trained model."""
        predictor: ClassifierPredictor = self._trained
        return predictor

    @property
    def classes_(self) -> npt.NDArray[Any]:
        """The labels as they were given to `fit`, sorted: numbers as numbers. The columns of `predict_proba`."""
        return self._sorted_classes()[0]

    def predict(self, texts: Iterable[str]) -> npt.NDArray[Any]:
        """Return the most probable label of each text, as it was given to `fit`."""
        labels: npt.NDArray[Any] = self.classes_[self.predict_proba(texts).argmax(1)]
        return labels

    def predict_proba(self, texts: Iterable[str]) -> npt.NDArray[np.floating[Any]]:
        """Return probabilities (N, C) in the order of `classes_`."""
        return self.predictor.predict_proba(texts)[:, self._sorted_classes()[1]]

    def predict_log_proba(self, texts: Iterable[str]) -> npt.NDArray[np.floating[Any]]:
        """Return log probabilities (N, C) in the order of `classes_`."""
        return self.predictor.log_probabilities(require_full_texts(texts))[:, self._sorted_classes()[1]]

    def _sorted_classes(self) -> tuple[npt.NDArray[Any], npt.NDArray[np.intp]]:
        """Return the classes, and the column of each in the probabilities of the predictor."""
        import numpy as np

        values = [self._label_values.get(label, label) for label in self.predictor.labels]
        classes = np.array(values) if self._label_type is None else np.asarray(values, self._label_type)
        try:
            order = np.argsort(classes, kind="stable")
        except TypeError:  # labels of several types have the order of their texts
            order = np.arange(len(classes))
        return classes[order], order

    def explain(self, text: str) -> Explanation:
        """Return the label after every token of a text, and the contribution of each token to the final label."""
        return self.predictor.explain(text)

    def score(self, texts: Iterable[str], labels: Iterable[Any], sample_weight: Iterable[float] | None = None) -> float:
        """Return the accuracy, of texts with weights if these are given."""
        import numpy as np

        expected = [label_text(label) for label in labels]
        if not expected:
            raise DataError("no texts to score; expected at least one")
        predicted = self.predictor.predict(texts)
        correct = [a == b for a, b in zip(predicted, expected, strict=True)]
        return float(np.average(correct, weights=None if sample_weight is None else list(sample_weight)))

    def evaluate(self, texts: Texts, labels: Iterable[Any] | None = None) -> dict[str, Any]:
        """Return loss, accuracy, macro F1 and the confusion matrix; the arguments are those of `fit`."""
        return self.predictor.evaluate(list(self._examples(source_of(texts, labels))))

    def plot(
        self,
        folder: str | Path,
        texts: Texts | None = None,
        labels: Iterable[Any] | None = None,
        *,
        language: Language | None = None,
    ) -> list[Path]:
        """Draw the training of the last `fit` as PNG and SVG in a folder, and return the PNG files;
        of labelled texts, the confusion matrix and the reliability diagram, too.

        The language is that of the environment, if none is given.
        """
        return self._plot(folder, source_of(texts, labels) if texts is not None else None, language)

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags of a classifier of texts."""
        return sequence_tags("classifier", targets_required=False)


def _weighted(source: str | Path | MemoryTexts, weights: Any) -> str | Path | MemoryTexts:
    """Return texts in memory with their weights, without the texts whose weight is 0."""
    import numpy as np

    if weights is None:
        return source
    if not isinstance(source, MemoryTexts):
        hint = "Read the file, and give two lists"
        raise ArgumentError("sample_weight: given with a path; expected texts", hint=hint)
    require_column(weights)
    numbers = np.asarray(weights if hasattr(weights, "__array__") else list(weights), np.float64)
    if numbers.shape != (len(source.items),):
        given = f"weights of the shape {numbers.shape} for {len(source.items):,} texts"
        raise ArgumentError(f"sample_weight: given {given}; expected one for each text")
    wrong = ~(np.isfinite(numbers) & (numbers >= 0.0))
    if wrong.any():
        problem = f"sample_weight: weight {int(wrong.argmax())} is {numbers[wrong][0]}; expected 0 or more"
        raise ArgumentError(problem, hint="Leave out missing values")
    if numbers.size and not numbers.any():
        raise ArgumentError("sample_weight: all weights are zero; expected at least one above zero")
    used = np.flatnonzero(numbers).tolist()
    labels = {label_text(source.items[i][1]) for i in used}
    if len(labels) == 1 and len({label_text(label) for _, label in source.items}) > 1:
        problem = f"sample_weight: all texts with a weight above zero have the label {labels.pop()!r}"
        raise ArgumentError(f"{problem}; expected two labels or more", hint="Give another label a weight above zero")
    return MemoryTexts([source.items[i] for i in used], weights=[float(numbers[i]) for i in used])


def _numpy_type(dtype: Any) -> Any:
    """Return the dtype of NumPy for labels of an array or of a column of a DataFrame, whose types are more."""
    import numpy as np

    return dtype if isinstance(dtype, np.dtype) and dtype.kind != "U" else None
