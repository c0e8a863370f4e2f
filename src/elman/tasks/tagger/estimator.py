"""The tagger as a Python class, with the parameters of a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.errors import ConfigError
from elman.tasks.estimator import Estimator, paired, rows_of, sequence_tags

from .predictor import TaggerPredictor
from .readers import MemorySentences, Sentence

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Sentences = str | Path | Iterable[Any]
Tags = Iterable[Sequence[str]]


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
        self.crf = crf
        self.dropout = dropout
        self.level = level
        self.minutes = minutes
        self.epochs = epochs
        self.steps = steps
        self.config = config
        self.seed = seed
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
        overwrite: bool = False,
        verbose: bool | None = None,
    ) -> dict[str, Any]:
        """Train, and return the result: steps, seconds, best_step, train and valid (metrics).

        Sentences and tags are two lists: of lists of tokens, and of lists of their tags; or (tokens, tags) pairs, a
        DataFrame with these two columns, or the path of a file. A text in place of tokens is split at spaces or, if
        only that gives as many characters as tags, into characters. A budget replaces that of the constructor. With
        `run`, everything is kept in that folder, and `elman resume` can continue from it.
        """
        return self._fit(
            [_source(sentences, tags)],
            valid=[] if valid is None else [_source(valid)],
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
        return self.predictor.evaluate(self._examples(_source(sentences, tags)))

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags of an estimator of sequences."""
        return sequence_tags(None)


def _source(sentences: Any, tags: Any = None) -> str | Path | MemorySentences:
    """Return the arguments of `fit` as a source: a path, or pairs in memory."""
    if isinstance(sentences, str | Path):
        if tags is not None:
            hint = "Give a path alone, or two lists"
            raise ConfigError("sentences and tags: given a path and tags; expected a path alone", hint=hint)
        return sentences
    if tags is None:
        return MemorySentences(rows_of(sentences, ("tokens", "tags")))
    if hasattr(sentences, "columns"):
        hint = 'Give one column of it: frame["tokens"]'
        raise ConfigError("sentences: given a DataFrame and tags; expected one column", hint=hint)
    return MemorySentences(paired(sentences, tags, "sentences and tags"))
