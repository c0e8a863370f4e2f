"""The tagger as a Python class, with the parameters of a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.errors import ConfigError
from elman.runtime import TaggerPredictor
from elman.tasks.estimator import Learner
from elman.tasks.estimator_parameters import Parameters, budget_of, sequence_tags

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from elman.tasks.tagger.readers import MemoryTagged

Sentence = str | Sequence[str]
Sentences = str | Path | Iterable[Any]
Tags = Iterable[Sequence[str]]


class Tagger(Parameters):
    """A model that gives each token of a sentence its tag.

    >>> tagger = Tagger(minutes=5)
    >>> tagger.fit([["I", "saw", "her"], ...], [["PRON", "VERB", "PRON"], ...])
    >>> tagger.predict([["She", "saw", "me"]])

    What is left None is chosen from the sentences and the budget, as `elman train tag` does. Parameters are those of
    the constructor, as scikit-learn has them.
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
        """Take sizes by their config names and the budget; `config` holds any other key, nested as in a TOML file."""
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
        self._learner = Learner("tag", None, {})

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
        """Train, and return what training came to: steps, seconds, best_step, valid (metrics of the held-out part).

        Sentences and tags are two lists, of lists of tokens and of their tags; or (tokens, tags) pairs, a DataFrame
        with these two columns, or the path of a file. Text in the place of tokens is cut at spaces or, where that gives
        as many characters as tags, into characters. A budget given here counts instead of the constructor's. With run,
        everything is kept in that folder, and `elman resume` can go on from it.
        """
        names = ("cell", "hidden_size", "num_layers", "embedding_size", "character_size", "bidirectional", "crf")
        model = {name: getattr(self, name) for name in (*names, "dropout")}
        learner = Learner("tag", self.config, {"model": model, "data": {"level": self.level}, "seed": self.seed})
        try:
            return learner.fit(
                [_source(sentences, tags)],
                budget=budget_of(self, minutes=minutes, epochs=epochs, steps=steps),
                valid=[] if valid is None else [_source(valid)],
                run=run,
                overwrite=overwrite,
                verbose=self.verbose if verbose is None else verbose,
            )
        finally:
            if learner.trained:  # after Ctrl-C, the best so far
                self._learner = learner

    @property
    def predictor(self) -> TaggerPredictor:
        """The trained model."""
        predictor: TaggerPredictor = self._learner.predictor
        return predictor

    @property
    def labels(self) -> tuple[str, ...]:
        """The tags, in the order of predict_proba's columns."""
        return self.predictor.labels

    def predict(self, sentences: Iterable[Sentence]) -> list[list[str]]:
        """Return the tag of each token of each sentence: a list of tokens, or text that is cut."""
        return self.predictor.predict(sentences)

    def predict_proba(self, sentences: Iterable[Sentence]) -> list[npt.NDArray[np.floating[Any]]]:
        """Return probabilities (T, C) for each sentence, in the order of `labels`."""
        return self.predictor.predict_proba(sentences)

    def score(self, sentences: Iterable[Sentence], tags: Tags) -> float:
        """Return the share of tokens whose tag is right."""
        return float(self.evaluate(sentences, tags)["accuracy"])

    def evaluate(self, sentences: Sentences, tags: Tags | None = None) -> dict[str, Any]:
        """Return loss, accuracy and, of spans, F1, of what fit takes."""
        from elman.config import table, validated
        from elman.tasks.tagger.corpus import TaggedSentence
        from elman.tasks.tagger.defaults import TagDataConfig
        from elman.tasks.tagger.readers import MemoryTagged, read_any

        source = _source(sentences, tags)
        if isinstance(source, MemoryTagged):
            found = source.tagged()
        else:
            how = validated(TagDataConfig, table(self.config or {}, "data"))  # as fit reads a file
            found = read_any(source, columns=how.where_they_stand(), format=how.format, encoding=how.encoding)
        return self.predictor.evaluate(TaggedSentence(each.tokens, each.tags) for each in found)

    def save(self, path: str | Path) -> None:
        """Write the model folder, which elman.load reads without torch."""
        self.predictor.save(path)

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn whether there is a trained model."""
        return self._learner.trained

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that this learns of sequences, with their tags."""
        return sequence_tags()


def _source(sentences: Any, tags: Any = None) -> str | Path | MemoryTagged:
    """What fit was given as what experiment takes: a path, or sentences in memory."""
    from elman.tasks.tagger.readers import MemoryTagged

    if isinstance(sentences, str | Path):
        if tags is not None:
            raise ConfigError("sentences and tags: given a path and tags, expected a path alone, or two lists")
        return sentences
    if tags is None:
        return MemoryTagged(_rows(sentences))
    if hasattr(sentences, "columns"):
        raise ConfigError("sentences: given a DataFrame and tags", hint='give one column of it: frame["tokens"]')
    left, right = list(sentences), list(tags)
    if len(left) != len(right):
        raise ConfigError(f"sentences and tags: given {len(left):,} and {len(right):,}, expected as many of each")
    return MemoryTagged(list(zip(left, right, strict=True)))


def _rows(pairs: Any) -> list[Any]:
    """The rows of a list of pairs, or of a DataFrame's columns `tokens` and `tags`."""
    if not hasattr(pairs, "itertuples"):
        return list(pairs)
    names = list(pairs.columns)
    if "tokens" not in names or "tags" not in names:
        told = f"a DataFrame with the columns {', '.join(map(str, names))}, expected tokens and tags"
        raise ConfigError(told, hint="a sentence a row, a list of tokens and one of tags in it")
    return list(pairs[["tokens", "tags"]].itertuples(index=False, name=None))
