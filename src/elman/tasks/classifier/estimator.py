"""The classifier as a Python class, and as a scikit-learn estimator of texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.errors import ConfigError
from elman.runtime import ClassifierPredictor, Explanation
from elman.tasks.estimator import Learner
from elman.tasks.estimator_parameters import Parameters, budget_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from elman.tasks.classifier.readers import MemoryLabelled

Texts = str | Path | Iterable[Any]


class Classifier(Parameters):
    """A model that gives a text its label.

    >>> spam = Classifier(minutes=1)
    >>> spam.fit(["win a prize now", "see you at home", ...], ["spam", "ham", ...])
    >>> spam.predict(["a prize for you"])

    What is left None is chosen from the texts and the budget, as `elman train classify` does. It has what scikit-learn
    asks of a classifier: parameters are those of the constructor, so it can be cloned, searched and cross-validated.
    """

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
        """Take sizes by their config names and the budget; `config` holds any other key, nested as in a TOML file."""
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
        self._learner = Learner("classify", None, {})
        self._labels: dict[str, Any] = {}  # as they were given, by their text

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
        """Train, and return what training came to: steps, seconds, best_step, valid (metrics of the held-out part).

        Texts and labels are two lists, arrays or columns of a DataFrame; or (text, label) pairs, a DataFrame of these
        two columns, or the path of a file or of a folder with one file a class. A budget given here counts instead of
        the constructor's. With run, everything is kept in that folder, and `elman resume` can go on from it.
        """
        sizes = ("cell", "hidden_size", "num_layers", "embedding_size", "character_size")
        model = {name: getattr(self, name) for name in (*sizes, "bidirectional", "pooling", "dropout", "class_weights")}
        given = {"model": model, "data": {"level": self.level}, "seed": self.seed}
        learner = Learner("classify", self.config, given)
        source = _source(texts, labels)
        try:
            return learner.fit(
                [source],
                budget=budget_of(self, minutes=minutes, epochs=epochs, steps=steps),
                valid=[] if valid is None else [_source(valid)],
                run=run,
                overwrite=overwrite,
                verbose=self.verbose if verbose is None else verbose,
            )
        finally:
            if learner.trained:  # after Ctrl-C, the best so far
                self._learner, self._labels = learner, _as_given(source)

    @property
    def predictor(self) -> ClassifierPredictor:
        """The trained model."""
        predictor: ClassifierPredictor = self._learner.predictor
        return predictor

    @property
    def classes_(self) -> npt.NDArray[Any]:
        """The labels as they were given, in the order of predict_proba's columns."""
        import numpy as np

        return np.array([self._labels.get(label, label) for label in self.predictor.labels])

    def predict(self, texts: Iterable[str]) -> npt.NDArray[Any]:
        """Return the likeliest label of each text, as it was given to fit."""
        found: npt.NDArray[Any] = self.classes_[self.predictor.log_probabilities(texts).argmax(1)]
        return found

    def predict_proba(self, texts: Iterable[str]) -> npt.NDArray[np.floating[Any]]:
        """Return probabilities (N, C) in the order of `classes_`."""
        return self.predictor.predict_proba(texts)

    def explain(self, text: str) -> Explanation:
        """Return the decision after every token of a text, and each token's share in the last one."""
        return self.predictor.explain(text)

    def score(self, texts: Iterable[str], labels: Iterable[Any]) -> float:
        """Return the share of texts whose label is right."""
        from elman.tasks.classifier.readers import label_text

        expected = [label_text(label) for label in labels]
        found = self.predictor.predict(texts)
        return sum(a == b for a, b in zip(found, expected, strict=True)) / max(1, len(expected))

    def evaluate(self, texts: Texts, labels: Iterable[Any] | None = None) -> dict[str, Any]:
        """Return loss, accuracy, macro F1 and the confusion matrix, of what fit takes."""
        from elman.config import table, validated
        from elman.tasks.classifier.corpus import LabelledText
        from elman.tasks.classifier.defaults import LabelDataConfig
        from elman.tasks.classifier.readers import MemoryLabelled, read_any

        source = _source(texts, labels)
        if isinstance(source, MemoryLabelled):
            found = source.labelled()
        else:
            how = validated(LabelDataConfig, table(self.config or {}, "data"))  # as fit reads a file
            columns = how.where_they_stand()
            found = read_any(source, columns=columns, format=how.format, encoding=how.encoding)
        return self.predictor.evaluate(LabelledText(each.text, each.label) for each in found)

    def save(self, path: str | Path) -> None:
        """Write the model folder, which elman.load reads without torch."""
        self.predictor.save(path)

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn whether there is a trained model."""
        return self._learner.trained

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that this is a classifier of texts."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=False),
            classifier_tags=ClassifierTags(),
            input_tags=InputTags(one_d_array=True, two_d_array=False, string=True),
        )


def _source(texts: Any, labels: Any = None) -> str | Path | MemoryLabelled:
    """What fit was given as what experiment takes: a path, or texts and labels in memory."""
    from elman.tasks.classifier.readers import MemoryLabelled

    if isinstance(texts, str | Path):
        if labels is not None:
            raise ConfigError("texts and labels: given a path and labels, expected a path alone, or two lists")
        return texts
    if labels is None:
        return MemoryLabelled([_plain(row) for row in _rows(texts)])
    if hasattr(texts, "columns"):
        raise ConfigError("texts: given a DataFrame and labels", hint='give one column of it: frame["text"]')
    left, right = list(texts), list(labels)
    if len(left) != len(right):
        raise ConfigError(f"texts and labels: given {len(left):,} and {len(right):,}, expected as many of each")
    return MemoryLabelled(list(zip(left, right, strict=True)))


def _rows(pairs: Any) -> Iterable[Any]:
    """The rows of a list of pairs, or of a DataFrame's columns `text` and `label`."""
    if not hasattr(pairs, "itertuples"):
        return list(pairs)
    names = list(pairs.columns)
    if "text" not in names or "label" not in names:
        raise ConfigError(
            f"a DataFrame with the columns {', '.join(map(str, names))}, expected text and label",
            hint='or give two columns: fit(frame["message"], frame["kind"])',
        )
    return list(pairs[["text", "label"]].itertuples(index=False, name=None))


def _plain(row: Any) -> Any:
    """A pair as a tuple: NumPy's rows are none."""
    return tuple(row.tolist()) if hasattr(row, "tolist") else row


def _as_given(source: Any) -> dict[str, Any]:
    """The labels that a caller holds, by their text; of a file there are none."""
    from elman.tasks.classifier.readers import MemoryLabelled, label_text

    if not isinstance(source, MemoryLabelled):
        return {}
    return {label_text(label) or "": label for _, label in source.items}
