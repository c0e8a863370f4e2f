"""The language model as a Python class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from elman.tasks.estimator import Estimator, sequence_tags
from elman.translations import Language

from .arguments import Text, source_of
from .predictor import LanguageModelPredictor


class LanguageModel(Estimator):
    """A model that continues text.

    >>> lm = LanguageModel(cell="gru", hidden_size=128)
    >>> lm.fit("book.txt", minutes=5)
    >>> lm.generate("It was", max_tokens=200)

    Parameters that are None are chosen from the text and the budget, as `elman train lm` does.
    """

    task = "lm"

    def __init__(
        self,
        *,
        cell: str | None = None,
        hidden_size: int | tuple[int, ...] | None = None,
        num_layers: int | None = None,
        embedding_size: int | None = None,
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
        text: Text,
        *,
        minutes: float | None = None,
        epochs: float | None = None,
        steps: int | None = None,
        valid: Text | None = None,
        run: str | Path | None = None,
        overwrite: bool | None = None,
        verbose: bool | None = None,
    ) -> Self:
        """Train, and return the estimator; `history_` and `result_` have what was recorded and reported.

        text is a path, the name of a data set, or texts: a list, or a column of a DataFrame.

        What is given beside the data replaces the parameter of the constructor for this `fit`.
        """
        return self._fit(
            [source_of(text)],
            valid=[] if valid is None else [source_of(valid)],
            budget={"minutes": minutes, "epochs": epochs, "steps": steps},
            run=run,
            overwrite=overwrite,
            verbose=verbose,
        )

    @property
    def predictor(self) -> LanguageModelPredictor:
        """The trained model."""
        predictor: LanguageModelPredictor = self._trained
        return predictor

    def generate(self, prompt: str = "", **options: Any) -> str:
        """Return the prompt and its continuation; options are those of LanguageModelPredictor.generate."""
        return self.predictor.generate(prompt, **options)

    def stream(self, prompt: str = "", **options: Any) -> Iterator[str]:
        """Yield the continuation in pieces, each as soon as it is generated."""
        return self.predictor.stream(prompt, **options)

    def suggest(self, prompt: str, k: int = 3) -> list[tuple[str, float]]:
        """Return the k most probable next words with their probabilities."""
        return self.predictor.suggest(prompt, k)

    def evaluate(self, text: Text) -> dict[str, Any]:
        """Return loss, perplexity and bits per character; the argument is that of `fit`, read in the same way."""
        return self.predictor.evaluate_blocks(self._examples(source_of(text)))

    def plot(self, folder: str | Path, text: Text | None = None, *, language: Language | None = None) -> list[Path]:
        """Draw the training of the last `fit` as PNG and SVG in a folder, and return the PNG files;
        of a text, the reliability diagram of the next tokens, too.

        The language is that of the environment, if none is given.
        """
        return self._plot(folder, source_of(text) if text is not None else None, language)

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags of an estimator of sequences."""
        return sequence_tags(None, targets_required=False)
