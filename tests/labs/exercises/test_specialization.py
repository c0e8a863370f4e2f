"""The source of functions after replacements: what can no longer happen is removed, and the rest computes the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from elman.cells.activations import Array, sigmoid
from elman.labs.exercises.solutions import derivative
from elman.labs.exercises.specialization import source_of, specialized, statements


def example(x: Array, mask: Any = None, *, reverse: bool = False) -> tuple[Array, Array]:
    """Return something."""
    y: Array = x if mask is None else x[mask]
    if reverse and mask is not None:
        y = y[::-1]
    elif mask is not None or not reverse:
        y = y + 1.0
    else:
        y = y - 1.0
    for t in range(len(y)):
        if mask is not None:
            y[t] = 0.0
    return y, x


def test_conditions_with_a_known_value_are_removed() -> None:
    lines = specialized(example, {"mask is None": "True", "mask is not None": "False", "reverse": "True"})
    assert lines == "y = x\ny = y - 1.0\nfor t in range(len(y)):\n    pass\nreturn y, x"
    lines = specialized(example, {"mask": "None", "reverse": "False"})
    assert lines.startswith("y = x\ny = y + 1.0\n")
    lines = specialized(example, {"reverse": "True"})
    assert "if mask is not None:\n    y = y[::-1]\nelif mask is not None:\n    y = y + 1.0\nelse:" in lines


def test_statements_are_replaced_and_removed() -> None:
    loop = "for t in range(len(y)):\n    if mask is not None:\n        y[t] = 0.0"
    lines = specialized(example, {loop: "", "return y, x": "return y"})
    assert lines.endswith("y = y - 1.0\nreturn y")
    assert statements(example, "y", {"x": "z"}).splitlines()[-1] == "y = y - 1.0"


def test_a_replacement_that_is_not_in_the_source_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"example has no \['missing'\]; expected them in its source"):
        specialized(example, {"missing": "1"})
    with pytest.raises(ValueError, match="example does not assign missing"):
        statements(example, "missing")


def test_the_source_of_a_function_computes_the_same() -> None:
    namespace: dict[str, Any] = {"np": np}
    exec(source_of(sigmoid, "renamed"), namespace)
    x = np.linspace(-5, 5, 11)
    assert (namespace["renamed"](x) == sigmoid(x)).all()
    assert "Array" not in source_of(sigmoid)


@pytest.mark.parametrize(("activation", "expected"), [("tanh", "1.0 - h * h"), ("sigmoid", "h * (1.0 - h)")])
def test_the_derivative_of_an_activation_is_read_from_its_table(activation: str, expected: str) -> None:
    assert derivative(activation, "h") == expected
    with pytest.raises(ValueError, match="activations has no 'softsign'"):
        derivative("softsign", "h")
