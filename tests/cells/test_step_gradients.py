"""The derivatives of every step that unroll.backward returns on request, against those of a divided sequence."""

from __future__ import annotations

import numpy as np
import pytest

from elman.cells import unroll

from .problems import CELL_NAMES, random_problem


@pytest.mark.parametrize("name", CELL_NAMES)
def test_the_derivative_of_a_state_is_that_of_the_first_state_of_the_rest(name: str) -> None:
    """Divided after step t, the rest of the sequence begins with that state, which is also the output of step t."""
    p, t = random_problem(name, (3,)), 2
    _, _, tape = unroll.forward(p.cell, p.params, p.x, p.state)
    whole = unroll.backward(tape, p.d_outputs, p.d_state, with_steps=True)
    assert whole.steps is not None
    _, between, _ = unroll.forward(p.cell, p.params, p.x[:, : t + 1], p.state)
    _, _, rest = unroll.forward(p.cell, p.params, p.x[:, t + 1 :], between)
    ((d_between,),) = unroll.backward(rest, p.d_outputs[:, t + 1 :], p.d_state).state
    (steps,) = whole.steps[0]
    for number, (d_after, expected) in enumerate(zip(steps.states, d_between, strict=True)):
        direct = p.d_outputs[:, t] if number == 0 else 0.0
        np.testing.assert_allclose(d_after[:, t], expected + direct, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("num_directions", [1, 2])
def test_the_derivatives_of_steps_sum_to_those_of_biases(num_directions: int) -> None:
    p = random_problem("gru", num_directions=num_directions, lengths=[5, 0, 1, 3])
    _, _, tape = unroll.forward(p.cell, p.params, p.x, p.state, p.lengths)
    gradients = unroll.backward(tape, p.d_outputs, p.d_state, with_steps=True)
    assert gradients.steps is not None
    for layer, d_layer in zip(gradients.steps, gradients.params, strict=True):
        for steps, parameters in zip(layer, d_layer, strict=True):
            assert parameters.b_ih is not None
            assert parameters.b_hh is not None
            np.testing.assert_allclose(steps.a.sum((0, 1)), parameters.b_ih, rtol=1e-12)
            np.testing.assert_allclose(steps.u.sum((0, 1)), parameters.b_hh, rtol=1e-12)
            assert not steps.states[0][1].any()  # the row without steps
    assert unroll.backward(tape, p.d_outputs).steps is None
