"""The language model as a Python class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.errors import DataError
from elman.runtime import LanguageModelPredictor
from elman.tasks.estimator import Learner

if TYPE_CHECKING:
    from elman.data.readers import MemoryText


class LanguageModel:
    """A model that continues text.

    >>> lm = LanguageModel(cell="gru", hidden_size=128)
    >>> lm.fit("book.txt", minutes=5)
    >>> lm.generate("It was", max_tokens=200)

    What is left None is chosen from the text and the budget, as `elman train lm` does.
    """

    def __init__(
        self,
        *,
        cell: str | None = None,
        hidden_size: int | tuple[int, ...] | None = None,
        num_layers: int | None = None,
        embedding_size: int | None = None,
        dropout: float | None = None,
        level: str | None = None,
        config: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> None:
        """Take sizes by their config names; `config` holds any other key, nested as in a TOML file."""
        model = {
            "cell": cell,
            "hidden_size": hidden_size,
            "num_layers": num_layers,
            "embedding_size": embedding_size,
            "dropout": dropout,
        }
        self._learner = Learner("lm", config, {"model": model, "data": {"level": level}, "seed": seed})

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
        verbose: bool = True,
    ) -> dict[str, Any]:
        """Train, and return what training came to: steps, seconds, best_step, valid (metrics of the held-out part).

        text is a path, the name of a data set, or the texts themselves: a list, or a column of a DataFrame. With run,
        everything is kept in that folder, and `elman resume` can go on from it.
        """
        return self._learner.fit(
            [_source(text)],
            budget={"minutes": minutes, "epochs": epochs, "steps": steps},
            valid=[] if valid is None else [_source(valid)],
            run=run,
            overwrite=overwrite,
            verbose=verbose,
        )

    @property
    def predictor(self) -> LanguageModelPredictor:
        """The trained model."""
        predictor: LanguageModelPredictor = self._learner.predictor
        return predictor

    def generate(self, prompt: str = "", **options: Any) -> str:
        """Return the prompt and its continuation; options are those of LanguageModelPredictor.generate."""
        return self.predictor.generate(prompt, **options)

    def stream(self, prompt: str = "", **options: Any) -> Iterator[str]:
        """Yield the continuation as it is made."""
        return self.predictor.stream(prompt, **options)

    def suggest(self, prompt: str, k: int = 3) -> list[tuple[str, float]]:
        """Return the k likeliest next words with their probabilities."""
        return self.predictor.suggest(prompt, k)

    def evaluate(self, text: str | Path | Iterable[str]) -> dict[str, Any]:
        """Return loss, perplexity and bits per character of a text: a path, or the texts themselves."""
        from elman.data.readers import MemoryText, TextSource

        source = _source(text)
        blocks = source.blocks() if isinstance(source, MemoryText) else TextSource(source).blocks()
        return self.predictor.evaluate(list(blocks))

    def save(self, path: str | Path) -> None:
        """Write the model folder, which elman.load reads without torch."""
        self.predictor.save(path)


def _source(text: str | Path | Iterable[str]) -> str | Path | MemoryText:
    from elman.data.readers import MemoryText

    if isinstance(text, str | Path):
        return text
    texts = tuple(text)
    wrong = next((f"item {i} is {item!r}" for i, item in enumerate(texts) if not isinstance(item, str)), None)
    if wrong:
        raise DataError(f"{wrong}, expected text", hint="leave out what is missing")
    return MemoryText(texts)
