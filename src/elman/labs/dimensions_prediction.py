"""One prediction of a character model: the steps of the network, and the shape of every array.

    H_t = tanh(X_t W_xh + H_(t-1) W_hh + b_h)        O_t = H_t W_hq + b_q

The network first reads the prefix, one symbol a step, which warms up its state. The last of these steps predicts the
first new symbol, and from then on each prediction is the next input. The batch is one example: B = 1.
"""

from __future__ import annotations

from .dimensions import H, V, check_shapes, encode, initial_weights, step
from .lab import Lab, Report, Text

PREFIX = "time traveller"
PREDICTED = 10
PREDICTION_SHAPES = {"X_t": "(1, V)", "H_t": "(1, H)", "O_t": "(1, V)"}


def run(report: Report) -> None:
    """Continue the prefix."""
    import torch
    from torch.nn.functional import one_hot

    report.say(
        en=f"{len(PREFIX)} steps read the prefix, and the last of them predicts the first new symbol.\n"
        "Then each prediction is the next input.",
        zh=f"先用 {len(PREFIX)} 步读入前缀，最后一步的输出就是第一个新字符的预测。\n此后每次的预测作为下一步的输入。",
    )
    weights = initial_weights()
    with torch.no_grad():
        H_t, steps = torch.zeros(1, H), 0
        for symbol in encode(PREFIX):
            X_t = one_hot(torch.tensor([symbol]), V).float()
            H_t, O_t = step(X_t, H_t, weights)
            steps += 1
        check_shapes(report, Text("prediction", "预测"), {"X_t": X_t, "H_t": H_t, "O_t": O_t}, PREDICTION_SHAPES)
        H_twice, _ = step(X_t, H_t, weights)
        difference = (H_twice - H_t).abs().max().item()
        new = [int(O_t.argmax())]
        while len(new) < PREDICTED:
            H_t, O_t = step(one_hot(torch.tensor([new[-1]]), V).float(), H_t, weights)
            steps += 1
            new.append(int(O_t.argmax()))
    report.equal(Text("steps of the network", "网络运行的步数"), steps, len(PREFIX) + PREDICTED - 1)
    report.equal(Text("symbols predicted", "预测的字符数"), len(new), PREDICTED)
    report.say(
        en="The last symbol of the prefix is read once. Reading it a second time changes the state:",
        zh="前缀的最后一个字符只读一次。读第二次会改变隐状态：",
    )
    report.at_least(Text("max |H_t read twice - H_t|", "|读两次的 H_t - H_t| 的最大值"), difference, 0.001)


LAB = Lab(
    name="dimensions-prediction",
    chapter="sequences",
    title=Text("Every step of a prediction", "字符语言模型的预测步骤：预热与逐步生成"),
    claim=Text(
        "14 symbols of prefix and 10 new ones take 23 steps: the last symbol of the prefix is read once.",
        "14 个字符的前缀加 10 个新字符，共运行 23 步：前缀的最后一个字符只读一次。",
    ),
    source=Text(
        "Zhang et al., Dive into Deep Learning, section 9.5; H. G. Wells, The Time Machine",
        "Zhang 等《动手学深度学习》8.5 节；H. G. Wells, The Time Machine",
    ),
    seconds=1.0,
    run=run,
)
