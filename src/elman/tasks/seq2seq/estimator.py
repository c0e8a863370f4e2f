"""The encoder-decoder as a Python class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.errors import ConfigError
from elman.runtime import Prediction, Seq2SeqPredictor
from elman.tasks.estimator import Learner

if TYPE_CHECKING:
    from elman.tasks.seq2seq.readers import MemoryPairs, Pair

Pairs = str | Path | Iterable[tuple[str, str | Sequence[str]]]
Targets = str | Path | Iterable[str | Sequence[str]]


class Seq2Seq:
    """A model that turns one sequence into another.

    >>> g2p = Seq2Seq(hidden_size=128)
    >>> g2p.fit([("hot", "HH AA T"), ("cold", "K OW L D"), ...], minutes=5)
    >>> g2p.predict(["warm"])

    What is left None is chosen from the pairs and the budget, as `elman train seq2seq` does.
    """

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
        config: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> None:
        """Take sizes by their config names; `config` holds any other key, nested as in a TOML file."""
        model = {
            "cell": cell,
            "hidden_size": hidden_size,
            "num_layers": num_layers,
            "embedding_size": embedding_size,
            "bidirectional": bidirectional,
            "attention": attention,
            "dropout": dropout,
        }
        data = {"source_level": source_level, "target_level": target_level}
        self._learner = Learner("seq2seq", config, {"model": model, "data": data, "seed": seed})

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
        verbose: bool = True,
    ) -> dict[str, Any]:
        """Train, and return what training came to: steps, seconds, best_step, valid (metrics of the held-out part).

        Pairs are (source, target) tuples, a DataFrame of two columns, the path of a file, or the name of a data set; or
        sources and targets apart: two lists, two columns of a DataFrame, two paths. With run, everything is kept in
        that folder, and `elman resume` can go on from it.
        """
        in_files = isinstance(targets, str | Path)
        return self._learner.fit(
            [sources if in_files and isinstance(sources, str | Path) else _pairs(sources, targets)],
            targets=[targets] if isinstance(targets, str | Path) else [],
            valid=[] if valid is None else [_pairs(valid)],
            budget={"minutes": minutes, "epochs": epochs, "steps": steps},
            run=run,
            overwrite=overwrite,
            verbose=verbose,
        )

    @property
    def predictor(self) -> Seq2SeqPredictor:
        """The trained model."""
        predictor: Seq2SeqPredictor = self._learner.predictor
        return predictor

    def predict(self, sources: Iterable[str], *, beam: int = 1) -> list[str]:
        """Return the likeliest target of each source: greedy, or the best of a beam."""
        return self.predictor.predict(sources, beam=beam)

    def n_best(self, sources: Iterable[str], *, beam: int = 5) -> list[list[Prediction]]:
        """Return up to `beam` targets of each source with their scores, best first."""
        return self.predictor.n_best(sources, beam=beam)

    def evaluate(
        self, sources: Pairs | Iterable[str], targets: Targets | None = None, *, beam: int = 1
    ) -> dict[str, Any]:
        """Return exact match, error rates and loss of pairs, given as fit takes them; targets may be several."""
        from elman.tasks.seq2seq.corpus import grouped

        predictor = self.predictor
        return predictor.evaluate(grouped(_read(sources, targets), predictor.sides.source), beam=beam)

    def save(self, path: str | Path) -> None:
        """Write the model folder, which elman.load reads without torch."""
        self.predictor.save(path)


def _pairs(sources: Any, targets: Any = None) -> str | Path | MemoryPairs:
    """What fit was given as what experiment takes: a path, or pairs in memory."""
    from elman.tasks.seq2seq.readers import MemoryPairs

    if targets is None and isinstance(sources, str | Path):
        return sources
    if isinstance(sources, str | Path) or isinstance(targets, str | Path):
        raise ConfigError("sources and targets: given a path and a list, expected two paths or two lists")
    if targets is None:
        return MemoryPairs(_rows(sources))
    left, right = list(sources), list(targets)
    if len(left) != len(right):
        raise ConfigError(f"sources and targets: given {len(left):,} and {len(right):,}, expected as many of each")
    return MemoryPairs(list(zip(left, right, strict=True)))


def _rows(pairs: Any) -> list[Any]:
    """The rows of a list of pairs, or of a DataFrame's columns."""
    rows = pairs.itertuples(index=False, name=None) if hasattr(pairs, "itertuples") else pairs
    return list(rows)


def _read(sources: Any, targets: Any) -> Iterator[Pair]:
    from elman.data.readers import TextSource
    from elman.tasks.seq2seq.readers import MemoryPairs, read_pairs

    if isinstance(sources, str | Path) and isinstance(targets, str | Path):
        yield from read_pairs(TextSource(sources), target=TextSource(targets))
        return
    found = _pairs(sources, targets)
    yield from found.pairs() if isinstance(found, MemoryPairs) else read_pairs(TextSource(found))
