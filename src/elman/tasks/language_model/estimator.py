"""The language model as a Python class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from elman.models.text_arguments import require_texts
from elman.tasks.estimator import Estimator

from .predictor import LanguageModelPredictor
from .readers import MemoryTexts


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
        config: Mapping[str, Any] | None = None,
        seed: int = 0,
        verbose: bool = True,
    ) -> None:
        """Take sizes and budget by their config names; `config` holds any other key, nested as in a TOML file."""
        self.cell = cell
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.embedding_size = embedding_size
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
        text: str | Path | Iterable[str],
        *,
        minutes: float | None = None,
        epochs: float | None = None,
        steps: int | None = None,
        valid: str | Path | Iterable[str] | None = None,
        run: str | Path | None = None,
        overwrite: bool = False,
        verbose: bool | None = None,
    ) -> dict[str, Any]:
        """Train, and return the result: steps, seconds, best_step, train and valid (metrics).

        text is a path, the name of a data set, or texts: a list, or a column of a DataFrame. A budget replaces that of
        the constructor. With `run`, everything is kept in that folder, and `elman resume` can continue from it.
        """
        return self._fit(
            [_source(text)],
            valid=[] if valid is None else [_source(valid)],
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

    def evaluate(self, text: str | Path | Iterable[str]) -> dict[str, Any]:
        """Return loss, perplexity and bits per character; the argument is that of `fit`, read in the same way."""
        return self.predictor.evaluate(self._examples(_source(text)))


def _source(text: str | Path | Iterable[str]) -> str | Path | MemoryTexts:
    """Return an argument of `fit` as a source: a path, or texts in memory."""
    if isinstance(text, str | Path):
        return text
    return MemoryTexts(require_texts(text))
