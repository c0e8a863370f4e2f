"""The exercise gru: one step of the gated recurrent unit, forward and backward."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from elman.cells import GRU
from elman.cells.activations import Array, sigmoid
from elman.labs.lab import Text

from . import solutions
from .comparing import Expected, compared, compared_gates, is_close
from .exercise import Call, Exercise, Function, Result
from .gated_steps import B, H, Step, of_all_steps, random_steps, stacked_results

GATES = "rzn"
CELL = GRU()
FORWARD = ("r", "z", "n", "h_next")


def gates(a: Array, u: Array, h: Array, order: str = GATES) -> dict[str, Array]:
    """Return the gates and h', reading the blocks of a and u in an order."""
    a_of, u_of = (dict(zip(order, np.split(array, 3, axis=-1), strict=True)) for array in (a, u))
    r, z = sigmoid(a_of["r"] + u_of["r"]), sigmoid(a_of["z"] + u_of["z"])
    n = np.tanh(a_of["n"] + r * u_of["n"])
    return {"r": r, "z": z, "n": n, "h_next": (1 - z) * n + z * h}


def known_forward_mistakes(step: Step) -> dict[Text, dict[str, Array]]:
    """Return what known mistakes give."""
    (h,), right = step.state, gates(step.a, step.u, step.state[0])
    a_n, u_n = step.a[..., 2 * H :], step.u[..., 2 * H :]
    r, z, n = (right[gate] for gate in GATES)
    without_r, r_of_all = np.tanh(a_n + u_n), np.tanh(r * (a_n + u_n))
    mistakes = {
        Text("z and 1 - z are exchanged", "z 与 1 - z 用反了"): right | {"h_next": z * n + (1 - z) * h},
        Text("the reset gate r is missing", "漏掉了重置门 r"): right
        | {"n": without_r, "h_next": (1 - z) * without_r + z * h},
        Text("r multiplies a_n, too; expected r * u_n only", "r 也乘到了 a_n 上，应当只有 r * u_n"): (
            right | {"n": r_of_all, "h_next": (1 - z) * r_of_all + z * h}
        ),
    }
    for order in itertools.permutations(GATES):
        listed = ", ".join(order)
        cause = Text(
            f"the gates are read in the order {listed}; expected r, z, n", f"各门按 {listed} 的顺序读取，应为 r, z, n"
        )
        mistakes[cause] = gates(step.a, step.u, h, "".join(order))
    return mistakes


def check_forward(call: Call) -> Iterator[Result]:
    """Check one step forward."""
    step = random_steps(CELL)[0]
    r, z, n, _, _ = step.tape
    mistakes = known_forward_mistakes(step)
    expected = [
        Expected(value, causes={cause: values[name] for cause, values in mistakes.items()})
        for name, value in zip(FORWARD, (r, z, n, step.state_next[0]), strict=True)
    ]
    yield from compared(FORWARD, call(step.a, step.u, step.state[0]), expected)


def gradients(d_r: Array, d_z: Array, d_n: Array, d_h: Array, r: Array) -> dict[str, Array]:
    """Return the results of backward."""
    return {"a": np.concatenate([d_r, d_z, d_n], -1), "u": np.concatenate([d_r, d_z, d_n * r], -1), "h": d_h}


def known_mistakes(d: Array, r: Array, z: Array, n: Array, u_n: Array, h: Array) -> dict[Text, dict[str, Array]]:
    """Return what known mistakes give; d is the derivative with respect to h'."""
    d_z, d_n = d * (h - n) * z * (1 - z), d * (1 - z) * (1 - n**2)
    d_r = d_n * u_n * r * (1 - r)
    right, zero = gradients(d_r, d_z, d_n, d * z, r), np.zeros_like(d)
    return {
        Text("d_h_next * z, the direct path from h to h', is missing", "漏掉了从 h 直接到 h' 的路径 d_h_next * z"): (
            right | {"h": zero}
        ),
        Text("the factor z is missing", "漏掉了因子 z"): right | {"h": d},
        Text("1 - z in place of z", "用了 1 - z，应为 z"): right | {"h": d * (1 - z)},
        Text("n - h in place of h - n", "用了 n - h，应为 h - n"): gradients(d_r, -d_z, d_n, d * z, r),
        Text("the path from z to h' through z * h is missing", "漏掉了 z 经 z * h 到 h' 的路径"): (
            gradients(d_r, -d * n * z * (1 - z), d_n, d * z, r)
        ),
        Text("the path from z to h' through (1 - z) * n is missing", "漏掉了 z 经 (1 - z) * n 到 h' 的路径"): (
            gradients(d_r, d * h * z * (1 - z), d_n, d * z, r)
        ),
        Text("the factor r is missing in d_u", "d_u 中漏掉了因子 r"): right | {"u": right["a"]},
        Text("the factor r belongs to d_u only", "因子 r 只应出现在 d_u 中"): right | {"a": right["u"]},
        Text("the factor u_n is missing", "漏掉了因子 u_n"): gradients(d_n * r * (1 - r), d_z, d_n, d * z, r),
        Text("the derivative of the gate's sigmoid or tanh is missing", "漏掉了门的 sigmoid 或 tanh 的导数"): (
            gradients(d_n * u_n, d * (h - n), d * (1 - z), d * z, r)
        ),
        Text("n (1 - n) in place of 1 - n^2: n is a tanh", "用了 n (1 - n)，应为 1 - n^2，因为 n 是 tanh"): (
            gradients(d_r, d_z, d * (1 - z) * n * (1 - n), d * z, r)
        ),
        Text("z in place of 1 - z", "用了 z，应为 1 - z"): gradients(d_r, d_z, d * z * (1 - n**2), d * z, r),
    }


