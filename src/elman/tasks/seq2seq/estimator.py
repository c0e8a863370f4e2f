"""The encoder-decoder as a Python class, with the parameters of a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from elman.tasks.estimator import Estimator, sequence_tags
from elman.translations import Language

from .arguments import Pairs, Targets, source_of
from .ensemble import Prediction
from .predictor import Seq2SeqPredictor


class Seq2Seq(Estimator):
    """A model that turns one sequence into another.

    >>> g2p = Seq2Seq(hidden_size=128)
    >>> g2p.fit([("hot", "HH AA T"), ("cold", "K OW L D"), ...], minutes=5)
    >>> g2p.predict(["warm"])

    Parameters that are None are chosen from the pairs and the budget, as `elman train seq2seq` does.
    """

    task = "seq2seq"

    def __init__(
        self,
        *,
        cell: str | None = None,
        hidden_size: int | None = None,
        num_layers: int | None = None,
        embedding_size: int | None = None,
        bidirectional: bool | None = None,
        attention: str | None = None,
        dropout: float | None = None,
        source_level: str | None = None,
        target_level: str | None = None,
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
        self.bidirectional = bidirectional
        self.attention = attention
        self.dropout = dropout
        self.source_level = source_level
        self.target_level = target_level
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
        sources: Pairs,
        targets: Targets | None = None,
        *,
        minutes: float | None = None,
        epochs: float | None = None,
        steps: int | None = None,
        valid: Pairs | None = None,
        run: str | Path | None = None,
        overwrite: bool | None = None,
        verbose: bool | None = None,
    ) -> Self:
        """Train, and return the estimator; `history_` and `result_` have what was recorded and reported.

        Pairs are (source, target) tuples, a DataFrame with two columns, the path of a file, or the name of a data set;
        or sources and targets separately, as two lists, two columns of a DataFrame, or two paths.

        What is given beside the data replaces the parameter of the constructor for this `fit`.
        """
        return self._fit(
            [source_of(sources, targets)],
            valid=[] if valid is None else [source_of(valid)],
            budget={"minutes": minutes, "epochs": epochs, "steps": steps},
            run=run,
            overwrite=overwrite,
            verbose=verbose,
        )

    @property
    def predictor(self) -> Seq2SeqPredictor:
        """The trained model."""
        predictor: Seq2SeqPredictor = self._trained
        return predictor

    def predict(self, sources: Iterable[str], *, beam: int = 1) -> list[str]:
        """Return the most probable target of each source, by greedy or beam search."""
        return self.predictor.predict(sources, beam=beam)

    def n_best(self, sources: Iterable[str], *, beam: int = 5) -> list[list[Prediction]]:
        """Return up to `beam` targets of each source with their scores, best first."""
        return self.predictor.n_best(sources, beam=beam)

    def score(self, sources: Pairs, targets: Targets | None = None) -> float:
        """Return the exact match of greedy predictions; the arguments are those of `fit`."""
        return float(self.evaluate(sources, targets)["exact_match"])

    def evaluate(self, sources: Pairs, targets: Targets | None = None, *, beam: int = 1) -> dict[str, Any]:
        """Return loss, exact match and error rates; the arguments are those of `fit`, read in the same way.

        A target may be a list of targets, any of which is right.
        """
        return self.predictor.evaluate(self._examples(source_of(sources, targets)), beam=beam)

    def plot(
        self,
        folder: str | Path,
        sources: Pairs | None = None,
        targets: Targets | None = None,
        *,
        language: Language | None = None,
    ) -> list[Path]:
        """Draw the training of the last `fit` as PNG and SVG in a folder, and return the PNG files;
        of pairs, the attention weights of the first ones, too.

        The language is that of the environment, if none is given.
        """
        return self._plot(folder, source_of(sources, targets) if sources is not None else None, language)

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags of an estimator of sequences."""
        return sequence_tags(None, targets_required=False)
