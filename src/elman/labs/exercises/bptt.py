"""The exercise bptt: backpropagation through all steps of a simple recurrent network."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from elman.cells import readout
from elman.cells.activations import Array
from elman.labs.lab import Text

from . import solutions
from .comparing import Expected, compared
from .exercise import Call, Exercise, Function, Result
from .oracles import Arrays, RecurrentLayer, back, by_differences, random_arrays

B, T, I, H, O = 2, 4, 3, 5, 6  # noqa: E741 - batch, steps, inputs, hidden units, outputs
SHAPES = {"W": (H, I), "U": (H, H), "b": (H,), "x": (B, T, I), "h_0": (B, H), "d_outputs": (B, T, H)}
GRADIENTS = {"d_a": "a", "d_W": "W", "d_U": "U", "d_b": "b", "d_x": "x", "d_h_0": "h_0"}  # and names in oracles
FACTORS = {
    1 / B: Text("the mean over the batch; expected the sum", "对批次取了平均，应为求和"),
    1 / T: Text("the mean over the steps; expected the sum", "对时间步取了平均，应为求和"),
    1 / (B * T): Text("the mean over batch and steps; expected the sum", "对批次和时间步取了平均，应为求和"),
}
CARRY_MISSING = Text("the derivative carried from step t+1 to step t is missing", "漏掉了从第 t+1 步传到第 t 步的梯度")


def check_output_backward(call: Call) -> Iterator[Result]:
    """Check the derivatives of the output layer."""
    p = random_arrays({"h": (B, T, H), "V": (O, H), "c": (O,), "d_logits": (B, T, O)})

    def loss() -> float:
        return float((readout.forward(p["h"], p["V"], p["c"]) * p["d_logits"]).sum())

    measured = by_differences(loss, {name: p[name] for name in ("h", "V", "c")})
    last = Text("only the last step", "只计算了最后一步")
    last_step = readout.backward(p["d_logits"][:, -1:], p["h"][:, -1:], p["V"])
    by_cells = readout.backward(p["d_logits"], p["h"], p["V"])
    expected = [
        Expected(value, measured[name], steps=1 if name == "h" else None, causes={last: of_last}, factors=FACTORS)
        for name, value, of_last in zip(measured, by_cells, last_step, strict=True)
    ]
    yield from compared(["d_h", "d_V", "d_c"], call(p["d_logits"], p["h"], p["V"]), expected)


def gradients(p: Arrays, d_a: Array, h_prev: Array) -> Arrays:
    """Return all derivatives, from that with respect to the pre-activations."""
    return {
        "d_a": d_a,
        "d_W": np.einsum("bth,bti->hi", d_a, p["x"]),
        "d_U": np.einsum("bth,btk->hk", d_a, h_prev),
        "d_b": d_a.sum(axis=(0, 1)),
        "d_x": d_a @ p["W"],
        "d_h_0": d_a[:, 0] @ p["U"],
    }


def known_mistakes(p: Arrays, h: Array) -> dict[Text, Arrays]:
    """Return what known mistakes give."""
    U, d_outputs = p["U"], p["d_outputs"]
    h_prev = np.concatenate([p["h_0"][:, None], h[:, :-1]], axis=1)
    from_zero = np.concatenate([np.zeros_like(h[:, :1]), h[:, :-1]], axis=1)
    only_last = np.zeros_like(d_outputs)
    only_last[:, -1] = d_outputs[:, -1]

    def to_a(d_h: Array, t: int) -> Array:
        return np.asarray(d_h * (1 - h[:, t] ** 2))

    def to_h(d_a: Array, d_h: Array) -> Array:
        return np.asarray(d_a @ U)

    right = back(d_outputs, to_a, to_h)
    first, last = (gradients(p | {"x": p["x"][:, t]}, right[:, t], h_prev[:, t]) for t in (slice(1), slice(-1, None)))
    wrong_d_a = {
        CARRY_MISSING: back(d_outputs, to_a, lambda d_a, d_h: np.zeros_like(d_h)),
        Text("U in place of U^T in the step to h_(t-1)", "传到 h_(t-1) 时用了 U，应为 U^T"): (
            back(d_outputs, to_a, lambda d_a, d_h: d_a @ U.T)
        ),
        Text("the factor 1 - h_t^2 is missing", "漏掉了因子 1 - h_t^2"): back(d_outputs, lambda d_h, t: d_h, to_h),
        Text(
            "the factor 1 - h_t^2 is missing in what is carried to step t-1", "传到第 t-1 步的梯度漏掉了因子 1 - h_t^2"
        ): back(d_outputs, to_a, lambda d_a, d_h: d_h @ U),
        Text("1 - h_(t-1)^2 in place of 1 - h_t^2", "用了 1 - h_(t-1)^2，应为 1 - h_t^2"): (
            back(d_outputs, lambda d_h, t: d_h * (1 - h_prev[:, t] ** 2), to_h)
        ),
        Text(
            "only the loss of the last step counts; d_outputs of the others is not added",
            "只计入了最后一步的损失，没有加上其余各步的 d_outputs",
        ): back(only_last, to_a, to_h),
    }
    return {
        **{cause: gradients(p, d_a, h_prev) for cause, d_a in wrong_d_a.items()},
        Text("h_t in place of h_(t-1)", "用了 h_t，应为 h_(t-1)"): gradients(p, right, h),
        Text("zero in place of h_0 at step 1", "第 1 步用了零，应为 h_0"): gradients(p, right, from_zero),
        Text("only step 1 remains: use += to sum over the steps", "只剩下第 1 步：各步应当用 += 累加"): first,
        Text("only the last step", "只计算了最后一步"): last,
    }


def check_backward(call: Call) -> Iterator[Result]:
    """Check all derivatives by elman.cells and by finite differences."""
    p = random_arrays(SHAPES)
    layer = RecurrentLayer("tanh", p)
    h, by_cells, measured = layer.outputs(), layer.gradients(p["d_outputs"]), layer.differences(p["d_outputs"])
    mistakes = known_mistakes(p, h)
    expected = [
        Expected(
            by_cells[array],
            measured[array],
            steps=1 if array in ("a", "x") else None,
            backward=True,
            causes={cause: values[name] for cause, values in mistakes.items()},
            factors=FACTORS,
        )
        for name, array in GRADIENTS.items()
    ]
    yield from compared(list(GRADIENTS), call(p["W"], p["U"], p["x"], h, p["h_0"], p["d_outputs"]), expected)


EXERCISE = Exercise(
    name="bptt",
    title=Text("Backpropagation through time", "随时间反向传播（BPTT）"),
    text=Text(
        "The forward computation is given; write the gradients. `d_h` stands for the derivative of the loss with "
        "respect to h. The batch is the first axis of x and h and time the second, so W x_t is written "
        "x[:, t - 1] @ W.T, and W^T d_a is written d_a @ W. Compare your gradients with finite differences: "
        "`numerical_gradient` is given, too.",
        "前向计算已经给出，请写出梯度。`d_h` 表示损失对 h 的导数。x 与 h 的第一个轴是批次，第二个轴是时间，"
        "所以 W x_t 写作 x[:, t - 1] @ W.T，W^T d_a 写作 d_a @ W。"
        "可以用给出的 `numerical_gradient`（有限差分）检验自己的梯度。",
    ),
    functions=(
        Function(
            "output_backward(d_logits, h, V)",
            Text(
                "Return the derivatives of the output layer, logits = V h + c. Batch and time are the first two axes, "
                "so V h is written h @ V.T. Gradients of weights are summed over both.",
                "返回输出层 logits = V h + c 的梯度。前两个轴是批次与时间，所以 V h 写作 h @ V.T。"
                "权重的梯度对两者求和。",
            ),
            """
            d_h = V^T d_logits        d_V = sum d_logits h^T        d_c = sum d_logits

            d_logits (B, T, O), h (B, T, H), V (O, H)  ->  d_h (B, T, H), d_V (O, H), d_c (O,)
            """,
            ("d_h", "d_V", "d_c"),
            check_output_backward,
            solutions.output_backward,
        ),
        Function(
            "backward(W, U, x, h, h_0, d_outputs)",
            Text(
                "Return the derivatives through all steps. d_outputs holds what reaches each h_t from the output "
                "layer. h_t also acts on step t+1. Gradients of weights are summed over steps and batch. The batch "
                "is the first axis and time the second: x_t is x[:, t - 1], and W^T d_a_t is written d_a_t @ W.",
                "返回经过所有时间步的梯度。d_outputs 是从输出层传到各个 h_t 的梯度；h_t 还影响第 t+1 步。"
                "权重的梯度对时间步和批次求和。第一个轴是批次，第二个轴是时间：x_t 写作 x[:, t - 1]，"
                "W^T d_a_t 写作 d_a_t @ W。",
            ),
            """
            a_t = W x_t + b + U h_(t-1)             h_t = tanh(a_t)

            d_h_t = d_outputs_t + U^T d_a_(t+1)     d_a_t = d_h_t * (1 - h_t^2)
            d_W = sum d_a_t x_t^T       d_U = sum d_a_t h_(t-1)^T       d_b = sum d_a_t
            d_x_t = W^T d_a_t           d_h_0 = U^T d_a_1

            W (H, I), U (H, H), x (B, T, I), h (B, T, H) = h_1 ... h_T, h_0 (B, H), d_outputs (B, T, H)
            ->  d_a (B, T, H), d_W (H, I), d_U (H, H), d_b (H,), d_x (B, T, I), d_h_0 (B, H)
            """,
            tuple(GRADIENTS),
            check_backward,
            solutions.backward_through_time,
        ),
    ),
    given=solutions.bptt_functions,
    solution=solutions.sum_of_products,
)
