"""One step of the cells that ONNX does not have, from standard operators: the equations are those of elman.cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from elman.cells import LayerParameters
from elman.cells.layer_norm_lstm import EPSILON, LayerNormLSTM
from elman.cells.min_gru import MinGRU
from elman.cells.reset_before_gru import ResetBeforeGRU

from .graph import Graph, Value

# step(graph, a, u, states, parameters) returns the next states; u is None for a cell without U.
Step = Callable[[Graph, Value, Value | None, Sequence[Value], LayerParameters], list[Value]]


def min_gru_step(
    graph: Graph, a: Value, u: Value | None, states: Sequence[Value], parameters: LayerParameters
) -> list[Value]:
    """Return the next state from a = W x + b (B, 2H): elman/cells/min_gru.py."""
    (h,) = states
    H = parameters.hidden_size
    a_z, n = graph.split(a, [H, H], 1)
    z = graph.sigmoid(a_z)
    return [(1.0 - z) * h + z * n]


def layer_norm_lstm_step(
    graph: Graph, a: Value, u: Value | None, states: Sequence[Value], parameters: LayerParameters
) -> list[Value]:
    """Return the next states from a = W x and u = U h, both (B, 4H): elman/cells/layer_norm_lstm.py."""
    assert u is not None
    _, c = states
    H = parameters.hidden_size
    p = {name: graph.constant(array) for name, array in parameters.cell_parameters.items()}
    s = p["gain_x"] * _normalize(graph, a) + p["bias_x"] + p["gain_h"] * _normalize(graph, u) + p["bias_h"]
    s_i, s_f, s_g, s_o = graph.split(s, [H] * 4, 1)
    i = graph.sigmoid(s_i)
    f = graph.sigmoid(s_f)
    g = graph.tanh(s_g)
    o = graph.sigmoid(s_o)
    c_next = f * c + i * g
    h_next = o * graph.tanh(p["gain_c"] * _normalize(graph, c_next) + p["bias_c"])
    return [h_next, c_next]


def reset_before_gru_step(
    graph: Graph, a: Value, u: Value | None, states: Sequence[Value], parameters: LayerParameters
) -> list[Value]:
    """Return the next state from a = W x + b (B, 3H): elman/cells/reset_before_gru.py."""
    (h,) = states
    H = parameters.hidden_size
    p = parameters.cell_parameters
    a_rz, a_n = graph.split(a, [2 * H, H], 1)
    r, z = graph.split(graph.sigmoid(a_rz + graph.linear_rows(h, p["U_rz"])), [H, H], 1)
    n = graph.tanh(a_n + graph.linear_rows(r * h, p["U_n"]))
    return [(1.0 - z) * n + z * h]


def _normalize(graph: Graph, v: Value) -> Value:
    """Return v (B, N) with mean 0 and variance 1 in each row."""
    centred = v - graph.mean(v, 1)
    return centred / graph.op("Sqrt", graph.mean(centred * centred, 1) + EPSILON)


STEPS: dict[type[Any], Step] = {
    MinGRU: min_gru_step,
    LayerNormLSTM: layer_norm_lstm_step,
    ResetBeforeGRU: reset_before_gru_step,
}
