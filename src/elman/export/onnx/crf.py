"""The conditional random field as ONNX: models/crf.py and decoding/viterbi.py, step by step in Scan nodes."""

from __future__ import annotations

import numpy as np

from elman.models.crf import TransitionScores

from .graph import FLOAT, Graph, Value
from .recurrent import Lengths


def best_paths(graph: Graph, emissions: Value, lengths: Lengths, scores: TransitionScores) -> Value:
    """Return the most probable tags (T, B) of emissions (T, B, C); -1 behind the end of a row."""
    C = len(scores.start)
    A, start, end = (graph.constant(array) for array in scores)
    is_first = graph.unsqueeze(graph.range(graph.size(emissions, 0)).equal(0), 1, 2)

    def forward(states: list[Value], inputs: list[Value]) -> tuple[list[Value], list[Value]]:
        (best,), (e, inside, first) = states, inputs
        sums = graph.unsqueeze(best, 2) + A
        now = graph.where(first, start + e, graph.max(sums, 1, keepdims=False) + e)
        return [graph.where(inside, now, best)], [graph.argmax(sums, 1)]

    def backward(states: list[Value], inputs: list[Value]) -> tuple[list[Value], list[Value]]:
        (label,), (back, inside) = states, inputs
        before = graph.op("GatherElements", back, label, axis=1)
        none = graph.constant(np.array(-1, np.int64))
        return [graph.where(inside, before, label)], [graph.where(inside, label, none)]

    zeros = graph.full(0.0, FLOAT, graph.size(emissions, 1), C)
    sequences = [emissions, lengths.inside, is_first]
    (best,), (back,) = graph.scan(forward, [zeros], sequences, [(None, C), (None, C)])
    last = graph.argmax(best + end, 1, keepdims=True)
    _, (path,) = graph.scan(backward, [last], [back, lengths.inside], [(None, 1), (None, 1)], reverse=True)
    return graph.squeeze(path, 2)


def filtered(
    graph: Graph, emissions: Value, lengths: Lengths, scores: TransitionScores, state: Value
) -> tuple[Value, Value]:
    """Return log p(y_t | x_1 .. x_t) (T, B, C) given the tokens so far, and the state (B, C) after the last one.

    The state is that of the predictor: the log probabilities of the tags of the last token; NaN before the first one.
    """
    C = len(scores.start)
    largest_A = scores.transitions.max()
    exp_A, start = graph.constant(np.exp(scores.transitions - largest_A)), graph.constant(scores.start)

    def step(states: list[Value], inputs: list[Value]) -> tuple[list[Value], list[Value]]:
        (log_p,), (e, inside) = states, inputs
        is_first = graph.max(graph.cast(graph.is_nan(log_p), FLOAT), 1) > 0.5
        a = graph.where(is_first, log_p_of_nothing, log_p)
        largest = graph.max(a, 1)
        over_previous = graph.log(graph.exp(a - largest) @ exp_A) + (largest + float(largest_A))
        unnormalized = graph.where(is_first, start, over_previous) + e
        now = unnormalized - graph.log_sum_exp(unnormalized)
        return [graph.where(inside, now, log_p)], [now]

    log_p_of_nothing = graph.constant(np.float32(0))
    (final,), (log_p,) = graph.scan(step, [state], [emissions, lengths.inside], [(None, C), (None, C)])
    return log_p, final
