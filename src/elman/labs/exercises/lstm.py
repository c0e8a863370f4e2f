"""The exercise lstm: one step of the long short-term memory, forward and backward."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from elman.cells import LSTM
from elman.cells.activations import Array, sigmoid
from elman.labs.lab import Text

from . import solutions
from .comparing import Expected, compared, compared_gates
from .exercise import Call, Exercise, Function, Result
from .gated_steps import B, H, of_all_steps, random_steps, stacked_results

GATES = "ifgo"
CELL = LSTM()


def known_forward_mistakes(s: Array, c: Array) -> dict[Text, tuple[Array, Array]]:
    """Return the h' and c' of known mistakes, from the sums s of all gates."""
    blocks = np.split(s, 4, axis=-1)
    i, f, g, o = (sigmoid(blocks[0]), sigmoid(blocks[1]), np.tanh(blocks[2]), sigmoid(blocks[3]))
    c_next, c_sigmoid = f * c + i * g, f * c + i * sigmoid(blocks[2])
    mistakes: dict[Text, tuple[Array, Array]] = {
        Text("tanh is missing in h' = o * tanh(c')", "h' = o * tanh(c') 漏掉了 tanh"): (o * c_next, c_next),
        Text("a sigmoid in place of tanh for the candidate g", "候选值 g 用了 sigmoid，应为 tanh"): (
            o * np.tanh(c_sigmoid),
            c_sigmoid,
        ),
        Text("1 - i in place of the forget gate f", "用了 1 - i，应为遗忘门 f"): (
            o * np.tanh((1 - i) * c + i * g),
            (1 - i) * c + i * g,
        ),
    }
    for order in itertools.permutations(range(4)):
        by_gate = dict(zip((GATES[k] for k in order), blocks, strict=True))
        if "".join(by_gate) == GATES:
            continue
        i, f, o = (sigmoid(by_gate[gate]) for gate in "ifo")
        c_next = f * c + i * np.tanh(by_gate["g"])
        stacked = ", ".join(by_gate)
        cause = Text(
            f"the gates are read in the order {stacked}; expected i, f, g, o",
            f"各门按 {stacked} 的顺序读取，应为 i, f, g, o",
        )
        mistakes[cause] = (o * np.tanh(c_next), c_next)
    return mistakes


def check_forward(call: Call) -> Iterator[Result]:
    """Check one step forward."""
    step = random_steps(CELL)[0]
    mistakes = known_forward_mistakes(step.a + step.u, step.state[1])
    causes = [{cause: values[k] for cause, values in mistakes.items()} for k in range(2)]
    expected = [Expected(value, causes=causes[k]) for k, value in enumerate(step.state_next)]
    yield from compared(["h_next", "c_next"], call(step.a, step.u, step.state[1]), expected)


def gradients(d_o: Array, d_c_next: Array, i: Array, f: Array, g: Array, c: Array) -> tuple[Array, Array]:
    """Return d_a and d_c, from d_o and the whole derivative with respect to c'."""
    d_i, d_f, d_g = d_c_next * g * i * (1 - i), d_c_next * c * f * (1 - f), d_c_next * i * (1 - g**2)
    return np.concatenate([d_i, d_f, d_g, d_o], axis=-1), d_c_next * f


def known_mistakes(
    d_h: Array, d_c_next: Array, i: Array, f: Array, g: Array, o: Array, c: Array, c_next: Array
) -> dict[Text, tuple[Array, Array]]:
    """Return the d_a and d_c of known mistakes."""
    m = np.tanh(c_next)
    d_o, d_c = d_h * m * o * (1 - o), d_c_next + d_h * o * (1 - m**2)
    d_i, d_f, d_g = d_c * g, d_c * c, d_c * i  # before the derivatives of the gates' own functions
    bare = np.concatenate([d_i, d_f, d_g, d_h * m], axis=-1)
    swapped = (d_i * i * (1 - i), d_f * f * (1 - f), d_g * g * (1 - g), d_o)
    with_c_next = (d_i * i * (1 - i), d_c * c_next * f * (1 - f), d_g * (1 - g**2), d_h * c_next * o * (1 - o))
    return {
        Text("d_c_next, the derivative carried by the memory, is missing", "漏掉了由记忆元传来的 d_c_next"): gradients(
            d_o, d_h * o * (1 - m**2), i, f, g, c
        ),
        Text("the path from h' to c' is missing", "漏掉了从 h' 到 c' 的路径"): gradients(d_o, d_c_next, i, f, g, c),
        Text("the factor 1 - tanh(c')^2 is missing", "漏掉了因子 1 - tanh(c')^2"): (
            gradients(d_o, d_c_next + d_h * o, i, f, g, c)
        ),
        Text("the factor o is missing in the path from h' to c'", "从 h' 到 c' 的路径漏掉了因子 o"): (
            gradients(d_o, d_c_next + d_h * (1 - m**2), i, f, g, c)
        ),
        Text("the derivative of the gate's sigmoid or tanh is missing", "漏掉了门的 sigmoid 或 tanh 的导数"): (
            bare,
            d_c * f,
        ),
        Text("g (1 - g) in place of 1 - g^2: g is a tanh", "用了 g (1 - g)，应为 1 - g^2，因为 g 是 tanh"): (
            np.concatenate(swapped, axis=-1),
            d_c * f,
        ),
        Text("c' in place of c, or of tanh(c')", "误用了 c'，应为 c 或 tanh(c')"): (
            np.concatenate(with_c_next, axis=-1),
            d_c * f,
        ),
        Text("the factor f is missing", "漏掉了因子 f"): (gradients(d_o, d_c, i, f, g, c)[0], d_c),
    }


