"""The current encoder-decoder of a run compared with a new one, on the validation set of the new one's run."""

from __future__ import annotations

from elman.errors import ConfigError
from elman.tasks.spec import Comparison

from .corpus import Seq2SeqCorpus
from .predictor import Seq2SeqPredictor

OF_TEXTS = ("bleu", "chrf")  # that do not depend on what a model takes for a token


def require_comparable(new: Seq2SeqPredictor, current: Seq2SeqPredictor, metric: str) -> None:
    """Raise a ConfigError unless the metric of both models can be compared.

    Error rates need targets that are split into the same tokens, and the loss the same vocabulary of them.
    """
    if metric in OF_TEXTS:
        return
    targets = new.text.target, current.text.target
    is_split_alike = all((side.level, side.normalize) == (targets[0].level, targets[0].normalize) for side in targets)
    merges_alike = metric == "exact_match" or targets[0].merges == targets[1].merges
    if not (is_split_alike and merges_alike) or (
        metric == "loss" and set(new.vocabularies()["target"]) != set(current.vocabularies()["target"])
    ):
        problem = f"the new model and the current one have different tokens, so their {metric} cannot be compared"
        raise ConfigError(problem, hint="Use --only-if-better exact_match or bleu, or keep the tokens with --from RUN")


COMPARISON: Comparison[Seq2SeqCorpus, Seq2SeqPredictor] = Comparison(
    {
        "loss": "lower",
        "exact_match": "higher",
        "sequence_error_rate": "lower",
        "token_error_rate": "lower",
        "bleu": "higher",
        "chrf": "higher",
        "ece": "lower",
    },
    require_comparable,
)
