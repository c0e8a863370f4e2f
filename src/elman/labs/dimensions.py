"""One training step of a character model, with the shape of every array.

    H_t = tanh(X_t W_xh + H_(t-1) W_hh + b_h)        O_t = H_t W_hq + b_q

B examples in a batch, T time steps, V symbols, H hidden units. These are the symbols of Dive into Deep Learning, where
examples are rows and weights multiply from the right: W_xh is the transpose of W elsewhere in elman.
"""

from __future__ import annotations

import math
import re
import string
from collections.abc import Callable
from typing import Any

from elman.text import NORMALIZERS, UNKNOWN, Vocabulary

from .lab import Lab, Report, Text

B, T, V, H = 32, 35, 28, 512
SENTENCE = """The Time Traveller (for so it will be convenient to speak of him) was expounding a recondite matter to us.
His grey eyes shone and twinkled, and his usually pale face was flushed and animated. """  # H. G. Wells, 1895
VOCABULARY = Vocabulary([UNKNOWN, " ", *string.ascii_lowercase])
EXPECTED_PARAMETERS = 291_356  # Dive into Deep Learning, 9.5
SIZES = {"B": B, "T": T, "V": V, "H": H, "T*B": T * B, "1": 1}
TRAINING_SHAPES = {
    "X, ids": "(B, T)",
    "X, one-hot": "(B, T, V)",
    "X, time first": "(T, B, V)",
    "W_xh": "(V, H)",
    "W_hh": "(H, H)",
    "b_h": "(H)",
    "W_hq": "(H, V)",
    "b_q": "(V)",
    "X_t": "(B, V)",
    "H_t": "(B, H)",
    "O_t": "(B, V)",
    "O, all steps": "(T*B, V)",
    "targets": "(T*B)",
    "loss": "()",
    "d_W_xh": "(V, H)",
    "d_W_hh": "(H, H)",
}


def numbers(shape: str) -> tuple[int, ...]:
    """Return a shape in numbers."""
    return tuple(SIZES[name] for name in re.findall(r"[\w*]+", shape))


def encode(text: str) -> list[int]:
    """Return the ids of a text after the cleaning of the textbook."""
    return [int(k) for k in VOCABULARY.encode(NORMALIZERS["textbook"].prompt(text))]


def step(X_t: Any, H_t: Any, weights: dict[str, Any]) -> tuple[Any, Any]:
    """Return the next hidden state and the logits."""
    w = weights
    H_t = (X_t @ w["W_xh"] + H_t @ w["W_hh"] + w["b_h"]).tanh()
    return H_t, H_t @ w["W_hq"] + w["b_q"]


