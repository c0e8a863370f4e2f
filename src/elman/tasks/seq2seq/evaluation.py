"""The metrics of an encoder-decoder, or of an ensemble of several, on pairs.

The predictions are compared with all targets of a source, any of which is right; the loss is that of the first target.
metrics/sequences.py defines the error rates, BLEU and chrF. The expected calibration error compares the probability of
a predicted target, all its tokens together, with whether it is an exact match.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from elman.checkpoint import current_run, is_run_folder
from elman.data.readers.encodings import Notify
from elman.errors import DataError
from elman.metrics import Mean, ReliabilityBins, sequence_scores, translation_scores
from elman.tasks.loading import load
from elman.tasks.spec import Scored

from .config import EvaluateOptions, SideConfig
from .corpus import Seq2SeqCorpus, group_by_source, without_repeated_targets
from .readers import MemoryPairs, Pair

PairItem = tuple[str, str | Sequence[str]]  # a source, and one target or several


class Predicted(Protocol):
    """What the metrics need of a predicted target."""

    @property
    def text(self) -> str: ...

    @property
    def probability(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Model:
    """What the metrics need of an encoder-decoder or of an ensemble."""

    source_side: SideConfig
    target_tokens: Callable[[str], list[str]]
    predict: Callable[[list[str]], Sequence[Predicted]]  # sources to their most probable targets
    texts: Callable[[list[str]], list[str]]  # the same without probabilities, which take time
    score: Callable[[list[tuple[str, str]]], Mean] | None  # pairs to the loss of the targets; an ensemble has none


def score_validation_set(scored: Scored, corpus: Seq2SeqCorpus, options: EvaluateOptions) -> dict[str, Any]:
    """Return the metrics on the validation set of a run, alone or together with the models of --ensemble."""
    pairs = corpus.valid()
    ensemble = _ensemble(scored, options)
    _report_other_validation_sets({pair.source for pair in pairs}, options.ensemble or (), scored.notify)
    metrics: dict[str, Any] = ensemble.evaluate(pairs, beam=options.beam)
    return metrics


def score(scored: Scored, examples: Iterable[Pair], options: EvaluateOptions) -> dict[str, Any]:
    """Return the metrics on examples, alone or together with the models of --ensemble."""
    metrics: dict[str, Any] = _ensemble(scored, options).evaluate(examples, beam=options.beam)
    return metrics


def evaluate(examples: Iterable[Pair] | Iterable[PairItem], model: Model) -> dict[str, Any]:
    """Return loss, exact match and error rates, and BLEU and chrF if sacrebleu is installed.

    Examples may be (source, target) or (source, [targets]). A source that appears again has further targets.
    """
    pairs = _merged(examples, model.source_side)
    if not pairs:
        raise DataError("no pairs to score; expected at least one", hint="Write SOURCE TAB TARGET on each line")
    predictions = model.predict([pair.source for pair in pairs])
    texts = [prediction.text for prediction in predictions]
    probabilities = [prediction.probability for prediction in predictions]
    bins = ReliabilityBins.of(probabilities, _exact_matches(pairs, texts, model))
    metrics = {
        "task": "seq2seq",
        "count": len(pairs),
        **_measured(pairs, texts, model),
        "mean_confidence": bins.mean_probability,
        "ece": bins.expected_calibration_error,
    }
    with contextlib.suppress(ModuleNotFoundError):
        metrics |= translation_scores(texts, [pair.targets for pair in pairs])
    return metrics


def measure(pairs: Sequence[Pair], model: Model) -> dict[str, float]:
    """Return loss, exact match and error rates, by which training compares steps."""
    return _measured(pairs, model.texts([pair.source for pair in pairs]), model)


def _exact_matches(pairs: Sequence[Pair], predictions: Sequence[str], model: Model) -> list[bool]:
    """Return whether each prediction has the tokens of a target."""
    tokens = model.target_tokens
    return [
        tokens(text) in [tokens(target) for target in pair.targets]
        for pair, text in zip(pairs, predictions, strict=True)
    ]


def _measured(pairs: Sequence[Pair], predictions: Sequence[str], model: Model) -> dict[str, float]:
    tokens = model.target_tokens
    references = [[tokens(target) for target in pair.targets] for pair in pairs]
    scores = sequence_scores([tokens(text) for text in predictions], references)
    first_targets = [(pair.source, pair.targets[0]) for pair in pairs]
    return {
        **({"loss": model.score(first_targets).value} if model.score else {}),
        "exact_match": scores.exact_match,
        "sequence_error_rate": scores.sequence_error_rate,
        "token_error_rate": scores.token_error_rate,
    }


def _ensemble(scored: Scored, options: EvaluateOptions) -> Any:
    return scored.predictor.ensemble_with([load(path) for path in options.ensemble or ()])


def _merged(examples: Iterable[Pair] | Iterable[PairItem], side: SideConfig) -> list[Pair]:
    """Return one pair for each source, with all its different targets."""
    items: list[Any] = list(examples)
    pairs = items if all(isinstance(item, Pair) for item in items) else MemoryPairs(items).examples()
    return [without_repeated_targets(pair) for pair in group_by_source(pairs, side).values()]


def _report_other_validation_sets(sources: set[str], others: Iterable[str], notify: Notify) -> None:
    """Report the models that may have been trained on examples of this validation set."""
    for other in others:
        run = current_run(Path(other))
        same = is_run_folder(run) and {pair.source for pair in Seq2SeqCorpus.open(run / "data").valid()} == sources
        if not same:
            notify(f"{other} may have been trained on examples of this validation set: its own differs or is not known")
