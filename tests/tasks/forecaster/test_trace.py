"""The trace of a forecaster: its forecast to the bit, and derivatives as finite differences have them."""

from __future__ import annotations

import numpy as np
import pytest

from elman.checkpoint import Tensors
from elman.errors import ConfigError
from elman.tasks.forecaster.batches import references
from elman.tasks.forecaster.predictor import ForecasterPredictor
from tests.inspect.gradients import assert_derivatives_are_those_of_finite_differences, in_float64

from .models import ARCHITECTURES, series_of, tiny_predictor

RECURRENT = [name for name, options in ARCHITECTURES.items() if options.get("memory", "recurrent") == "recurrent"]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_trace_has_the_forecast_to_the_bit(architecture: str) -> None:
    predictor, series = tiny_predictor(architecture), series_of()
    trace, forecast = predictor.trace(series), predictor.predict(series)
    assert trace["median"].tobytes() == forecast.median.tobytes()
    assert trace["quantiles"].tobytes() == forecast.quantiles.tobytes()
    assert trace.exact
    assert trace.step_error < 1e-6
    if architecture in RECURRENT:
        assert [len(layer["h"]) for layer in trace.layers] == [len(series)] * predictor.config.num_layers
    else:
        assert trace.layers == ()
        rows = predictor.config.horizon if predictor.config.memory == "narx" else 1
        assert trace["hidden.0.h"].shape == (rows, predictor.config.hidden_size)


@pytest.mark.parametrize("architecture", RECURRENT)
def test_derivatives_are_those_of_finite_differences(architecture: str) -> None:
    small, series = tiny_predictor(architecture), series_of(missing=False)
    config, tensors = small.config, in_float64(small.tensors)
    spread = np.array(small.scales.spread)

    def objective(moved: Tensors) -> float:
        median = ForecasterPredictor(config, small.scales, moved).predict(series).median
        z = np.log(series.values) if config.logarithm else series.values
        reference = references(z[:, :2], 2, config.horizon, config.lag, slice(len(z) - 1, None))[0]
        return float((((np.log(median) if config.logarithm else median) - reference) / spread).mean())

    trace = ForecasterPredictor(config, small.scales, tensors).trace(series, gradients=True)
    with np.errstate(invalid="ignore"):
        assert_derivatives_are_those_of_finite_differences(trace, tensors, objective)


def test_derivatives_without_recurrent_layers_are_an_error() -> None:
    with pytest.raises(
        ConfigError, match="the history encoder has no recurrent layers; expected a model with recurrent memory"
    ):
        tiny_predictor("tdnn").trace(series_of(), gradients=True)