def check_backward(call: Call) -> Iterator[Result]:
    """Check the derivatives at each step of a sequence, from the last one."""
    steps = random_steps(CELL)
    by_cells = of_all_steps([step.gradients(CELL) for step in steps])
    measured = of_all_steps([step.differences(CELL) for step in steps])
    arguments = [(*step.d_state_next, *step.tape[:5], step.state_next[1]) for step in steps]
    returned = [call(*values) for values in reversed(arguments)][::-1]
    d_a, d_c = stacked_results(["d_a", "d_c"], returned, [(B, 4 * H), (B, H)])
    mistakes = known_mistakes(*(np.stack(column) for column in zip(*arguments, strict=True)))
    expected = [
        Expected(by_cells[name], measured[name], 0, True, {cause: both[k] for cause, both in mistakes.items()})
        for k, name in enumerate("ac")
    ]
    yield from compared_gates(GATES, d_a, expected[0])
    yield from compared(["d_c"], d_c, expected[1:])


EXERCISE = Exercise(
    name="lstm",
    title=Text(
        "Long short-term memory: one step, forward and backward", "长短期记忆网络（LSTM）：一步的前向计算与梯度"
    ),
    text=Text(
        "a = W x + b and u = U h + c are the products of all gates, computed before: (B, 4H), the gates stacked in "
        "the order i, f, g, o. The cell computes the next state from them. `sigmoid` is given.",
        "a = W x + b 与 u = U h + c 是所有门的乘积，已经算好，形状为 (B, 4H)，各门按 i、f、g、o 的顺序排列。"
        "循环单元由它们计算下一个状态。`sigmoid` 已经给出。",
    ),
    functions=(
        Function(
            "forward(a, u, c)",
            Text(
                "Return the next state and the next memory. The batch is the first axis: a is x @ W.T + b, and a_i is "
                "a[:, :H].",
                "返回下一个隐状态与下一个记忆元。第一个轴是批次：a 是 x @ W.T + b，a_i 是 a[:, :H]。",
            ),
            """
            i = sigmoid(a_i + u_i)      f = sigmoid(a_f + u_f)      g = tanh(a_g + u_g)      o = sigmoid(a_o + u_o)
            c' = f * c + i * g          h' = o * tanh(c')

            a, u (B, 4H), c (B, H)  ->  h' (B, H), c' (B, H)
            """,
            ("h_next", "c_next"),
            check_forward,
            solutions.lstm_forward,
        ),
        Function(
            "backward(d_h_next, d_c_next, i, f, g, o, c, c_next)",
            Text(
                "Return the derivatives of one step. d_c_next is what the next step carries back to c'; c' also acts "
                "on the loss through h'. Derive the formulas from the equations of `forward`.",
                "返回一步的梯度。d_c_next 是下一步传回 c' 的梯度；c' 还通过 h' 影响损失。请由 `forward` 的公式推导。",
            ),
            """
            d_a = [d_i, d_f, d_g, d_o]      d_i = dL/d(a_i + u_i), ...

            d_h_next, d_c_next, i, f, g, o, c, c_next (B, H)  ->  d_a (B, 4H), d_c (B, H)
            """,
            ("d_i", "d_f", "d_g", "d_o", "d_c"),
            check_backward,
            solutions.lstm_backward,
        ),
    ),
    given=solutions.sigmoid,
)
