"""What happens if the hidden state is carried from window to window without detaching it from its history.

    h_t = tanh(E[x_t] + U h_(t-1) + b)       L_k = mean cross-entropy of window k

Window k begins with the last h of window k - 1.
Detached: the backward pass of L_k ends at the beginning of window k (truncated backpropagation through time).
Not detached: it continues through the windows k - 1, k - 2, ... 1, so that each window costs more than the one before.
The gradient is then that of the whole sequence up to window k.
"""

from __future__ import annotations

import re
from itertools import pairwise
from time import perf_counter
from typing import Any

import numpy as np

from elman import cells
from elman.cells import LayerParameters, readout, unroll

from .lab import Lab, Report, Text
from .pictures import cost_by_window

B, T, V, H = 8, 35, 28, 64
WINDOWS = 8
SPECTRAL_RADIUS = 0.9  # of U: the gradient of a window reaches the one before, but not much further
EXACT = 1e-12  # float64
TRUNCATION = 0.01  # measured: 0.07
TIMINGS = 5

Weights = dict[str, Any]


def initial_weights() -> Weights:
    """Return random weights in float64: E (V, H), U (H, H), b (H,) and the readout W_hq (H, V)."""
    import torch

    generator = torch.Generator().manual_seed(0)
    shapes = {"E": (V, H), "U": (H, H), "b": (H,), "W_hq": (H, V)}
    w = {name: torch.randn(shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()}
    w["U"] *= SPECTRAL_RADIUS / torch.linalg.eigvals(w["U"]).abs().max()
    return {name: (0.1 * weight if name in ("b", "W_hq") else weight).requires_grad_() for name, weight in w.items()}


def read_window(w: Weights, x: Any, h: Any) -> tuple[Any, Any]:
    """Return the loss of predicting each symbol of x (B, T + 1) from those before it, and the last h."""
    import torch

    states = []
    for t in range(x.shape[1] - 1):
        h = torch.tanh(w["E"][x[:, t]] + h @ w["U"] + w["b"])
        states.append(h)
    logits = torch.stack(states, dim=1) @ w["W_hq"]
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), x[:, 1:].flatten()), h


