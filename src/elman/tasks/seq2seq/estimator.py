"""The encoder-decoder as a Python class, with the parameters of a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from elman.data.sources import ParallelFiles
from elman.errors import ConfigError
from elman.tasks.estimator import Estimator, paired, rows_of, sequence_tags

from .ensemble import Prediction
from .predictor import Seq2SeqPredictor
from .readers import MemoryPairs

Pairs = str | Path | Iterable[tuple[str, str | Sequence[str]]]
Targets = str | Path | Iterable[str | Sequence[str]]


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
        config: Mapping[str, Any] | None = None,
        seed: int = 0,
        verbose: bool = True,
    ) -> None:
        """Take sizes and budget by their config names; `config` holds any other key, nested as in a TOML file."""
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
        self.config = config
        self.seed = seed
        self.verbose = verbose

    def fit(
        self,
        sources: Pairs | Iterable[str],
        targets: Targets | None = None,
        *,
        minutes: float | None = None,
        epochs: float | None = None,
        steps: int | None = None,
        valid: Pairs | None = None,
        run: str | Path | None = None,
        overwrite: bool = False,
        verbose: bool | None = None,
    ) -> dict[str, Any]:
        """Train, and return the result: steps, seconds, best_step, train and valid (metrics).

        Pairs are (source, target) tuples, a DataFrame with two columns, the path of a file, or the name of a data set;
        or sources and targets separately, as two lists, two columns of a DataFrame, or two paths. A budget replaces
        that of the constructor. With `run`, everything is kept in that folder, and `elman resume` can continue from it.
        """
        return self._fit(
            [_source(sources, targets)],
            valid=[] if valid is None else [_source(valid)],
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

    def score(self, sources: Pairs | Iterable[str], targets: Targets | None = None) -> float:
        """Return the exact match of greedy predictions; the arguments are those of `fit`."""
        return float(self.evaluate(sources, targets)["exact_match"])

    def evaluate(
        self, sources: Pairs | Iterable[str], targets: Targets | None = None, *, beam: int = 1
    ) -> dict[str, Any]:
        """Return loss, exact match and error rates; the arguments are those of `fit`, read in the same way.

        A target may be a list of targets, any of which is right.
        """
        return self.predictor.evaluate(self._examples(_source(sources, targets)), beam=beam)

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags of an estimator of sequences."""
        return sequence_tags(None, targets_required=False)


def _source(sources: Any, targets: Any = None) -> str | Path | ParallelFiles | MemoryPairs:
    """Return the arguments of `fit` as a source: a path, two parallel files, or pairs in memory."""
    is_path, has_target_path = isinstance(sources, str | Path), isinstance(targets, str | Path)
    if is_path and targets is None:
        return Path(sources) if isinstance(sources, Path) else str(sources)
    if is_path and has_target_path:
        return ParallelFiles(sources, targets)
    if is_path or has_target_path:
        raise ConfigError("sources and targets: given a path and a list; expected two paths or two lists")
    if targets is not None:
        return MemoryPairs(paired(sources, targets, "sources and targets"))
    if hasattr(sources, "itertuples"):  # a DataFrame, whose columns may have any names
        return MemoryPairs(list(sources.itertuples(index=False, name=None)))
    return MemoryPairs(rows_of(sources, ("source", "target")))
