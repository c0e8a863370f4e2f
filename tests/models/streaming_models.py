"""Causal models of every task with random weights, and inputs for them: what the tests of streaming have in common."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from elman.models.streaming import StreamingPredictor
from elman.tasks.forecaster.predictor import ForecasterPredictor
from elman.tasks.forecaster.scales import Unit
from tests.tasks.classifier import models as classifier
from tests.tasks.forecaster import models as forecaster
from tests.tasks.language_model import models as language_model
from tests.tasks.tagger import models as tagger

ONE_WAY = "max_unidirectional"  # a classifier
MODELS: dict[str, Callable[[], StreamingPredictor]] = {
    **{f"lm-{name}": partial(language_model.tiny_predictor, name) for name in language_model.ARCHITECTURES},
    **{
        f"classify-{pooling}": partial(classifier.tiny_predictor, ONE_WAY, pooling=pooling)
        for pooling in ("last", "mean", "max", "attention")
    },
    "classify-words": partial(classifier.tiny_predictor, "words_unidirectional"),
    "tag": partial(tagger.tiny_predictor, "unidirectional"),
    "tag-crf": partial(tagger.tiny_predictor, "crf_unidirectional"),
    **{f"forecast-{name}": partial(forecaster.tiny_predictor, name) for name in forecaster.ARCHITECTURES},
}


def tiny_forecaster_of_several_series() -> ForecasterPredictor:
    """Return a forecaster with random weights that knows the series A and B of a column `shop`."""
    model = forecaster.tiny_predictor("lstm")
    units = {
        name: Unit(mean=(mean, -mean), scale=(scale, 2 * scale), naive_mae=(1.0, 1.0))
        for name, mean, scale in (("A", 100.0, 8.0), ("B", 0.5, 0.1))
    }
    scales = model.scales.model_copy(update={"series": ("shop",), "units": units})
    return ForecasterPredictor(model.config, scales, model.tensors)


def random_inputs(model: Any, count: int, rng: np.random.Generator) -> Any:
    """Return inputs of one stream: token ids, tokens, of which some are unknown, or rows with missing values."""
    if model.task == "lm":
        return rng.integers(len(model.vocabulary), size=count)
    if model.task == "forecast":
        rows = rng.uniform(1.0, 9.0, (count, len(model.scales.mean)))
        rows[rng.random(rows.shape) < 0.1] = np.nan
        return rows
    known = model.vocabulary if model.task == "classify" else model.words
    return rng.choice([*known.tokens, "unseen", "你"], size=count).tolist()
