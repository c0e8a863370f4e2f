"""Viterbi's path is the best of all paths, tried one by one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from elman.decoding import viterbi


def score(path: tuple[int, ...], e: np.ndarray, A: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
    pairs = sum(A[i, j] for i, j in itertools.pairwise(path))
    return float(start[path[0]] + sum(e[t, j] for t, j in enumerate(path)) + pairs + end[path[-1]])


@pytest.mark.parametrize("seed", range(5))
def test_the_path_is_the_best_of_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    B, T, C = 4, 5, 3
    e, A = rng.normal(size=(B, T, C)), 2 * rng.normal(size=(C, C))
    start, end = rng.normal(size=C), rng.normal(size=C)
    lengths = np.array([5, 1, 3, 4])
    found = viterbi(e, lengths, A, start, end)
    for row, (path, length) in enumerate(zip(found, lengths, strict=True)):
        paths = itertools.product(range(C), repeat=int(length))
        assert tuple(path) == max(paths, key=lambda each, row=row: score(each, e[row], A, start, end))  # type: ignore[misc]


def test_forbidden_steps_are_not_taken_and_ties_go_to_the_lowest() -> None:
    A = np.array([[0.0, -np.inf], [0.0, 0.0]])
    emissions = np.array([[[5.0, 0.0], [0.0, 4.0], [0.0, 0.5]]])
    (path,) = viterbi(emissions, np.array([3]), A, np.zeros(2), np.zeros(2))
    assert path.tolist() == [0, 0, 0]
    (path,) = viterbi(np.zeros((1, 3, 4)), np.array([3]), np.zeros((4, 4)), np.zeros(4), np.zeros(4))
    assert path.tolist() == [0, 0, 0]


def test_what_is_after_a_row_does_not_count() -> None:
    rng = np.random.default_rng(1)
    e, A, edge = rng.normal(size=(2, 6, 3)), rng.normal(size=(3, 3)), np.zeros(3)
    e[0, 2:] = 1e9
    (one, _), (alone,) = viterbi(e, np.array([2, 6]), A, edge, edge), viterbi(e[:1, :2], np.array([2]), A, edge, edge)
    assert one.tolist() == alone.tolist()
    assert viterbi(np.zeros((0, 0, 3)), np.zeros(0, int), A, edge, edge) == []
