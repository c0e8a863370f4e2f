"""The history encoders of a forecaster as ONNX: tasks/forecaster/history_encoders.py.

Each returns o (B, T, H, K, Q), and the entries of the next state that are its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from elman.checkpoint import Tensors
from elman.models.stack import Stack
from elman.tasks.forecaster.config import ForecasterConfig
from elman.tasks.forecaster.history_encoders import Features
from elman.tasks.forecaster.scales import Scales

from .graph import DOUBLE, FLOAT, Array, Graph, Value
from .recurrent import Lengths, States, check_cell, run_stack


class Line(NamedTuple):
    """Rows (B, T, C) without missing values, z (B, lead + T, C) with those before them, and the lengths (B,)."""

    z: Value
    rows: Value
    lengths: Value


def rows_after(graph: Graph, line: Value, lengths: Value, count: int, before: Value) -> Value:
    """Return the last `count` rows (B, count, N) of lines whose row 0 is `count` rows before the first new one.

    A line without new rows keeps what was there before.
    """
    if not count:
        return before
    places = graph.unsqueeze(lengths, 1) + graph.constant(np.arange(count, dtype=np.int64)[None])
    after = graph.op("GatherND", line, graph.unsqueeze(places, 2), batch_dims=1)
    return graph.where(graph.unsqueeze(lengths < 1, 1, 2), before, after)


def recurrent(
    graph: Graph, config: ForecasterConfig, scales: Scales, tensors: Tensors, line: Line, states: States, rows: Lengths
) -> tuple[Value, States]:
    """Return the outputs of recurrent layers over the rows."""
    check_cell(config.build_cell())
    features = Features(config, scales)
    stack = Stack(config.build_cell(), tensors, features.size, [config.hidden_size] * config.num_layers)
    x = graph.transpose(_features(graph, features, line.z, 1), 1, 0, 2)
    outputs, after = run_stack(graph, stack, x, states, rows)
    h = graph.transpose(outputs, 1, 0, 2)
    parts = _parts(graph, config, scales, tensors, h, config.horizon)
    return _monotone(graph, parts, config), after


def time_delay(
    graph: Graph, config: ForecasterConfig, scales: Scales, tensors: Tensors, line: Line, states: States, rows: Lengths
) -> tuple[Value, States]:
    """Return the outputs of hidden layers over the last D rows."""
    features = Features(config, scales)
    x = _features(graph, features, line.z, 1)
    delays, name = config.delays, "delays.x"
    extended = _after_delays(graph, states[name], x, delays - 1)
    windows = _windows(graph, extended, x, delays)
    h = _hidden(
        graph, config, tensors, graph.reshape(windows, graph.size(x, 0), graph.size(x, 1), delays * features.size)
    )
    parts = _parts(graph, config, scales, tensors, h, config.horizon)
    return _monotone(graph, parts, config), {name: rows_after(graph, extended, line.lengths, delays - 1, states[name])}


def closed_loop(
    graph: Graph, config: ForecasterConfig, scales: Scales, tensors: Tensors, line: Line, states: States, rows: Lengths
) -> tuple[Value, States]:
    """Return the outputs of hidden layers over the last D rows, to which the network appends its own forecasts."""
    K, C, R, lag = len(scales.targets), len(scales.mean), config.delays + config.lead, config.lag
    features, spread = Features(config, scales), np.array(scales.spread)
    name = "delays.z"
    extended = _after_delays(graph, states[name], line.rows, R - 1)
    windows = graph.reshape(_windows(graph, extended, line.rows, R), -1, R, C)  # N = B * T
    newest = graph.slice(graph.slice(windows, R - lag, R, 1), 0, K, 2)
    references = graph.gather(newest, graph.constant(np.arange(config.horizon, dtype=np.int64) % lag), 1)
    below, above = config.median, len(config.quantiles) - config.median - 1

    def step(state: list[Value], inputs: list[Value]) -> tuple[list[Value], list[Value]]:
        (window,), (reference, later, spread_h) = state, inputs
        x = _features(graph, features, window, 1)
        flat = graph.reshape(x, graph.size(x, 0), 1, config.delays * features.size)
        a = _parts(graph, config, scales, tensors, _hidden(graph, config, tensors, flat), 1)
        a = graph.cast(graph.squeeze(a, 1, 2), DOUBLE)  # (N, K, Q)
        median = graph.squeeze(graph.slice(a, below, below + 1, 2), 2)
        reference_now = graph.slice(graph.squeeze(graph.slice(window, R - lag, R - lag + 1, 1), 1), 0, K, 1)
        forecast = reference_now + graph.constant(spread[0]) * median
        a = a + later
        middle = graph.unsqueeze((forecast - reference) / spread_h, 2)
        parts = [graph.slice(a, 0, below, 2)] * bool(below) + [middle]
        parts += [graph.slice(a, below + 1, below + 1 + above, 2)] * bool(above)
        inputs_now = graph.squeeze(graph.slice(window, R - 1, R, 1), 1)
        row = graph.concat([forecast, *([graph.slice(inputs_now, K, C, 1)] * bool(C > K))], 1)
        following = graph.concat([graph.slice(window, 1, R, 1), graph.unsqueeze(row, 1)], 1)
        return [following], [graph.concat(parts, 2)]

    sequences = [
        graph.transpose(references, 1, 0, 2),
        graph.constant(tensors["later"].astype(np.float64)),
        graph.constant(spread),
    ]
    _, (a,) = graph.scan(step, [windows], sequences, [(None, R, C), (None, K, len(config.quantiles))])
    o = graph.cast(_monotone(graph, graph.transpose(a, 1, 0, 2, 3), config), FLOAT)
    size = graph.size(line.rows, 0), graph.size(line.rows, 1), config.horizon, K, len(config.quantiles)
    return graph.reshape(o, *size), {name: rows_after(graph, extended, line.lengths, R - 1, states[name])}


Encoder = Callable[
    [Graph, ForecasterConfig, Scales, Tensors, Line, States, Lengths],
    tuple[Value, States],
]
HISTORY_ENCODERS: dict[str, Encoder] = {"recurrent": recurrent, "tdnn": time_delay, "narx": closed_loop}


def _features(graph: Graph, features: Features, z: Value, axis: int) -> Value:
    """Return x (..., T, F), float32, from z (..., lead + T, C), whose rows are on this axis: Features."""
    lead = features.lead
    end = graph.size(z, axis)
    now = graph.slice(z, graph.ids(lead), end, axis)
    last = axis + 1
    levels = graph.slice(now, features.first, np.iinfo(np.int64).max, last)
    parts = [(levels - graph.constant(features.mean)) / graph.constant(features.scale)] if len(features.mean) else []
    for lag, scale in features.lags:
        earlier = graph.slice(z, graph.ids(lead - lag), end - graph.ids(lag), axis)
        targets, targets_before = (graph.slice(value, 0, len(scale), last) for value in (now, earlier))
        parts.append((targets - targets_before) / graph.constant(scale))
    return graph.cast(graph.concat(parts, last), FLOAT)


def _after_delays(graph: Graph, state: Value, x: Value, count: int) -> Value:
    """Return x (B, T, N) after the `count` rows of a delay line; NaN there is the first row of x."""
    if not count:
        return x
    before = graph.where(graph.is_nan(state), graph.slice(x, 0, 1, 1), state)
    return graph.concat([before, x], 1)


def _windows(graph: Graph, line: Value, x: Value, length: int) -> Value:
    """Return the windows (B, T, length, N) of a line (B, length - 1 + T, N) that end at each row of x (B, T, N)."""
    times = graph.unsqueeze(graph.range(graph.size(x, 1)), 1)
    return graph.gather(line, times + graph.constant(np.arange(length, dtype=np.int64)[None]), 1)


def _hidden(graph: Graph, config: ForecasterConfig, tensors: Tensors, x: Value) -> Value:
    """Return the outputs (M, N, H) of the hidden layers for x (M, N, I)."""
    activation = graph.tanh if config.activation == "tanh" else graph.relu
    for number in range(config.num_layers):
        weights = f"hidden.{number}"
        x = activation(graph.linear(x, tensors[f"{weights}.weight"], tensors[f"{weights}.bias"]))
    return x


def _parts(graph: Graph, config: ForecasterConfig, scales: Scales, tensors: Tensors, h: Value, horizon: int) -> Value:
    """Return (M, N, H, K, Q) of h (M, N, hidden), which `_monotone` turns into quantiles."""
    parts = graph.linear(h, tensors["readout.weight"], tensors["readout.bias"])
    sizes = graph.size(h, 0), graph.size(h, 1), horizon, len(scales.targets), len(config.quantiles)
    return graph.reshape(parts, *sizes)


def _monotone(graph: Graph, a: Value, config: ForecasterConfig) -> Value:
    """Return o (..., Q) from a: the median unchanged, each other quantile a softplus away from its neighbour."""
    Q, median = len(config.quantiles), config.median
    if Q == 1:
        return a
    is_median = graph.constant(np.arange(Q) == median)
    steps = graph.where(is_median, a, graph.softplus(a))
    return steps @ graph.constant(_sums_from_median(Q, median).astype(a.dtype))


def _sums_from_median(count: int, median: int) -> Array:
    """Return the matrix (Q, Q) that sums the steps from the median to each quantile, those below it subtracted."""
    return np.array(
        [
            [
                float(step == median or median < step <= quantile) - float(quantile <= step < median)
                for quantile in range(count)
            ]
            for step in range(count)
        ]
    )
