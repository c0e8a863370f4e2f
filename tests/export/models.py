"""Models of every task with random weights, each architecture once, by names such as `tag-crf`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from tests.models.streaming_models import tiny_forecaster_of_several_series
from tests.tasks.classifier import models as classifier
from tests.tasks.forecaster import models as forecaster
from tests.tasks.language_model import models as language_model
from tests.tasks.seq2seq import models as seq2seq
from tests.tasks.tagger import models as tagger

POOLINGS = ("last", "mean", "max", "attention")


def calibrated_forecaster(architecture: str) -> Any:
    """Return a forecaster whose prediction intervals are calibrated."""
    return forecaster.tiny_predictor(architecture).calibrated([(forecaster.series_of(), None)])


MODELS: dict[str, Callable[[], Any]] = {
    **{f"lm-{name}": partial(language_model.tiny_predictor, name) for name in language_model.ARCHITECTURES},
    **{
        f"classify-{name}": partial(classifier.tiny_predictor, name, temperature=0.7)
        for name in classifier.ARCHITECTURES
    },
    **{
        f"classify-{pooling}-{directions}": partial(
            classifier.tiny_predictor, "max", pooling=pooling, bidirectional=directions == "both"
        )
        for pooling in POOLINGS
        for directions in ("one", "both")
    },
    **{f"tag-{name}": partial(tagger.tiny_predictor, name) for name in tagger.ARCHITECTURES},
    **{f"seq2seq-{name}": partial(seq2seq.tiny_predictor, name, temperature=0.7) for name in seq2seq.ARCHITECTURES},
    **{f"forecast-{name}": partial(calibrated_forecaster, name) for name in forecaster.ARCHITECTURES},
    "forecast-not-calibrated": partial(forecaster.tiny_predictor, "narx"),
    "forecast-several-series": tiny_forecaster_of_several_series,
}
