"""The wrong predictions of an encoder-decoder, or of an ensemble: targets that equal none of the references."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from elman.tasks.error_columns import other_columns_reader
from elman.tasks.loading import load
from elman.tasks.spec import ErrorRow, Scored

from .config import EvaluateOptions
from .corpus import group_by_source
from .readers import Pair

COLUMNS = ("place", "source", "expected", "predicted", "probability")


def wrong_predictions(scored: Scored, examples: Iterable[Pair], options: EvaluateOptions) -> Iterator[ErrorRow]:
    """Yield a row for each source with another target, as tokens of the model; several references stand between |."""
    predictor = scored.predictor
    tokens = predictor.target_codec.tokens
    pairs = list(group_by_source(examples, predictor.text.source).values())
    ensemble = predictor.ensemble_with([load(path) for path in options.ensemble or ()])
    other_columns = other_columns_reader(pairs, COLUMNS)
    predictions = ensemble.predict([pair.source for pair in pairs], beam=options.beam)
    for pair, n_best in zip(pairs, predictions, strict=True):
        best = n_best[0]
        if tokens(best.text) not in [tokens(target) for target in pair.targets]:
            columns = {
                "place": pair.where,
                "source": pair.source,
                "expected": " | ".join(dict.fromkeys(pair.targets)),
                "predicted": best.text,
                "probability": best.probability,
            }
            yield ErrorRow(columns, other_columns(pair))