def count_nodes(loss: Any) -> int:
    """Return the number of operations that the backward pass of a loss visits."""
    seen, waiting = set(), [loss.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [below for below, _ in node.next_functions]
    return len(seen)


def gradients(loss: Any, w: Weights) -> list[Any]:
    """Return the derivatives of a loss with respect to the weights; the graph can be used again."""
    import torch

    return list(torch.autograd.grad(loss, list(w.values()), retain_graph=True))


def follow(w: Weights, x: Any, *, detach: bool) -> list[dict[str, Any]]:
    """Read all windows of x (B, WINDOWS * T + 1); return nodes, megabytes, milliseconds and gradients of each."""
    import torch

    saved: dict[int, Any] = {}  # the arrays that the backward pass needs; kept, so that no address is used twice

    def record(array: Any) -> Any:
        storage = array.untyped_storage()
        saved[storage.data_ptr()] = storage
        return array

    results, h = [], torch.zeros(B, H, dtype=torch.float64)
    for k in range(WINDOWS):
        if detach:
            h = h.detach()
            saved.clear()
        with torch.autograd.graph.saved_tensors_hooks(record, lambda array: array):
            loss, h = read_window(w, x[:, k * T : (k + 1) * T + 1], h)
        seconds = []
        for _ in range(TIMINGS):
            started = perf_counter()
            values = gradients(loss, w)
            seconds.append(perf_counter() - started)
        megabytes = sum(storage.nbytes() for storage in saved.values()) / 1e6
        results.append({"nodes": count_nodes(loss), "mb": megabytes, "ms": 1e3 * min(seconds), "gradients": values})
    return results


def gradient_of_whole_sequence(w: Weights, x: Any) -> list[Any]:
    """Return the gradient of the last window's loss by elman.cells: all windows as one sequence, without torch."""
    E, U, b, W_hq = (weight.detach().numpy() for weight in w.values())
    symbols = x.numpy()
    h, _, tape = unroll.forward(
        cells.create("elman", "tanh"), [[LayerParameters(E.T, U.T, b)]], np.eye(V)[symbols[:, :-1]]
    )
    _, count, d_logits = readout.softmax_cross_entropy(readout.forward(h[:, -T:], W_hq.T), symbols[:, -T:])
    d_last, d_W_hq, _ = readout.backward(d_logits / count, h[:, -T:], W_hq.T)
    d_h = np.zeros_like(h)
    d_h[:, -T:] = d_last
    d_layer = unroll.backward(tape, d_h).params[0][0].arrays()
    return [d_layer["W"].T, d_layer["U"].T, d_layer["b_ih"], d_W_hq.T]


def error_of_training(x: Any, *, retain_graph: bool) -> str:
    """Take a step of gradient descent after each of two windows; return the beginning of the error, or nothing."""
    import torch

    w, h = initial_weights(), torch.zeros(B, H, dtype=torch.float64)
    optimizer = torch.optim.SGD(w.values(), lr=0.1)
    try:
        for k in range(2):
            loss, h = read_window(w, x[:, k * T : (k + 1) * T + 1], h)
            optimizer.zero_grad()
            loss.backward(retain_graph=retain_graph)
            optimizer.step()
    except RuntimeError as error:
        return re.split(r" \(|: |\. ", str(error))[0]
    return ""


def run(report: Report) -> None:
    """Show PyTorch's errors, then the growing cost, then the gradient."""
    import torch

    x = torch.randint(V, (B, WINDOWS * T + 1), generator=torch.Generator().manual_seed(1))
    show_errors(report, x)
    w = initial_weights()
    kept, cut = follow(w, x, detach=False), follow(w, x, detach=True)
    report.say(
        en=f"\nWith fixed weights, {WINDOWS} windows of {T} steps: operations and memory of the backward pass",
        zh=f"\n固定权重，{WINDOWS} 个窗口，每个 {T} 步：反向传播经过的运算个数与占用的内存",
    )
    columns = (Text("operations", "运算"), Text("MB", "MB"), Text("ms", "毫秒"))
    detached_columns = [Text(f"{name.en}, detached", f"{name.zh}（分离）") for name in columns]
    report.table(
        [Text("window", "窗口"), *columns, *detached_columns],
        [
            (k + 1, *(f"{value:.4g}" for row in (a, b) for value in (row["nodes"], row["mb"], row["ms"])))
            for k, (a, b) in enumerate(zip(kept, cut, strict=True))
        ],
    )
    growth = [later["nodes"] - earlier["nodes"] for earlier, later in pairwise(kept)]
    report.equal(
        Text("operations that each window adds", "每个窗口增加的运算个数"), growth, [growth[0]] * (WINDOWS - 1)
    )
    report.at_least(
        Text("operations, last window / first", "运算个数，末窗口 / 首窗口"), kept[-1]["nodes"] / kept[0]["nodes"], 7.5
    )
    report.at_least(Text("memory, last window / first", "内存，末窗口 / 首窗口"), kept[-1]["mb"] / kept[0]["mb"], 5.0)
    cut_nodes = {row["nodes"] for row in cut}
    report.equal(Text("detached: different numbers of operations", "分离：运算个数有几种"), len(cut_nodes), 1)
    compare_gradients(report, gradient_of_whole_sequence(w, x), kept[-1]["gradients"], cut[-1]["gradients"])
    report.figure("cost", cost_by_window({Text("not detached", "不分离"): kept, Text("detached", "分离"): cut}))


def show_errors(report: Report, x: Any) -> None:
    """Show what PyTorch says, first without and then with retain_graph=True."""
    report.say(
        en="Two windows, each with a backward pass and an update, the state not detached. PyTorch stops with an error:",
        zh="两个窗口，各做一次反向传播和一次更新，隐状态不分离（detach）。PyTorch 报错：",
    )
    second = error_of_training(x, retain_graph=False)
    report.show(second)
    report.say(
        en="The advice in it, retain_graph=True, does not help, because the update has changed the weights in place:",
        zh="按提示加上 retain_graph=True 也不行，因为更新已经就地修改了权重：",
    )
    in_place = error_of_training(x, retain_graph=True)
    report.show(in_place)
    report.equal(
        Text("the two errors", "两个错误"),
        ["second time" in second, "inplace operation" in in_place],
        [True, True],
    )


def compare_gradients(report: Report, whole: list[Any], kept: list[Any], cut: list[Any]) -> None:
    """Compare the gradients of the last window's loss: of the whole sequence, not detached, detached."""

    def flat(values: list[Any]) -> Any:
        return np.concatenate([np.asarray(value).ravel() for value in values])

    report.say(
        en=f"\nThe gradient of the loss of window {WINDOWS}. Without detaching, it is that of the whole "
        "sequence, here by elman.cells:",
        zh=f"\n第 {WINDOWS} 个窗口的损失的梯度。不分离时，它就是对整个序列反向传播得到的梯度（由 elman.cells 计算）：",
    )
    difference = float(np.abs(flat(kept) - flat(whole)).max())
    report.at_most(Text("max |not detached - whole sequence|", "|不分离 - 整个序列| 的最大值"), difference, EXACT)
    relative = float(np.linalg.norm(flat(cut) - flat(whole)) / np.linalg.norm(flat(whole)))
    report.at_least(
        Text("|detached - whole sequence| / |whole sequence|", "|分离 - 整个序列| / |整个序列|"), relative, TRUNCATION
    )
    report.say(
        en="Detaching changes the gradient (it is truncated), but not the values of the states: each window still "
        "begins with the last state of the one before.",
        zh="分离改变了梯度（截断），但不改变隐状态的值：每个窗口仍然从前一个窗口的末状态开始。",
    )


LAB = Lab(
    name="no-detach",
    chapter="language",
    title=Text("The state that is not detached", "不分离隐状态会怎样：截断的随时间反向传播（detach）"),
    claim=Text(
        "If the carried state is not detached, the cost of the backward pass grows with each window; the gradient is "
        "then that of the whole sequence.",
        "传给下一个窗口的隐状态如果不分离，每个窗口的反向传播都比前一个更费时；此时的梯度就是整个序列的梯度。",
    ),
    source=Text(
        "Zhang et al., Dive into Deep Learning, section 9.5, exercise; Williams and Peng (1990)",
        "Zhang 等《动手学深度学习》8.5 节练习（英文版 9.5 节）；Williams 与 Peng（1990）",
    ),
    seconds=2.0,
    run=run,
)
