"""Viterbi's path compared with the scores of all paths."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest

from elman.decoding import viterbi

Floats = npt.NDArray[np.float64]


def score(path: tuple[int, ...], e: Floats, A: Floats, start: Floats, end: Floats) -> float:
    pairs = sum(A[i, j] for i, j in itertools.pairwise(path))
    return float(start[path[0]] + sum(e[t, j] for t, j in enumerate(path)) + pairs + end[path[-1]])


@pytest.mark.parametrize("seed", range(5))
def test_the_path_is_the_best_of_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    B, T, C = 4, 5, 3
    e, A = rng.normal(size=(B, T, C)), 2 * rng.normal(size=(C, C))
    start, end = rng.normal(size=C), rng.normal(size=C)
    lengths = np.array([5, 1, 3, 4])
    best_paths = viterbi(e, lengths, A, start, end)
    for row, (path, length) in enumerate(zip(best_paths, lengths, strict=True)):
        paths = itertools.product(range(C), repeat=int(length))
        scores = {candidate: score(candidate, e[row], A, start, end) for candidate in paths}
        assert tuple(path) == max(scores, key=scores.__getitem__)


def test_forbidden_transitions_are_avoided_and_equal_paths_give_the_lowest_labels() -> None:
    A = np.array([[0.0, -np.inf], [0.0, 0.0]])
    emissions = np.array([[[5.0, 0.0], [0.0, 4.0], [0.0, 0.5]]])
    (path,) = viterbi(emissions, np.array([3]), A, np.zeros(2), np.zeros(2))
    assert path.tolist() == [0, 0, 0]
    (path,) = viterbi(np.zeros((1, 3, 4)), np.array([3]), np.zeros((4, 4)), np.zeros(4), np.zeros(4))
    assert path.tolist() == [0, 0, 0]


def test_padding_does_not_change_the_path() -> None:
    rng = np.random.default_rng(1)
    e, A, edge = rng.normal(size=(2, 6, 3)), rng.normal(size=(3, 3)), np.zeros(3)
    e[0, 2:] = 1e9
    padded, _ = viterbi(e, np.array([2, 6]), A, edge, edge)
    (unpadded,) = viterbi(e[:1, :2], np.array([2]), A, edge, edge)
    assert padded.tolist() == unpadded.tolist()
    assert viterbi(np.zeros((0, 0, 3)), np.zeros(0, int), A, edge, edge) == []
