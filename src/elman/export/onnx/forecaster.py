"""A forecaster as ONNX: rows of a series in their own units to the quantiles of the next rows, in these units.

inputs    values (batch, time, C) float64: the targets, then the inputs of each row; NaN is a missing value
          lengths (batch,) int64, and the state
outputs   quantiles (batch, time, H, K, Q) float64 after each row, zero behind the end of a row, and the next state

Everything that the predictor computes of a row is in the graph: logarithms, the unit of the series, missing values,
differences, scales, the history encoder and calibration. Dates are not among the inputs of a model: they only name
forecasts. Values, differences and quantiles are computed in float64, as in the predictor, since a float32 has 7 digits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from elman.models.stack import State
from elman.tasks.forecaster.predictor import ForecasterPredictor
from elman.tasks.forecaster.row_streams import LEAD, SEEN, UNIT

from .exported import (
    NEXT,
    Case,
    Check,
    Export,
    next_state,
    padded,
    ragged_lengths,
    state_inputs,
    state_notes,
    state_outputs,
)
from .graph import DOUBLE, FLOAT, INT64, Array, Graph, Value
from .history_encoders import HISTORY_ENCODERS, Line, rows_after
from .recurrent import States, lengths_of

MISSING = 0.1  # the share of random values


def export_forecaster(predictor: ForecasterPredictor) -> Export:
    """Return the graph of a forecaster."""
    config, scales = predictor.config, predictor.scales
    K, C, Q = len(scales.targets), len(scales.mean), len(config.quantiles)
    series = list(scales.units)[:1]
    state = predictor.initial_state(1, series=series)
    graph = Graph("model")
    values = graph.input("values", DOUBLE, ("batch", "time", C))
    lengths = graph.input("lengths", INT64, ("batch",))
    states = state_inputs(graph, state)
    rows = lengths_of(graph, lengths, graph.size(values, 1))
    line = _line(graph, predictor, values, lengths, states)
    o, after = HISTORY_ENCODERS[config.memory](graph, config, scales, predictor.tensors, line, states, rows)
    o = graph.cast(o, DOUBLE)
    if scales.calibration:
        middle = graph.slice(o, config.median, config.median + 1, 4)
        o = middle + graph.constant(np.array(scales.calibration)) * (o - middle)
    future = graph.unsqueeze(_references(graph, predictor, line), 4)
    future = future + graph.constant(np.array(scales.spread)[:, :, None]) * o
    if UNIT in states:
        mean, scale = _unit(graph, states[UNIT], 1, 2, 4)
        future = future * scale + mean
        after[UNIT] = states[UNIT]
    quantiles = graph.exp(future) if config.logarithm else future
    inside = graph.unsqueeze(graph.transpose(rows.inside, 1, 0, 2), 3, 4)
    quantiles = graph.where(inside, quantiles, graph.constant(0.0))
    graph.output("quantiles", quantiles, ("batch", "time", config.horizon, K, Q))
    after[LEAD] = rows_after(graph, line.z, lengths, config.lead, states[LEAD])
    after[SEEN] = states[SEEN] + graph.cast(lengths, FLOAT)
    state_outputs(graph, after, state)

    def cases(batch_size: int, length: int, rng: np.random.Generator) -> Iterator[Case]:
        """Yield two chunks of rows; the second one goes on from the state after the first."""
        names = [list(scales.units)[i] for i in rng.integers(0, len(scales.units), batch_size)] if scales.units else []
        before = predictor.initial_state(batch_size, series=names)
        unit = _target_scales(predictor, before)
        for _ in range(2):
            sizes = ragged_lengths(batch_size, length, rng)
            chunks = [_random_rows(predictor, before, row, int(size), rng) for row, size in enumerate(sizes)]
            outputs_of = partial(_outputs_of, chunks, before)
            expected = outputs_of(predictor)
            inputs = {"values": padded(chunks, length, 1.0), "lengths": sizes, **before}
            yield Case("", inputs, expected, outputs_of, {"quantiles": Check(unit=unit)})
            before = {name: expected[NEXT + name] for name in before}

    notes = {"state": state_notes(state), "quantiles": list(config.quantiles)}
    return Export(predictor, {"": graph}, cases, notes)


def _outputs_of(chunks: Sequence[Array], state: State, predictor: ForecasterPredictor) -> dict[str, Array]:
    """Return the outputs for chunks of rows."""
    quantiles, after = predictor.run(chunks, state)
    return {"quantiles": quantiles, **next_state(after)}


def _line(graph: Graph, predictor: ForecasterPredictor, values: Value, lengths: Value, states: States) -> Line:
    """Return the rows without missing values, after those before them, as the model reads them: row_streams.read."""
    config, scales = predictor.config, predictor.scales
    K, C = len(scales.targets), len(scales.mean)
    z, *others = graph.split(values, [K, C - K] if C > K else [K], 2)
    if config.logarithm:
        z = graph.log(z)
    if UNIT in states:
        mean, scale = _unit(graph, states[UNIT], 1)
        z = (z - mean) / scale
    rows = graph.concat([z, *others], 2)
    is_fresh = graph.unsqueeze(states[SEEN].equal(0.0), 1)
    last_row = graph.squeeze(graph.slice(states[LEAD], config.lead - 1, config.lead, 1), 1)
    before = graph.where(is_fresh, graph.constant(np.array(scales.mean)), last_row)

    def fill(newest: list[Value], inputs: list[Value]) -> tuple[list[Value], list[Value]]:
        filled = graph.where(graph.is_nan(inputs[0]), newest[0], inputs[0])
        return [filled], [filled]

    _, (filled,) = graph.scan(fill, [before], [graph.transpose(rows, 1, 0, 2)], [(None, C), (None, C)])
    rows = graph.transpose(filled, 1, 0, 2)
    lead = graph.where(graph.unsqueeze(is_fresh, 2), graph.slice(rows, 0, 1, 1), states[LEAD])
    return Line(graph.concat([lead, rows], 1), rows, lengths)


def _references(graph: Graph, predictor: ForecasterPredictor, line: Line) -> Value:
    """Return ref (B, T, H, K) of each row: the value whose difference to the future is modelled."""
    config, K = predictor.config, len(predictor.scales.targets)
    offsets = config.lead + 1 - config.lag + np.arange(config.horizon) % config.lag
    times = graph.unsqueeze(graph.range(graph.size(line.rows, 1)), 1)
    return graph.gather(graph.slice(line.z, 0, K, 2), times + graph.constant(offsets[None].astype(np.int64)), 1)


def _unit(graph: Graph, unit: Value, *axes: int) -> list[Value]:
    """Return mean and scale of units (B, 2, K), with new axes."""
    parts = (graph.squeeze(graph.slice(unit, i, i + 1, 1), 1) for i in (0, 1))
    return [graph.unsqueeze(part, *axes) for part in parts]


def _target_scales(predictor: ForecasterPredictor, state: State) -> Array:
    """Return the scale (K, 1), or (B, 1, 1, K, 1) of several series, by which differences of quantiles are measured.

    It is the standard deviation of the targets, or with logarithms a usual value.
    """
    scales, K = predictor.scales, len(predictor.scales.targets)
    mean, scale = (np.array(values)[:K, None] for values in (scales.mean, scales.scale))
    if UNIT in state:
        unit_mean, unit_scale = (state[UNIT][:, i][:, None, None, :, None] for i in (0, 1))
        mean, scale = unit_mean + unit_scale * mean, unit_scale * scale
    return np.exp(mean) if predictor.config.logarithm else scale


def _random_rows(predictor: ForecasterPredictor, state: State, row: int, count: int, rng: np.random.Generator) -> Array:
    """Return rows (count, C) about as far from the mean as those of the training set; some values are missing."""
    scales, K = predictor.scales, len(predictor.scales.targets)
    values = np.array(scales.mean) + np.array(scales.scale) * rng.standard_normal((count, len(scales.mean)))
    if UNIT in state:
        mean, scale = state[UNIT][row]
        values[:, :K] = values[:, :K] * scale + mean
    if predictor.config.logarithm:
        values[:, :K] = np.exp(values[:, :K])
    values[rng.random(values.shape) < MISSING] = np.nan
    return values
