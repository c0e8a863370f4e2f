"""A sequence of a gated cell, step by step: what the student's `backward` gets at each step, and what it must return.

At each step the loss is taken as the sum of h' * d_h' (and of c' * d_c'), whose derivatives are those of any loss with
the derivatives d_h' and d_c'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from elman.cells.activations import Array
from elman.cells.cell import PlainCell, State
from elman.labs.lab import Text

from .comparing import Expected, numbers, split_results
from .exercise import StudentError
from .oracles import Arrays, by_differences, random_arrays

B, T, H = 2, 4, 3


@dataclass(frozen=True, slots=True)
class Step:
    """One step: the products, the state before, the tape, and the derivative with respect to the state after."""

    a: Array
    u: Array
    state: State
    state_next: State
    tape: tuple[Array, ...]
    d_state_next: State

    def gradients(self, cell: PlainCell) -> Arrays:
        """Return the derivatives with respect to a, u and the state, by elman.cells."""
        d_a, d_u, d_state = cell.backward(self.d_state_next, self.tape)
        return {"a": d_a, "u": d_u, **dict(zip(cell.states, d_state, strict=True))}

    def differences(self, cell: PlainCell) -> Arrays:
        """Return the same by finite differences; for the state, the paths that do not go through u."""
        arrays = {"a": self.a, "u": self.u, **dict(zip(cell.states, self.state, strict=True))}
        arrays = {name: array.copy() for name, array in arrays.items()}

        def loss() -> float:
            state_next, _ = cell.forward(arrays["a"], arrays["u"], tuple(arrays[name] for name in cell.states))
            return float(sum((s * d).sum() for s, d in zip(state_next, self.d_state_next, strict=True)))

        return by_differences(loss, arrays)


def random_steps(cell: PlainCell) -> list[Step]:
    """Return a sequence of T steps with random weights and a random loss of every output."""
    G = cell.gates * H
    p = random_arrays({"a": (T, B, G), "U": (G, H), "b": (G,), "state": (len(cell.states), B, H), "d_h": (T, B, H)})
    forward, state = [], tuple(p["state"])
    for a in p["a"]:
        u = state[0] @ p["U"].T + p["b"]
        state_next, tape = cell.forward(a, u, state)
        forward.append((a, u, state, state_next, tape))
        state = state_next
    d_state: State = tuple(np.zeros((B, H)) for _ in cell.states)
    steps: list[Step] = []
    for t in reversed(range(T)):
        d_state = (d_state[0] + p["d_h"][t], *d_state[1:])
        steps.insert(0, Step(*forward[t], d_state))
        _, d_u, d_state = cell.backward(d_state, forward[t][-1])
        d_state = (d_state[0] + d_u @ p["U"], *d_state[1:])
    return steps


def of_all_steps(steps: Sequence[Arrays]) -> Arrays:
    """Return the arrays of the steps, stacked."""
    return {name: np.stack([step[name] for step in steps]) for name in steps[0]}


def stacked_results(names: Sequence[str], returned: Sequence[Any], shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    """Return what the student's function returned at steps 1 ... T, stacked; StudentError for a wrong shape."""
    rows = []
    for t, values in enumerate(returned, start=1):
        row = []
        for name, value, shape in zip(names, split_results(names, values), shapes, strict=True):
            array = numbers(value, shape)
            if isinstance(array, Text) or array.shape != shape:
                problem = Expected(np.zeros(shape)).problem(name, value) or Text("", "")
                raise StudentError(Text(f"step {t}: {problem.en}", f"第 {t} 步：{problem.zh}"))
            row.append(array)
        rows.append(row)
    return [np.stack(column) for column in zip(*rows, strict=True)]
