"""The tagger as a Python class, with the parameters of a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from elman.tasks.estimator import Estimator, sequence_tags
from elman.translations import Language

from .arguments import Sentences, Tags, source_of
from .predictor import TaggerPredictor
from .readers import Sentence

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Tagger(Estimator):
    """A model that gives each token of a sentence its tag.

    >>> tagger = Tagger(minutes=5)
    >>> tagger.fit([["I", "saw", "her"], ...], [["PRON", "VERB", "PRON"], ...])
    >>> tagger.predict([["She", "saw", "me"]])

    Parameters that are None are chosen from the sentences and the budget, as `elman train tag` does.
    """

    task = "tag"

    def __init__(
        self,
        *,
        cell: str | None = None,
        hidden_size: int | None = None,
        num_layers: int | None = None,
        embedding_size: int | None = None,
        character_size: int | None = None,
        bidirectional: bool | None = None,
        crf: bool | None = None,
        dropout: float | None = None,
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
        self.crf = crf
        self.dropout = dropout
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
        sentences: Sentences,
        tags: Tags | None = None,
        *,
        minutes: float | None = None,
        epochs: float | None = None,
        steps: int | None = None,
        valid: Sentences | None = None,
        run: str | Path | None = None,
        overwrite: bool | None = None,
        verbose: bool | None = None,
    ) -> Self:
        """Train, and return the estimator; `history_` and `result_` have what was recorded and reported.

        Sentences and tags are two lists: of lists of tokens, and of lists of their tags; or (tokens, tags) pairs, a
        DataFrame with these two columns, or the path of a file. A text in place of tokens is split at spaces or, if
        only that gives as many characters as tags, into characters.

        What is given beside the data replaces the parameter of the constructor for this `fit`.
        """
        return self._fit(
            [source_of(sentences, tags)],
            valid=[] if valid is None else [source_of(valid)],
            budget={"minutes": minutes, "epochs": epochs, "steps": steps},
            run=run,
            overwrite=overwrite,
            verbose=verbose,
        )

    @property
    def predictor(self) -> TaggerPredictor:
        """The trained model."""
        predictor: TaggerPredictor = self._trained
        return predictor

    @property
    def labels(self) -> tuple[str, ...]:
        """The tags, in the order of the columns of `predict_proba`."""
        return self.predictor.labels

    def predict(self, sentences: Iterable[Sentence]) -> list[list[str]]:
        """Return the tag of each token of each sentence, which is a text or a list of tokens."""
        return self.predictor.predict(sentences)

    def predict_proba(self, sentences: Iterable[Sentence]) -> list[npt.NDArray[np.floating[Any]]]:
        """Return probabilities (T, C) for each sentence, in the order of `labels`."""
        return self.predictor.predict_proba(sentences)

    def score(self, sentences: Iterable[Sentence], tags: Tags) -> float:
        """Return the accuracy."""
        return float(self.evaluate(sentences, tags)["accuracy"])

    def evaluate(self, sentences: Sentences, tags: Tags | None = None) -> dict[str, Any]:
        """Return loss, accuracy, F1 of each tag and, for spans, F1 of spans; the arguments are those of `fit`."""
        return self.predictor.evaluate(self._examples(source_of(sentences, tags)))

    def plot(
        self,
        folder: str | Path,
        sentences: Sentences | None = None,
        tags: Tags | None = None,
        *,
        language: Language | None = None,
    ) -> list[Path]:
        """Draw the training of the last `fit` as PNG and SVG in a folder, and return the PNG files;
        of tagged sentences, the confusion matrix and the reliability diagram, too.

        The language is that of the environment, if none is given.
        """
        return self._plot(folder, source_of(sentences, tags) if sentences is not None else None, language)

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags of an estimator of sequences."""
        return sequence_tags(None)
