"""The parts of the lab adder-long: sums and carries by their definitions, and the unit that holds the carry."""

from __future__ import annotations

import numpy as np

from elman.labs.adder_long import find_carry_unit
from elman.labs.digits import add, carries, random_digits


def test_sums_and_carries_follow_the_rule_of_written_addition() -> None:
    x = random_digits(np.random.default_rng(0), 50, 21)
    carry = np.zeros(50)
    for t in range(22):
        total = x[:, t].sum(axis=1) + carry
        carry = total // 2.0
        assert (add(x)[:, t] == total % 2.0).all()
        assert (carries(x)[:, t] == (carry == 1.0)).all()


def test_the_carry_unit_has_the_widest_gap_in_either_direction() -> None:
    carry = np.array([True, True, False, False])
    states = np.array([[1.0, 0.1, 0.6], [0.9999, 0.2, 0.4], [0.99, 0.9, 0.5], [0.98, 0.8, 0.5]])
    unit, inverted, threshold = find_carry_unit(states, carry)
    assert (unit, inverted) == (1, True)
    assert abs(threshold - 0.5) < 1e-12  # of 1 - value: at least 0.8 with a carry, at most 0.2 without