def check_backward(call: Call) -> Iterator[Result]:
    """Check the derivatives at each step of a sequence, from the last one."""
    steps = random_steps(CELL)
    by_cells = of_all_steps([step.gradients(CELL) for step in steps])
    measured = of_all_steps([step.differences(CELL) for step in steps])
    arguments = [(step.d_state_next[0], *step.tape) for step in steps]
    returned = [call(*values) for values in reversed(arguments)][::-1]
    d_a, d_u, d_h = stacked_results(["d_a", "d_u", "d_h"], returned, [(B, 3 * H), (B, 3 * H), (B, H)])
    mistakes = known_mistakes(*(np.stack(column) for column in zip(*arguments, strict=True)))
    expected = {
        name: Expected(by_cells[name], measured[name], 0, True, {cause: all_[name] for cause, all_ in mistakes.items()})
        for name in "auh"
    }
    yield from compared_gates(GATES, d_a, expected["a"])
    own = d_a[..., : 2 * H]
    same = is_close(
        d_u[..., : 2 * H], own
    )  # d_u differs from d_a in the block of n; a mistake in the others counts once
    for array in (expected["u"].value, measured["u"], *(wrong["u"] for wrong in mistakes.values())):
        array[..., : 2 * H] = own if same else array[..., : 2 * H]
    yield from compared(["d_u"], d_u, [expected["u"]])
    yield from compared(["d_h"], d_h, [expected["h"]])


EXERCISE = Exercise(
    name="gru",
    title=Text("Gated recurrent unit: one step, forward and backward", "门控循环单元（GRU）：一步的前向计算与梯度"),
    text=Text(
        "a = W x + b and u = U h + c are the products of all gates, computed before: (B, 3H), the gates stacked in "
        "the order r, z, n. The reset gate is applied after the product, as in torch.nn.GRU. `sigmoid` is given.",
        "a = W x + b 与 u = U h + c 是所有门的乘积，已经算好，形状为 (B, 3H)，各门按 r、z、n 的顺序排列。"
        "与 torch.nn.GRU 一样，重置门作用在乘积之后。`sigmoid` 已经给出。",
    ),
    functions=(
        Function(
            "forward(a, u, h)",
            Text(
                "Return the gates and the next state. The batch is the first axis: a is x @ W.T + b, and a_r is "
                "a[:, :H].",
                "返回各门与下一个隐状态。第一个轴是批次：a 是 x @ W.T + b，a_r 是 a[:, :H]。",
            ),
            """
            r = sigmoid(a_r + u_r)      z = sigmoid(a_z + u_z)      n = tanh(a_n + r * u_n)
            h' = (1 - z) * n + z * h

            a, u (B, 3H), h (B, H)  ->  r, z, n, h' (B, H)
            """,
            FORWARD,
            check_forward,
            solutions.gru_forward,
        ),
        Function(
            "backward(d_h_next, r, z, n, u_n, h)",
            Text(
                "Return the derivatives of one step. d_h holds the path from h to h' that does not go through u. "
                "Derive the formulas from the equations of `forward`.",
                "返回一步的梯度。d_h 只含从 h 到 h' 且不经过 u 的路径。请由 `forward` 的公式推导。",
            ),
            """
            d_a = dL/da = [d_r, d_z, d_n]       d_u = dL/du

            d_h_next, r, z, n, u_n, h (B, H)  ->  d_a (B, 3H), d_u (B, 3H), d_h (B, H)
            """,
            ("d_r", "d_z", "d_n", "d_u", "d_h"),
            check_backward,
            solutions.gru_backward,
        ),
    ),
    given=solutions.sigmoid,
)