def forward(X: Any, weights: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Return the last X_t, the hidden states (T, B, H) and the logits (T*B, V) of ids (B, T)."""
    import torch
    from torch.nn.functional import one_hot

    H_t, outputs, states = torch.zeros(len(X), H), [], []
    for X_t in one_hot(X, V).float().transpose(0, 1):
        H_t, O_t = step(X_t, H_t, weights)
        outputs.append(O_t)
        states.append(H_t)
    return X_t, torch.stack(states), torch.cat(outputs)


def initial_weights() -> dict[str, Any]:
    """Return the weights of the textbook, normal * 0.01, with biases of zero."""
    import torch

    generator = torch.Generator().manual_seed(0)
    shapes = {name: numbers(TRAINING_SHAPES[name]) for name in ("W_xh", "W_hh", "b_h", "W_hq", "b_q")}
    weights = {
        name: torch.zeros(shape) if len(shape) == 1 else 0.01 * torch.randn(shape, generator=generator)
        for name, shape in shapes.items()
    }
    return {name: weight.requires_grad_() for name, weight in weights.items()}


def run(report: Report) -> None:
    """Take one training step."""
    import torch
    from torch.nn.functional import cross_entropy, one_hot

    report.say(
        en=f"One training step: B = {B}, T = {T}, V = {V}, H = {H}", zh=f"一次训练：B = {B}，T = {T}，V = {V}，H = {H}"
    )
    text = torch.tensor(encode(SENTENCE * 10))
    X = text[: B * T].reshape(B, T)
    Y = text[1 : B * T + 1].reshape(B, T)  # the next symbol of each
    weights = initial_weights()
    X_t, states, logits = forward(X, weights)
    targets = Y.T.reshape(-1)
    loss = cross_entropy(logits, targets)  # the mean over all T * B tokens
    loss.backward()
    X_one_hot = one_hot(X, V)
    arrays = {"X, ids": X, "X, one-hot": X_one_hot, "X, time first": X_one_hot.transpose(0, 1), **weights}
    arrays |= {"X_t": X_t, "H_t": states[-1], "O_t": logits[-B:], "O, all steps": logits, "targets": targets}
    arrays |= {"loss": loss, "d_W_xh": weights["W_xh"].grad, "d_W_hh": weights["W_hh"].grad}
    check_shapes(report, Text("training", "训练"), arrays, TRAINING_SHAPES)
    num_parameters = sum(weight.numel() for weight in weights.values())
    report.equal(Text("parameters", "参数个数"), num_parameters, EXPECTED_PARAMETERS)
    report.equal(Text("first loss, near ln V", "最初的损失，接近 ln V"), loss.item(), math.log(V), within=0.01)
    compare_with_torch(report, X, states, weights)
    update(report, weights, loss, lambda: cross_entropy(forward(X, weights)[2], targets))
    compare_orders(report, Y, targets)
    report.say(
        en="T times the same weights: the number of parameters does not depend on T, the number of products does.",
        zh="T 步共用同一组权重：参数量与 T 无关，乘法次数则与 T 成正比。",
    )
    report.table(
        ["T", Text("parameters", "参数量"), Text("multiplications, forward", "前向传播的乘法次数")],
        [(steps, num_parameters, steps * B * (V * H + H * H + H * V)) for steps in (1, T, 2 * T)],
    )


def compare_with_torch(report: Report, X: Any, states: Any, weights: dict[str, Any]) -> None:
    """Compare the hidden states with those of torch.nn.RNN, whose weights are the transposes."""
    import torch
    from torch.nn.functional import one_hot

    layer = torch.nn.RNN(V, H, batch_first=True)
    with torch.no_grad():
        values = (weights["W_xh"].T, weights["W_hh"].T, weights["b_h"], torch.zeros(H))
        for parameter, value in zip(layer.parameters(), values, strict=True):
            parameter.copy_(value)
        difference = (layer(one_hot(X, V).float())[0].transpose(0, 1) - states).abs().max().item()
    name = "|H_t - torch.nn.RNN|{}, W = W_xh^T, U = W_hh^T"
    report.at_most(Text(f"max {name.format('')}", name.format(" 的最大值")), difference, 1e-6)


def update(report: Report, weights: dict[str, Any], loss: Any, loss_again: Callable[[], Any]) -> None:
    """Clip the gradients, update the weights, and compare the decrease of the loss with the norm."""
    import torch

    with torch.no_grad():
        norm = torch.nn.utils.clip_grad_norm_(weights.values(), 1.0).item()  # returns the norm before clipping
        report.say(
            en=f"Gradient clipping at 1: the norm is {norm:.4f}, so nothing changes. Update: weight - 1 * gradient.",
            zh=f"梯度裁剪，上限为 1：范数为 {norm:.4f}，梯度不变。更新：权重减去 1 乘以梯度。",
        )
        for weight in weights.values():
            weight -= 1.0 * weight.grad
        decrease = loss.item() - loss_again().item()
    report.equal(
        Text("decrease of the loss, about norm^2", "损失的下降量，约为 norm^2"), decrease, norm**2, within=0.002
    )


def compare_orders(report: Report, Y: Any, targets: Any) -> None:
    """Show that targets in the wrong order have the right shape."""
    report.say(
        en="The rows of O are ordered by time, then by example, so the targets are Y^T. With Y the shape is the\n"
        "same and there is no error, but the targets belong to other rows.",
        zh="O 的各行先按时间、再按样本排列，所以目标是 Y^T。\n用 Y 代替 Y^T，形状相同，也不报错，但目标与输出对不上。",
    )
    wrong_order = Y.reshape(-1)
    report.equal(Text("Y: shape of the targets", "Y：目标的形状"), list(wrong_order.shape), [T * B])
    share = (wrong_order == targets).float().mean().item()
    report.at_most(Text("Y: share of targets in the right row", "Y：行号正确的目标所占比例"), share, 0.2)


def check_shapes(report: Report, title: Text, arrays: dict[str, Any], expected: dict[str, str]) -> None:
    """Show the shape of each array, and claim that it is the expected one."""
    shapes = {name: tuple(arrays[name].shape) for name in expected}
    report.table(
        ["", Text("expected", "应有形状"), Text("shape", "实际形状")],
        [(name, shape, str(shapes[name])) for name, shape in expected.items()],
    )
    as_expected = sum(shapes[name] == numbers(shape) for name, shape in expected.items())
    report.equal(
        Text(f"{title.en}: arrays with the expected shape", f"{title.zh}：形状符合预期的数组个数"),
        as_expected,
        len(expected),
    )


LAB = Lab(
    name="dimensions",
    chapter="sequences",
    title=Text("Every shape of a character language model", "字符语言模型中各个数组的形状"),
    claim=Text(
        "In one training step, every array has the expected shape. H_t is (B, H), not (B, V).",
        "一次训练中，每个数组的形状都符合预期；H_t 的形状是 (B, H)，不是 (B, V)。",
    ),
    source=Text(
        "Zhang et al., Dive into Deep Learning, section 9.5; H. G. Wells, The Time Machine",
        "Zhang 等《动手学深度学习》8.5 节；H. G. Wells, The Time Machine",
    ),
    seconds=1.2,
    run=run,
)
