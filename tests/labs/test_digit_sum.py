"""The examples of digit-sum, and what training keeps."""

from __future__ import annotations

import numpy as np
import pytest

from elman.labs.digit_sum import FITTED, accuracy, create_examples, create_network, train
from elman.labs.initial_weights import create_initial_network


@pytest.mark.parametrize(("length", "copies"), [(10, 3), (35, 20)])
def test_every_pair_of_digits_is_there_and_one_later_digit_is_replaced(length: int, copies: int) -> None:
    digits, sums = create_examples(length, copies, np.random.default_rng(0))
    assert digits.shape == (100 * copies, length)
    assert (digits[:, 0] + digits[:, 1] == sums).all()
    assert sorted(map(tuple, digits[:, :2])) == sorted(copies * [(a, b) for a in range(10) for b in range(10)])
    assert ((digits[:, 2:] != 0).sum(axis=1) <= 1).all()
    replaced = np.unique(digits[:, 2:].nonzero()[1])
    assert (replaced == np.arange(length - 2)).all(), "at every later position"
    assert set(digits[:, 2:].ravel()) == set(range(10))


def test_training_keeps_the_parameters_of_the_best_validation_accuracy() -> None:
    network, length, seed = create_network("elman", 0), 5, 3
    training = train(network, length, seed, epochs=25)
    rng = np.random.default_rng(seed)
    _, validation, test = (create_examples(length, copies, rng) for copies in (3, 1, 1))
    assert accuracy(network, *validation) == training.validation
    assert accuracy(network, *test) == training.test
    assert training.losses[-1] < 0.7 * training.losses[0]
    assert len(training.losses) == 25


def test_training_stops_once_the_training_set_is_learned() -> None:
    training = train(create_initial_network("glorot", 0), 3, 0, epochs=400)
    assert len(training.losses) < 400
    assert training.losses[-1] <= FITTED < min(training.losses[:-1])


def test_initial_weights_are_zero_or_within_the_bound_of_glorot() -> None:
    zero, glorot = create_initial_network("zero", 0), create_initial_network("glorot", 0)
    assert not any(array.any() for name, array in zero.p.items() if name.startswith(("weight", "bias")))
    assert zero.p["E"].any()
    assert zero.p["V"].any()
    assert not glorot.p["bias_hh_l0"].any()
    largest = np.abs(glorot.p["weight_hh_l0"]).max()
    assert 0.95 * np.sqrt(6 / 64) < largest <= np.sqrt(6 / 64) + 1e-7
