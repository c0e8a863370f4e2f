"""The exercise srn: the simple recurrent network, its loss, and the derivatives of one step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from elman.cells import gradcheck, readout
from elman.cells.activations import Array, sigmoid
from elman.labs.lab import Text

from . import solutions
from .comparing import Expected, compared, numbers, split_results
from .exercise import Call, Exercise, Function, Result
from .oracles import RecurrentLayer, random_arrays

B, T, I, H, O = 2, 4, 3, 4, 5  # noqa: E741 - batch, steps, inputs, hidden units, outputs
SHAPES = {"W": (H, I), "U": (H, H), "b": (H,), "x": (B, T, I), "h_0": (B, H), "V": (O, H), "c": (O,)}
TRANSPOSED_U = Text("U is transposed: U^T h in place of U h", "U 被转置：用了 U^T h，应为 U h")
NOT_TRANSPOSED_U = Text("U in place of U^T", "用了 U，应为 U^T")
FACTOR_MISSING = Text("the factor 1 - h^2 is missing", "漏掉了因子 1 - h^2")
LARGE_LOGITS = Text("loss of the logits 1000, 0, -1000", "logits 为 1000、0、-1000 时的损失")
UNSTABLE = Text(
    "exp(1000) overflows if the largest logit is not subtracted first; after that, a probability is rounded to 0, and "
    "log(0) is -inf. Do not take the logarithm of p: with the largest logit subtracted from z, log p = z - log sum e^z",
    "若不先减去最大的 logit，exp(1000) 会溢出；减去之后，有的概率小到成为 0，而 log(0) 是负无穷。"
    "不要对概率取对数：把 logits 减去最大值，记作 z，直接计算 log p = z − log Σ e^z",
)
STEP_GRADIENTS = ("d_W", "d_U", "d_b", "d_x", "d_h_prev")


def check_step(call: Call) -> Iterator[Result]:
    """Check one step forward."""
    p = random_arrays(SHAPES)
    W, U, b, h_prev, x = p["W"], p["U"], p["b"], p["h_0"], p["x"][:, 0]
    a = x @ W.T + b + h_prev @ U.T
    expected = Expected(
        RecurrentLayer("tanh", p).outputs()[:, 0],
        causes={
            Text("tanh is missing", "漏掉了 tanh"): a,
            Text("a sigmoid in place of tanh", "用了 sigmoid，应为 tanh"): sigmoid(a),
            Text("the bias b is missing", "漏掉了偏置 b"): np.tanh(a - b),
            Text("the term U h_prev is missing", "漏掉了 U h_prev 这一项"): np.tanh(x @ W.T + b),
            TRANSPOSED_U: np.tanh(x @ W.T + b + h_prev @ U),
        },
    )
    yield from compared(["h"], call(W, U, b, x, h_prev), [expected])


def check_unroll(call: Call) -> Iterator[Result]:
    """Check all steps forward."""
    p = random_arrays(SHAPES)
    right = RecurrentLayer("tanh", p).outputs()
    unchanged = np.stack([RecurrentLayer("tanh", p | {"x": p["x"][:, t : t + 1]}).outputs()[:, 0] for t in range(T)], 1)
    expected = Expected(
        right,
        steps=1,
        causes={
            Text(
                "every step begins from h_0; the state is not carried", "每一步都从 h_0 开始，没有传递隐状态"
            ): unchanged,
            Text("h_0 is not used; the first state is zero", "没有使用 h_0，初始隐状态取了零"): RecurrentLayer(
                "tanh", p | {"h_0": np.zeros((B, H))}
            ).outputs(),
            Text("the states before each step, not after it", "返回的是每一步之前的隐状态，应为之后的"): np.concatenate(
                [p["h_0"][:, None], right[:, :-1]], axis=1
            ),
            TRANSPOSED_U: RecurrentLayer("tanh", p | {"U": p["U"].T}).outputs(),
        },
    )
    yield from compared(["h"], call(p["W"], p["U"], p["b"], p["x"], p["h_0"]), [expected])


def check_readout(call: Call) -> Iterator[Result]:
    """Check the output layer."""
    p = random_arrays({**SHAPES, "h": (B, T, H)})
    causes = {Text("the bias c is missing", "漏掉了偏置 c"): readout.forward(p["h"], p["V"])}
    expected = Expected(readout.forward(p["h"], p["V"], p["c"]), causes=causes)
    yield from compared(["logits"], call(p["h"], p["V"], p["c"]), [expected])


def check_cross_entropy(call: Call) -> Iterator[Result]:
    """Check the loss and its derivative, then the loss of large logits."""
    logits = random_arrays({"logits": (B, T, O)}, seed=1)["logits"]
    targets = np.random.default_rng(1).integers(O, size=(B, T))
    total, count, d_total = readout.softmax_cross_entropy(logits, targets)
    measured = gradcheck.numerical_gradient(lambda: readout.softmax_cross_entropy(logits, targets)[0] / count, logits)
    factors = {
        float(count): Text("the sum over all B T tokens, not their mean", "对 B T 个词元求了和，应取平均"),
        float(T): Text("the mean over the batch only, not over time", "只在批次上取了平均，时间步上没有"),
        float(B): Text("the mean over time only, not over the batch", "只在时间步上取了平均，批次上没有"),
        1 / np.log(2): Text("the logarithm is that to base 2; expected nats", "用了以 2 为底的对数，应为自然对数"),
    }
    probabilities = Text("the probabilities; the target's 1 is not subtracted", "这是概率，没有减去目标处的 1")
    yield from compared(
        ["loss", "d_logits"],
        call(logits, targets),
        [
            Expected(np.asarray(total / count), factors=factors),
            Expected(
                d_total / count,
                measured,
                steps=1,
                causes={probabilities: readout.softmax(logits) / count},
                factors=factors,
            ),
        ],
    )
    loss, _ = split_results(["loss", "d_logits"], call(np.array([[[1000.0, 0.0, -1000.0]]]), np.array([[1]])))
    problem = Expected(np.asarray(1000.0)).problem(LARGE_LOGITS, loss)
    value = numbers(loss, ())
    if problem is not None and not isinstance(value, Text) and not (np.isfinite(value) & (value > 1000.0)).all():
        problem = Text(f"{problem.en}. {UNSTABLE.en}", f"{problem.zh}。{UNSTABLE.zh}")
    yield Result("large logits", problem)


def step_gradients(d_a: Array, W: Array, U: Array, x: Array, h_prev: Array) -> dict[str, Array]:
    """Return the derivatives of one step, from that with respect to its pre-activation."""
    return {"d_W": d_a.T @ x, "d_U": d_a.T @ h_prev, "d_b": d_a.sum(axis=0), "d_x": d_a @ W, "d_h_prev": d_a @ U}


def check_step_backward(call: Call) -> Iterator[Result]:
    """Check the derivatives of one step, by elman.cells and by finite differences."""
    p = random_arrays({**SHAPES, "d_h": (B, H)})
    layer, d_h = RecurrentLayer("tanh", p | {"x": p["x"][:, :1]}), p["d_h"]
    h, W, U, h_prev, x = layer.outputs()[:, 0], p["W"], p["U"], p["h_0"], p["x"][:, 0]
    by_cells, measured = layer.gradients(d_h[:, None]), layer.differences(d_h[:, None])
    d_a = by_cells["a"][:, 0]
    wrong_d_a = {
        FACTOR_MISSING: d_h,
        Text(
            "h (1 - h), which belongs to the sigmoid, in place of 1 - h^2", "用了 sigmoid 的 h (1 - h)，应为 1 - h^2"
        ): (d_h * h * (1 - h)),
        Text("1 - h_prev^2 in place of 1 - h^2", "用了 1 - h_prev^2，应为 1 - h^2"): d_h * (1 - h_prev**2),
    }
    causes: dict[str, dict[Text, Array]] = {name: {} for name in STEP_GRADIENTS}
    for cause, wrong in wrong_d_a.items():
        for name, gradient in step_gradients(wrong, W, U, x, h_prev).items():
            causes[name][cause] = gradient
    causes["d_U"][Text("h in place of h_prev", "用了 h，应为 h_prev")] = d_a.T @ h
    causes["d_h_prev"][NOT_TRANSPOSED_U] = d_a @ U.T
    factors = {1 / B: Text("the mean over the batch; expected the sum", "对批次取了平均，应为求和")}
    arrays = dict(zip(STEP_GRADIENTS, ("W", "U", "b", "x", "h_0"), strict=True))
    expected = [
        Expected(by_cells[array].reshape(measured_one.shape), measured_one, causes=causes[name], factors=factors)
        for name, array in arrays.items()
        for measured_one in [measured[array][:, 0] if array == "x" else measured[array]]
    ]
    yield from compared(STEP_GRADIENTS, call(d_h, W, U, x, h_prev, h), expected)


EXERCISE = Exercise(
    name="srn",
    title=Text("The simple recurrent network", "简单循环网络（SRN）：前向计算、损失与一步的梯度"),
    text=Text(
        "A network that reads B sequences at once, step by step, and predicts a class at each step.",
        "网络同时逐步读入 B 个序列，并在每一步预测一个类别。",
    ),
    functions=(
        Function(
            "step(W, U, b, x, h_prev)",
            Text(
                "Return the state after one step. The batch is the first axis of x and h_prev, so W x is written "
                "x @ W.T.",
                "返回一步之后的隐状态。x 与 h_prev 的第一个轴是批次，所以 W x 写作 x @ W.T。",
            ),
            """
            h = tanh(W x + b + U h_prev)

            W (H, I), U (H, H), b (H,), x (B, I), h_prev (B, H)  ->  h (B, H)
            """,
            ("h",),
            check_step,
            solutions.step,
        ),
        Function(
            "unroll(W, U, b, x, h_0)",
            Text(
                "Return the states after every step. The batch is the first axis and time the second, so x_t is "
                "x[:, t - 1].",
                "返回每一步之后的隐状态。第一个轴是批次，第二个轴是时间，所以 x_t 写作 x[:, t - 1]。",
            ),
            """
            h_t = tanh(W x_t + b + U h_(t-1)),  t = 1 ... T

            x (B, T, I), h_0 (B, H)  ->  h (B, T, H)
            """,
            ("h",),
            check_unroll,
            solutions.unroll_steps,
        ),
        Function(
            "readout(h, V, c)",
            Text(
                "Return the logits, the scores of the classes. The batch is the first axis, so V h is written h @ V.T.",
                "返回 logits，即各类别的得分。第一个轴是批次，所以 V h 写作 h @ V.T。",
            ),
            """
            logits = V h + c

            h (B, T, H), V (O, H), c (O,)  ->  logits (B, T, O)
            """,
            ("logits",),
            check_readout,
            solutions.readout_forward,
        ),
        Function(
            "cross_entropy(logits, targets)",
            Text(
                "Return the mean cross-entropy over all B T tokens, and its derivative with respect to the logits.",
                "返回全部 B T 个词元的平均交叉熵，以及它对 logits 的导数。",
            ),
            """
            p = softmax(logits)        loss = -1/(B T) sum log p[target]

            logits (B, T, O), targets (B, T) = 0 ... O-1  ->  loss, d_logits (B, T, O)
            """,
            ("loss", "d_logits", "large logits"),
            check_cross_entropy,
            solutions.cross_entropy,
        ),
        Function(
            "step_backward(d_h, W, U, x, h_prev, h)",
            Text(
                "Return the derivatives of one step. d_h is that of the loss with respect to h = step(...). "
                "Gradients of weights are summed over the batch. The batch is the first axis, so W^T d_a is written "
                "d_a @ W.",
                "返回一步的梯度。d_h 是损失对 h = step(...) 的导数。权重的梯度对批次求和。"
                "第一个轴是批次，所以 W^T d_a 写作 d_a @ W。",
            ),
            """
            d_a = d_h * (1 - h^2)                   a = W x + b + U h_prev
            d_W = sum d_a x^T       d_U = sum d_a h_prev^T       d_b = sum d_a
            d_x = W^T d_a           d_h_prev = U^T d_a

            d_h (B, H)  ->  d_W (H, I), d_U (H, H), d_b (H,), d_x (B, I), d_h_prev (B, H)
            """,
            STEP_GRADIENTS,
            check_step_backward,
            solutions.step_backward,
        ),
    ),
    solution=solutions.srn_functions,
)
