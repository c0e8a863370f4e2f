"""Attribution: how much each token contributes to a score F of a model, for example the log probability of a label.

    gradient_x_input       s_t = x_t . dF/dx_t
    integrated_gradients   s_t = x_t . mean over alpha in (0, 1) of dF/dx_t at alpha x
    leave_one_out          s_t = F(x) - F(x with x_t = 0)

x (T, I) are the inputs of the bottom recurrent layer, such as rows of the embedding; the baseline is zero, which is the
embedding of `<unk>` before the training. The scores of integrated gradients sum to F(x) - F(0) (completeness); the
integral is a sum of INTEGRATION_STEPS midpoints. A positive score says that the token raises F. Everything is computed
in float64.

Sources, in this order: Ancona et al. (2018), table 1; Sundararajan, Taly and Yan (2017), equation 1; Li, Monroe and
Jurafsky (2016), section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.cells import LayerParameters, unroll
from elman.errors import ConfigError

from .stack import Stack

Array = npt.NDArray[Any]
Head = Callable[[Array], tuple[float, Array]]  # outputs (T, N) of the layers -> F and dF/d outputs (T, N)

INTEGRATION_STEPS = 64
MAX_STEPS_AT_ONCE = 8192  # rows times time steps, whose intermediate results are in memory together


@dataclass(frozen=True, slots=True)
class Attribution:
    """The scores (T,) of the tokens, F of the input, and F of the baseline."""

    scores: Array
    value: float
    baseline: float


def traced_attribution(
    stack: Stack, x: Array, head: Head, method: str, of: str, **more: Any
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return an attribution as arrays and facts of a trace, with more facts; `of` says what F is."""
    result = attribute(stack, x, head, method)
    facts = {"method": method, "of": of, "value": result.value, "baseline": result.baseline, **more}
    return {"attribution": result.scores}, {"attribution": facts}


def attribute(stack: Stack, x: Array, head: Head, method: str) -> Attribution:
    """Return the attribution of inputs x (T, I) by one of METHODS; another method is a ConfigError."""
    if method not in METHODS:
        raise ConfigError(f"attribution: given {method!r}; expected {', '.join(METHODS)}")
    network = _Network(stack, head)
    x = x.astype(np.float64)
    value, baseline = network.values(np.stack([x, np.zeros_like(x)]))
    return Attribution(METHODS[method](network, x), float(value), float(baseline))


def token_index(position: int | None, least: int, count: int) -> int:
    """Return the index of the token that F is about, from its position: 1 is the first token, None the last.

    A position below `least` or above the count is a ConfigError.
    """
    if count < least:
        raise ConfigError(f"a text of {count} token; expected two or more, of which the last has a probability")
    position = count if position is None else position
    if not least <= position <= count:
        raise ConfigError(f"position: given {position}; expected {least} to {count}")
    return position - 1


class _Network:
    """The layers and the head in float64, for rows (B, T, I) of inputs."""

    def __init__(self, stack: Stack, head: Head) -> None:
        self._cell, self._head = stack.cell, head
        self._params = [[_in_float64(p) for p in layer] for layer in stack.parameters]

    def values(self, x: Array) -> Array:
        """Return F (B,)."""
        parts = [unroll.run(self._cell, self._params, rows)[0] for rows in _parts(x)]
        return np.array([self._head(outputs)[0] for part in parts for outputs in part])

    def gradients(self, x: Array) -> Array:
        """Return dF/dx (B, T, I)."""
        gradients = []
        for rows in _parts(x):
            outputs, _, tape = unroll.forward(self._cell, self._params, rows)
            d_outputs = np.stack([self._head(row)[1] for row in outputs])
            gradients.append(unroll.backward(tape, d_outputs).x)
        return np.concatenate(gradients)


def _parts(x: Array) -> Iterator[Array]:
    rows = max(1, MAX_STEPS_AT_ONCE // x.shape[1])
    for first in range(0, len(x), rows):
        yield x[first : first + rows]


def _in_float64(p: LayerParameters) -> LayerParameters:
    arrays = {name: array.astype(np.float64) for name, array in p.arrays().items()}
    return LayerParameters.from_arrays(arrays, p.hidden_size)


def _gradient_x_input(network: _Network, x: Array) -> Array:
    return np.asarray((x * network.gradients(x[None])[0]).sum(1))


def _integrated_gradients(network: _Network, x: Array) -> Array:
    alpha = (np.arange(INTEGRATION_STEPS) + 0.5) / INTEGRATION_STEPS
    return np.asarray((x * network.gradients(alpha[:, None, None] * x).mean(0)).sum(1))


def _leave_one_out(network: _Network, x: Array) -> Array:
    without = np.where(np.eye(len(x), dtype=bool)[:, :, None], 0.0, x)
    return np.asarray(network.values(x[None]) - network.values(without))


METHODS: dict[str, Callable[[_Network, Array], Array]] = {
    "gradient_x_input": _gradient_x_input,
    "integrated_gradients": _integrated_gradients,
    "leave_one_out": _leave_one_out,
}
