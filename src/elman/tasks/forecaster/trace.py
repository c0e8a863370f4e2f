"""The trace of a series through a forecaster: models/trace.py says what is in every trace.

    axes     rows: the dates or the numbers of the rows, of which the recurrent layers read each
    arrays   values (T, C): the series; median (H, K) and quantiles (H, K, Q): the forecast
             hidden.x (N, D*F) and hidden.0.h (N, hidden): the delay line and the hidden layers of tdnn and narx, at the
             last row; narx has one row for each row of the horizon
    facts    targets, inputs, levels, dates: of the forecast; objective: what is differentiated

A forecast has no loss before the rows that it forecasts are known. The derivatives are therefore those of the forecast
itself: of the mean over horizon and targets of the medians, each in units of its spread. A history encoder without
recurrent layers (tdnn, narx) has no derivatives in its trace.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from elman.errors import ConfigError
from elman.models.recorder import Recorder, recording
from elman.models.replay import replay
from elman.models.trace import Array, Trace, add_norms_by_lag, check_trace_size, layer_traces, stack_derivatives

from .forecast import Forecast
from .history_encoders import HistoryEncoder, Recurrent
from .series import Series

AXIS = "rows"


def trace_series(predict: Callable[[], Forecast], encoder: HistoryEncoder, series: Series, *, gradients: bool) -> Trace:
    """Return the trace of the forecast after a series."""
    if gradients and not isinstance(encoder, Recurrent):
        problem = "the history encoder has no recurrent layers; expected a model with recurrent memory"
        raise ConfigError(problem, hint="Trace it without gradients")
    if isinstance(encoder, Recurrent):
        check_trace_size(encoder.stack, len(series))
    with recording() as recorder:
        forecast = predict()
    steps = replay(encoder.stack, recorder.runs_of(encoder.stack)) if isinstance(encoder, Recurrent) else None
    facts: dict[str, Any] = {
        "targets": list(series.targets),
        "inputs": list(series.inputs),
        "levels": list(forecast.levels),
        "dates": list(forecast.dates),
    }
    derivatives = None
    if gradients and isinstance(encoder, Recurrent) and steps is not None:
        d_outputs = np.zeros_like(steps.outputs)
        d_outputs[-1] = encoder.median_derivative()
        derivatives, _ = stack_derivatives(steps, d_outputs)
        add_norms_by_lag(steps, d_outputs, derivatives)
        facts["objective"] = "the mean of the medians, in units of their spread"
    dates = series.dates
    return Trace(
        task="forecast",
        input=f"{len(series)} rows of {', '.join((*series.targets, *series.inputs))}",
        axes={AXIS: [dates.text(row) if dates else str(row) for row in range(len(series))]},
        layers=() if steps is None else tuple(layer_traces(steps, AXIS, derivatives)),
        arrays={
            "values": series.values,
            "median": forecast.median,
            "quantiles": forecast.quantiles,
            **({} if steps is not None else _hidden(recorder)),
        },
        facts=facts,
        exact=steps is None or steps.exact,
        step_error=0.0 if steps is None else steps.step_error,
    )


def _hidden(recorder: Recorder) -> dict[str, Array]:
    """Return the delay line and the hidden layers, a row for each time that they were computed."""
    return {
        name: np.concatenate([array.reshape(-1, array.shape[-1]) for array in arrays])
        for name, arrays in recorder.arrays.items()
    }
