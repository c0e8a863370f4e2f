"""The exercise adder: binary addition by a simple recurrent network, forward and backward."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from elman.cells import readout
from elman.cells.activations import ACTIVATIONS, Array, sigmoid
from elman.labs import adder as lab
from elman.labs.lab import Text

from .comparing import Expected, compared
from .exercise import Call, Exercise, Function, Result
from .gated_steps import stacked_results
from .oracles import Arrays, RecurrentLayer, back, by_differences, random_arrays
from .solutions import sigmoid as sigmoid_source
from .specialization import specialized, statements

BITS, H = 8, 5
WEIGHTS = {"W": (H, 2), "U": (H, H), "V": (1, H)}
SUM = (9, 60)  # the first one that the lab adder trains on
GRADIENTS = ("d_W", "d_U", "d_V")


def digits_of(number: int) -> Array:
    """Return the digits of a number, the least significant first, by Python's own conversion."""
    return np.array([int(digit) for digit in reversed(f"{number:0{BITS}b}")], np.float64)


def sum_problem() -> tuple[Arrays, RecurrentLayer]:
    """Return the arrays of the network and of the digits x (8, 2) of a sum, and the network's recurrent layer."""
    p = random_arrays(WEIGHTS)
    p["x"] = np.stack([digits_of(number) for number in SUM], axis=1)
    layer = RecurrentLayer("sigmoid", {**p, "x": p["x"][None], "b": np.zeros(H), "h_0": np.zeros((1, H))})
    return p, layer


def check_digits(call: Call) -> Iterator[Result]:
    """Check the digits of two numbers."""
    right = np.stack([digits_of(6), digits_of(77)], axis=1)
    most_significant_first = Text("the most significant digit is first", "最高位排在了最前面，应为最低位")
    yield from compared(["x"], call(6, 77), [Expected(right, causes={most_significant_first: right[::-1]})])


def check_forward(call: Call) -> Iterator[Result]:
    """Check states and outputs."""
    p, layer = sum_problem()
    h = np.concatenate([np.zeros((1, H)), layer.outputs()[0]])
    s = readout.forward(h[1:], p["V"])
    transposed = RecurrentLayer("sigmoid", layer.arrays | {"U": p["U"].T}).outputs()[0]
    mistakes = {
        Text("U is transposed: U^T h in place of U h", "U 被转置：用了 U^T h，应为 U h"): (
            np.concatenate([np.zeros((1, H)), transposed]),
            sigmoid(readout.forward(transposed, p["V"])),
        ),
        Text("the sigmoid of the output is missing", "输出漏掉了 sigmoid"): (h, s),
        Text("the output reads h_(t-1); expected h_t", "输出用了 h_(t-1)，应为 h_t"): (h, sigmoid(h[:-1] @ p["V"].T)),
    }
    expected = [
        Expected(value, steps=steps, causes={cause: both[k] for cause, both in mistakes.items()})
        for k, (value, steps) in enumerate(((h, None), (sigmoid(s), 0)))
    ]
    yield from compared(["h", "y"], call(p["W"], p["U"], p["V"], p["x"]), expected)


def check_loss_gradient(call: Call) -> Iterator[Result]:
    """Check the derivative of half the squared error."""
    p = random_arrays({"y": (BITS, 1)})
    y, target = sigmoid(p["y"]), digits_of(69)[:, None]
    _, _, d_y = readout.half_squared_error(y, target)
    measured = by_differences(lambda: readout.half_squared_error(y, target)[0], {"y": y})["y"]
    causes = {
        Text("the derivative of the L1 error |y - target|", "这是 L1 误差 |y - target| 的导数"): np.sign(y - target),
        Text("y (1 - y) belongs to `backward`", "因子 y (1 - y) 应放在 `backward` 中"): (y - target) * y * (1 - y),
    }
    factors = {2.0: Text("the factor 1/2 of the loss", "漏掉了损失中的 1/2")}
    yield from compared(["d_y"], call(y, target), [Expected(d_y, measured, 0, causes=causes, factors=factors)])


