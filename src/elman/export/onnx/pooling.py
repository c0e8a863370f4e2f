"""Pooling as ONNX: over a whole text, and token by token with a state, as models/pooling.py computes both."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from elman.checkpoint import Tensors

from .graph import FLOAT, Graph, Value
from .recurrent import States
from .token_inputs import Encoded

STATES = ("pooling.count", "pooling.sum", "pooling.highest")
TINY = float(np.finfo(np.float32).tiny)


def pool(graph: Graph, kind: str, tensors: Tensors, encoded: Encoded) -> Value:
    """Return the pooled outputs (B, N) of whole texts; zero for no tokens."""
    outputs, inside = encoded.outputs, encoded.lengths.inside
    if kind == "last":
        return encoded.last
    zero = graph.constant(np.float32(0))
    counts = graph.sum(graph.cast(inside, FLOAT), 0, keepdims=False)
    if kind == "mean":
        total = graph.sum(graph.where(inside, outputs, zero), 0, keepdims=False)
        return total / graph.maximum(counts, graph.constant(np.float32(1)))
    lowest = graph.constant(np.float32(-np.inf))
    if kind == "max":
        return _or_zero(graph, graph.max(graph.where(inside, outputs, lowest), 0, keepdims=False))
    e = graph.where(inside, _scores(graph, outputs, tensors), lowest)
    a = graph.exp(e - _or_zero(graph, graph.max(e, 0)))
    total = graph.sum(a * outputs, 0, keepdims=False)
    return total / graph.maximum(graph.sum(a, 0, keepdims=False), graph.constant(np.float32(TINY)))


def pool_stream(
    graph: Graph, kind: str, tensors: Tensors, encoded: Encoded, states: States, size: int
) -> tuple[Value, Value, States]:
    """Return the pooled outputs (T, B, N) after each token, those after the last one (B, N), and the last states."""
    if kind == "last":
        return encoded.outputs, encoded.last, states
    scores = [_scores(graph, encoded.outputs, tensors)] if kind == "attention" else []
    push = _PUSHES[kind]

    def step(before: list[Value], inputs: list[Value]) -> tuple[list[Value], list[Value]]:
        inside, output, *e = inputs
        pooled, after = push(graph, output, e, before)
        is_row = graph.squeeze(inside, 1)
        conditions = [is_row, inside, inside]
        next_values = [graph.where(c, now, old) for c, now, old in zip(conditions, after, before, strict=True)]
        return next_values, [pooled]

    shapes = [(None,), (None, size), (None, size), (None, size)]
    sequences = [encoded.lengths.inside, encoded.outputs, *scores]
    final, (pooled,) = graph.scan(step, [states[name] for name in STATES], sequences, shapes)
    count, total, highest = final
    counts = graph.unsqueeze(count, 1)
    if kind == "max":
        last = _or_zero(graph, highest)
    else:
        last = total / graph.maximum(counts, graph.constant(np.float32(TINY)))
    return pooled, last, dict(zip(STATES, final, strict=True))


def _push_mean(graph: Graph, output: Value, e: Sequence[Value], before: list[Value]) -> tuple[Value, list[Value]]:
    count, total, highest = before[0] + 1.0, before[1] + output, before[2]
    return total / graph.unsqueeze(count, 1), [count, total, highest]


def _push_max(graph: Graph, output: Value, e: Sequence[Value], before: list[Value]) -> tuple[Value, list[Value]]:
    highest = graph.maximum(before[2], output)
    return highest, [before[0], before[1], highest]


def _push_attention(graph: Graph, output: Value, e: Sequence[Value], before: list[Value]) -> tuple[Value, list[Value]]:
    count, total, highest_before = before
    highest = graph.maximum(highest_before, e[0])
    rescale, weight = graph.exp(highest_before - highest), graph.exp(e[0] - highest)
    first_rescale, first_weight = (graph.slice(value, 0, 1, 1) for value in (rescale, weight))
    counts = graph.unsqueeze(count, 1) * first_rescale + first_weight
    total = total * rescale + weight * output
    return total / counts, [graph.squeeze(counts, 1), total, highest]


_PUSHES: dict[str, Callable[[Graph, Value, Sequence[Value], list[Value]], tuple[Value, list[Value]]]] = {
    "mean": _push_mean,
    "max": _push_max,
    "attention": _push_attention,
}


def _scores(graph: Graph, outputs: Value, tensors: Tensors) -> Value:
    """Return the scores (T, B, 1) of outputs (T, B, N)."""
    hidden = graph.tanh(graph.linear(outputs, tensors["pooling.key.weight"], tensors["pooling.key.bias"]))
    return graph.linear(hidden, tensors["pooling.score"][None])


def _or_zero(graph: Graph, highest: Value) -> Value:
    """Return a maximum, or 0 where it is that of nothing."""
    return graph.where(highest.equal(float("-inf")), graph.constant(np.float32(0)), highest)
