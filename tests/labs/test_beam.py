"""The lab beam: its exhaustive search is that of a plain enumeration of all sequences, scored one by one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from elman.labs.beam import END, EXAMPLE, HIDDEN, SYMBOLS, VOCABULARY, exhaustive, random_step


@pytest.mark.parametrize("penalty", [0.0, 0.75, 1.0])
def test_the_exhaustive_search_finds_what_an_enumeration_finds(penalty: float) -> None:
    step, longest = random_step(3), 3
    state = {"h": np.random.default_rng(0).normal(size=(1, HIDDEN))}

    def log_probability(sequence: tuple[int, ...]) -> float:
        total, current, token = 0.0, state, 0
        for symbol in sequence:
            log_p, current = step(np.array([token]), current, {})
            total, token = total + float(log_p[0, symbol]), symbol
        return total

    letters = range(1, VOCABULARY)
    ended = [(*y, 0) for n in range(longest) for y in itertools.product(letters, repeat=n)]
    cut = list(itertools.product(letters, repeat=longest))
    best = max([*ended, *cut], key=lambda sequence: log_probability(sequence) / len(sequence) ** penalty)
    found, log_p = exhaustive(step, state, start=0, end=0, longest=longest, penalty=penalty)
    assert found == tuple(token for token in best if token)
    assert abs(log_p - log_probability(best)) < 1e-12


def test_the_probabilities_of_the_example_sum_to_one() -> None:
    assert SYMBOLS[END] == "end"
    for prefix, p in EXAMPLE.items():
        assert abs(sum(p) - 1.0) < 1e-12, prefix