def gradients(p: Arrays, layer: RecurrentLayer, d_y: Array) -> Arrays:
    """Return the derivatives of the weights for d_y (T, 1), by elman.cells."""
    h = layer.outputs()
    y = sigmoid(readout.forward(h, p["V"]))
    d_h, d_V, _ = readout.backward(d_y[None] * ACTIVATIONS["sigmoid"].derivative(y), h, p["V"])
    by_cells = layer.gradients(d_h)
    return {"d_W": by_cells["W"], "d_U": by_cells["U"], "d_V": d_V}


def differences(p: Arrays, layer: RecurrentLayer, d_y: Array) -> Arrays:
    """Return the same by finite differences."""
    arrays = {"d_W": layer.arrays["W"], "d_U": layer.arrays["U"], "d_V": p["V"]}
    return by_differences(lambda: float((sigmoid(layer.outputs()[0] @ p["V"].T) * d_y).sum()), arrays)


def known_mistakes(p: Arrays, h: Array, y: Array, d_y: Array) -> dict[Text, Arrays]:
    """Return what known mistakes give for many d_y (N, T, 1)."""
    x, U, V = p["x"], p["U"], p["V"]

    def sums(d_o: Array, to_a: Array, carry: Array, h_prev: Array = h[:-1]) -> Arrays:
        d_a = back(d_o @ V, lambda d_h, t: d_h * to_a[t], lambda d_a, d_h: d_a @ carry)
        return {
            "d_W": np.einsum("nth,ti->nhi", d_a, x),
            "d_U": np.einsum("nth,tk->nhk", d_a, h_prev),
            "d_V": np.einsum("nto,th->noh", d_o, h[1:]),
        }

    d_o, slope = d_y * y * (1 - y), h[1:] * (1 - h[1:])
    return {
        Text("what is carried from step t+1 to step t is missing", "漏掉了从第 t+1 步传到第 t 步的梯度"): (
            sums(d_o, slope, np.zeros_like(U))
        ),
        Text("U in place of U^T in the step to h_(t-1)", "传到 h_(t-1) 时用了 U，应为 U^T"): sums(d_o, slope, U.T),
        Text("the factor h (1 - h) is missing", "漏掉了因子 h (1 - h)"): sums(d_o, np.ones_like(slope), U),
        Text("1 - h^2 in place of h (1 - h): h is a sigmoid", "用了 1 - h^2，应为 h (1 - h)，因为 h 是 sigmoid"): (
            sums(d_o, 1 - h[1:] ** 2, U)
        ),
        Text("the factor y (1 - y) is missing", "漏掉了因子 y (1 - y)"): sums(d_y, slope, U),
        Text("h_t in place of h_(t-1)", "用了 h_t，应为 h_(t-1)"): sums(d_o, slope, U, h[1:]),
    }


def check_backward(call: Call) -> Iterator[Result]:
    """Check the gradients of the losses of single steps: d_y is 1 at one step and 0 at the others."""
    p, layer = sum_problem()
    h = np.concatenate([np.zeros((1, H)), layer.outputs()[0]])
    y = sigmoid(h[1:] @ p["V"].T)
    losses = np.eye(BITS)[..., None]  # (losses, T, 1)
    returned = [call(p["U"], p["V"], p["x"], h, y, d_y) for d_y in losses]
    values = stacked_results(GRADIENTS, returned, list(WEIGHTS.values()))
    by_cells, measured = ([f(p, layer, d_y) for d_y in losses] for f in (gradients, differences))
    mistakes = known_mistakes(p, h, y, losses)
    for name, value in zip(GRADIENTS, values, strict=True):
        expected = Expected(
            np.stack([one[name] for one in by_cells]),
            np.stack([one[name] for one in measured]),
            steps=0,
            causes={cause: wrong[name] for cause, wrong in mistakes.items()},
        )
        yield Result(name, expected.problem(Text(f"{name} of the loss", f"损失的 {name}"), value))


