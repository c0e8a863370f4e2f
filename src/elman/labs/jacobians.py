"""The derivative of the last state of a recurrent layer with respect to its first one, computed in three ways.

A Jacobian of a sequence is a matrix: a row for each entry of the last state, a column for each of the first. With two
states, h and c, it has four blocks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from elman.cells import LayerParameters, unroll
from elman.cells.activations import Array
from elman.cells.gradcheck import relative_error

from .lab import Report, Text
from .pictures import geometric_mean

H = 16
STEPS = 50
SHOWN = (1, 10, 25, 50)
SHOWN_AT = np.subtract(SHOWN, 1)  # their places in an array of k = 1 ... STEPS
SEEDS = 10
Cells = dict[
    str, tuple[Any, Any, float | None]
]  # name: cell, Jacobian of a step, bias of the gate that keeps the state


def random_layer(rng: np.random.Generator, gates: int, bias: float | None) -> LayerParameters:
    """Return weights between -1/sqrt(H) and 1/sqrt(H), and biases of 0 but for the second gate: f or z."""
    W, U = (rng.uniform(-1, 1, (gates * H, size)) / np.sqrt(H) for size in (2, H))
    b = np.zeros((gates, H))
    if bias is not None:
        b[1] = bias
    return LayerParameters(W, U, b.ravel(), np.zeros(gates * H))


def analytic(cell: Any, jacobian: Any, p: LayerParameters, x: Array) -> tuple[list[Array], list[Array]]:
    """Return the products of the first k Jacobians, and of their direct parts, for k = 1 ... T."""
    state: unroll.StackState = unroll.zero_state(cell, [[p]], 1)
    full: list[Array] = [np.eye(p.hidden_size * len(cell.states))]
    direct: list[Array] = [np.eye(p.hidden_size)]
    for t in range(len(x)):
        J, D = jacobian(p, x[t], *(s[0] for s in state[0][0]))
        full.append(J @ full[-1])
        direct.append(D @ direct[-1])
        _, state = unroll.run(cell, [[p]], x[None, t : t + 1], state)
    return full[1:], direct[1:]


def by_backward(cell: Any, p: LayerParameters, x: Array) -> Array:
    """Return the Jacobian of the last state by elman.cells: one row of the batch for each entry of the last state."""
    size = p.hidden_size * len(cell.states)
    _, _, tape = unroll.forward(cell, [[p]], np.repeat(x[None], size, axis=0))
    d_state = tuple(np.split(np.eye(size), len(cell.states), axis=1))
    return np.concatenate(
        unroll.backward(tape, np.zeros((size, len(x), p.hidden_size)), ((d_state,),)).state[0][0], axis=1
    )


def by_differences(cell: Any, p: LayerParameters, x: Array, epsilon: float = 1e-5) -> Array:
    """Return the same by finite differences: one row of the batch for each changed entry of the first state."""
    size = p.hidden_size * len(cell.states)
    ends = []
    for sign in (1.0, -1.0):
        start = tuple(np.split(sign * epsilon * np.eye(size), len(cell.states), axis=1))
        _, state = unroll.run(cell, [[p]], np.repeat(x[None], size, axis=0), ((start,),))
        ends.append(np.concatenate(state[0][0], axis=1))
    return np.asarray((ends[0] - ends[1]).T / (2 * epsilon))


def measure(cells: Cells, seeds: range) -> tuple[dict[str, Array], dict[str, tuple[float, float]]]:
    """Return the norms (2, seeds, steps) of each cell, and the largest errors of its Jacobians.

    The norms are those of the gradient and of its direct part; the errors are relative ones, against elman.cells and
    against finite differences.
    """
    norms: dict[str, Array] = {name: np.empty((2, len(seeds), STEPS)) for name in cells}
    errors = {}
    for name, (cell, jacobian, bias) in cells.items():
        backward_errors, difference_errors = [], []
        for row, seed in enumerate(seeds):
            rng = np.random.default_rng(seed)
            p = random_layer(rng, cell.gates, bias)
            x = rng.normal(size=(STEPS, 2))
            full, direct = analytic(cell, jacobian, p, x)
            norms[name][:, row] = [np.linalg.norm(product, 2, axis=(1, 2)) for product in (full, direct)]
            backward_errors += [relative_error(full[k - 1], by_backward(cell, p, x[:k])) for k in SHOWN]
            # for larger k, the gradient of a closed gate is too small for finite differences
            difference_errors += [relative_error(full[k - 1], by_differences(cell, p, x[:k])) for k in (1, 10)]
        errors[name] = (max(backward_errors), max(difference_errors))
    return norms, errors


def compare(report: Report, cells: Cells) -> dict[str, Array]:
    """Claim that the Jacobians are those that are measured; show and return the norms (2, seeds, steps)."""
    seeds = report.seeds(SEEDS)
    norms, errors = measure(cells, seeds)
    for name, (against_cells, against_differences) in errors.items():
        claim = Text(f"{name}: relative error against elman.cells", f"{name}：与 elman.cells 的相对误差")
        report.at_most(claim, against_cells, 1e-12)
        claim = Text(f"{name}: against finite differences, k = 1, 10", f"{name}：与有限差分的相对误差，k = 1、10")
        report.at_most(claim, against_differences, 1e-8)
    report.say(
        en=f"\nThe norm (largest singular value) of the gradient over k steps, geometric mean of {len(seeds)} seeds.\n"
        "The last columns are for k = 50; the direct part goes straight from state to state, by factors of 1, f or z.",
        zh=f"\nk 步梯度的范数（最大奇异值）：{len(seeds)} 个随机种子的几何平均。\n"
        "后三列对应 k = 50；直接部分是从状态直接传到状态的部分，即 1、f 或 z 的连乘。",
    )
    last_columns = [Text("smallest", "最小"), Text("largest", "最大"), Text("direct part", "直接部分")]
    report.table(
        ["", *(f"k = {k}" for k in SHOWN), *last_columns],
        [
            (name, *geometric_mean(full)[SHOWN_AT], full[:, -1].min(), full[:, -1].max(), geometric_mean(direct)[-1])
            for name, (full, direct) in norms.items()
        ],
    )
    return norms
