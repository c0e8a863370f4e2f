"""One class a task: fit, generate or predict, evaluate, save, over experiment (to learn) and runtime (to use)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.config import Values, merged
from elman.errors import ConfigError, DataError, Interrupted, missing_package
from elman.experiment_config import layered
from elman.runtime import LanguageModelPredictor, load

if TYPE_CHECKING:
    from elman.data.readers import MemoryText
    from elman.training.progress import Display


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
        self._given: Values = merged(
            config or {}, {"model": _without_none(model), "data": _without_none({"level": level}), "seed": seed}
        )
        self._predictor: LanguageModelPredictor | None = None

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
        try:
            from elman.experiment import train
        except ModuleNotFoundError as error:
            raise missing_package(error) or error from None

        budget = _without_none({"minutes": minutes, "epochs": epochs, "steps": steps})
        given = layered(self._given, {"training": budget})
        with tempfile.TemporaryDirectory(prefix="elman-") as scratch:
            out = Path(run) if run is not None else Path(scratch) / "run"
            held_out = [] if valid is None else [_source(valid)]
            display = _display(verbose=verbose)
            try:
                result = train([_source(text)], out, given, display, valid=held_out, overwrite=overwrite)
            except Interrupted as stop:
                if run is not None:
                    raise
                self._predictor = load(out) if (out / "model").is_dir() else None
                kept = "the best model so far is kept" if self._predictor else "nothing was validated yet"
                raise Interrupted(stop.exit_code - 128, "stopped", hint=f"{kept}; give run= to go on later") from None
            self._predictor = load(out)
        return result if run is not None else {key: result[key] for key in result if key not in ("run", "model")}

    @property
    def predictor(self) -> LanguageModelPredictor:
        """The trained model."""
        if self._predictor is None:
            raise ConfigError("the model is not trained yet", hint="call fit first, or use elman.load")
        return self._predictor

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


def _without_none(values: Mapping[str, Any]) -> Values:
    return {key: value for key, value in values.items() if value is not None}


def _source(text: str | Path | Iterable[str]) -> str | Path | MemoryText:
    from elman.data.readers import MemoryText

    if isinstance(text, str | Path):
        return text
    texts = tuple(text)
    wrong = next((f"item {i} is {item!r}" for i, item in enumerate(texts) if not isinstance(item, str)), None)
    if wrong:
        raise DataError(f"{wrong}, expected text", hint="leave out what is missing")
    return MemoryText(texts)


def _display(*, verbose: bool) -> Display:
    from rich.console import Console

    from elman.training.progress import ConsoleDisplay, Silence

    return ConsoleDisplay(Console(stderr=True)) if verbose else Silence()
