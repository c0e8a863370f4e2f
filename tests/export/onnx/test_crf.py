"""The conditional random field as a graph, for random scores: the best paths and log probabilities of the equations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from elman.decoding import viterbi
from elman.export.onnx.crf import best_paths, filtered
from elman.export.onnx.graph import FLOAT, INT64, Graph
from elman.export.onnx.recurrent import lengths_of
from elman.export.onnx.verification import run_session, session_of
from elman.models.crf import TransitionScores

FORBIDDEN = np.float32(-10_000.0)


def random_scores(C: int, seed: int) -> TransitionScores:
    """Scores of C labels, a fifth of which forbid a transition."""
    rng = np.random.default_rng(seed)
    arrays = [2 * rng.standard_normal(shape).astype(np.float32) for shape in ((C, C), (C,), (C,))]
    for array in arrays:
        array[rng.random(array.shape) < 0.2] = FORBIDDEN
        array[..., 0] = 0.5  # one path is allowed
    return TransitionScores(*arrays)


def field_session(scores: TransitionScores) -> Any:
    """A session that returns the paths and the log probabilities for emissions (T, B, C)."""
    C = len(scores.start)
    graph = Graph("field")
    emissions = graph.input("emissions", FLOAT, ("time", "batch", C))
    lengths = graph.input("lengths", INT64, ("batch",))
    state = graph.input("state", FLOAT, ("batch", C))
    rows = lengths_of(graph, lengths, graph.size(emissions, 0))
    graph.output("paths", best_paths(graph, emissions, rows, scores), ("time", "batch"))
    log_p, after = filtered(graph, emissions, rows, scores, state)
    graph.output("log_p", log_p, ("time", "batch", C))
    graph.output("after", after, ("batch", C))
    return session_of(graph.model({}))


@pytest.mark.parametrize("C", [1, 2, 5, 12])
def test_paths_and_log_probabilities_are_those_of_the_equations(C: int) -> None:
    for seed in range(5):
        scores, rng = random_scores(C, seed), np.random.default_rng(seed)
        e = 2 * rng.standard_normal((9, 7, C)).astype(np.float32)
        lengths = np.array([9, 1, 0, 4, 8, 9, 2])
        start = np.full((7, C), np.nan, np.float32)
        outputs = run_session(field_session(scores), {"emissions": e, "lengths": lengths, "state": start})
        expected = viterbi(e.transpose(1, 0, 2), lengths, *scores)
        for row, (path, length) in enumerate(zip(expected, lengths, strict=True)):
            assert outputs["paths"][:length, row].tolist() == path.tolist()
            assert (outputs["paths"][length:, row] == -1).all()
            log_p = filtered_by_sums(e[:length, row], scores)
            # float32, and terms that are 80 nats smaller are lost
            np.testing.assert_allclose(
                np.maximum(outputs["log_p"][:length, row], -50), np.maximum(log_p, -50), atol=1e-4
            )
            last = log_p[-1] if length else start[row]
            np.testing.assert_allclose(np.maximum(outputs["after"][row], -50), np.maximum(last, -50), atol=1e-4)


def filtered_by_sums(e: Any, scores: TransitionScores) -> Any:
    """log p(y_t | x_1 .. x_t) (T, C) by the definition, in float64."""
    rows: list[Any] = []
    A, start, _ = (array.astype(np.float64) for array in scores)
    for of_token in e.astype(np.float64):
        a = of_token + (start if not rows else np.logaddexp.reduce(rows[-1][:, None] + A, axis=0))
        rows.append(a - np.logaddexp.reduce(a))
    return np.array(rows).reshape(-1, len(start))