def given_solution() -> str:
    """Return what the exercise adder gives."""
    places = f"PLACES = 2 ** np.arange({BITS})  # the value of each digit, the least significant first"
    return f"{places}\n\n\n{sigmoid_source()}"


def digits_solution() -> str:
    """Return the statements of the digits."""
    return specialized(lab.digits, {"numbers": "(a, b)"})


def forward_solution() -> str:
    """Return the statements of the forward computation."""
    return specialized(lab.forward)


def loss_gradient_solution() -> str:
    """Return the statements of the derivative of the loss."""
    return statements(readout.half_squared_error, "error", {"logits": "y", "targets": "target"}) + "\nreturn error"


def backward_solution() -> str:
    """Return the statements of the backward computation."""
    return specialized(lab.backward)


EXERCISE = Exercise(
    name="adder",
    title=Text("Binary addition: the network of the lab adder", "二进制加法：手推梯度的循环神经网络"),
    text=Text(
        "The network reads one digit of each number at a time, the least significant first, and writes a digit of "
        "the sum. No biases, h_0 = 0. There is no batch: x[t] is a vector, so W x_t is written W @ x[t]. "
        "`elman lab adder` trains the network.",
        "网络每步读入两个数各一位（最低位在前），并写出和的一位。没有偏置，h_0 = 0。"
        "这里没有批次：x[t] 是一个向量，W x_t 写作 W @ x[t]。`elman lab adder --lang zh` 训练这个网络。",
    ),
    functions=(
        Function(
            "digits(a, b)",
            Text(
                "Return the 8 binary digits of two numbers, the least significant first.",
                "返回两个数的 8 位二进制数字，最低位在前。",
            ),
            """
            6 = 00000110        digits(6, 0)[:, 0] = 0, 1, 1, 0, 0, 0, 0, 0

            a, b = 0 ... 255  ->  x (8, 2)
            """,
            ("x",),
            check_digits,
            digits_solution,
        ),
        Function(
            "forward(W, U, V, x)",
            Text("Return all states, from h_0 = 0 on, and all outputs.", "返回从 h_0 = 0 开始的全部隐状态和全部输出。"),
            """
            h_t = sigmoid(W x_t + U h_(t-1))        y_t = sigmoid(V h_t)

            W (H, 2), U (H, H), V (1, H), x (T, 2)  ->  h (T+1, H), y (T, 1)
            """,
            ("h", "y"),
            check_forward,
            forward_solution,
        ),
        Function(
            "loss_gradient(y, target)",
            Text("Return the derivative of half the squared error.", "返回平方误差的一半的导数。"),
            """
            L = sum (y - target)^2 / 2

            y, target (T, 1)  ->  d_y (T, 1)
            """,
            ("d_y",),
            check_loss_gradient,
            loss_gradient_solution,
        ),
        Function(
            "backward(U, V, x, h, y, d_y)",
            Text(
                "Return the gradients of the weights, summed over the steps, for the derivative d_y of any loss.",
                "对任意损失的导数 d_y，返回各步相加的权重梯度。",
            ),
            """
            d_o_t = d_y_t * y_t * (1 - y_t)                          o_t = V h_t
            d_h_t = V^T d_o_t + U^T d_a_(t+1)
            d_a_t = d_h_t * h_t * (1 - h_t)                          a_t = W x_t + U h_(t-1)
            d_W = sum d_a_t x_t^T,   d_U = sum d_a_t h_(t-1)^T,   d_V = sum d_o_t h_t^T

            h (T+1, H) = h_0 ... h_T, y and d_y (T, 1)  ->  d_W (H, 2), d_U (H, H), d_V (1, H)
            """,
            GRADIENTS,
            check_backward,
            backward_solution,
        ),
    ),
    given=given_solution,
)
