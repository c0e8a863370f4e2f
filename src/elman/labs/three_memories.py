"""Three ways to give a network a memory: a time-delay network (TDNN), a NARX network and a recurrent network.

    TDNN        y_t = V tanh(W [x_t, ..., x_(t-D+1)] + b) + c                                    the last D inputs
    NARX        y_t = V tanh(W [x_t, ..., x_(t-D+1), y_(t-1), ..., y_(t-D)] + b) + c             and its last D outputs
    recurrent   h_t = GRU(x_t, h_(t-1)),  y_t = V h_t + c                                        a state that it learns

One series, two tasks. From time to time the first input is a value to keep, a cue; after a lag of 1 to 20 steps, the
second input is 1, a mark, and the next cue comes later.

    recall      y_t is the cue at the mark, 0 elsewhere
    hold        y_t is the last cue at every step, so the past outputs contain it

NARX is trained on the true past outputs and tested on its own ones (Narendra and Parthasarathy, 1990). An error of 1
is that of a network that knows nothing: mean squared errors are divided by the variance of the cues.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .lab import Lab, Report, Text
from .spread import mean_and_range
from .task_drawings import errors_by_lag_of_tasks

D = 8  # delays: cues with a lag of up to 7 are inside the window
T, LONGEST, SERIES, BATCH, UPDATES, RATE = 64, 20, 500, 32, 450, 0.01
VARIANCE = 1.0 / 3.0  # of cues, which are uniform between -1 and 1
HIDDEN = {"tdnn": 32, "narx": 22, "recurrent": 12}  # 577, 573 and 589 parameters
NAMES = {
    "tdnn": Text("TDNN", "TDNN（延时）"),
    "narx": Text("NARX", "NARX"),
    "recurrent": Text("GRU", "循环网络（GRU）"),
}
# Bounds on the errors, and what was measured over 10 seeds.
KNOWS, KNOWS_NOTHING = 0.15, 0.9
TASKS = {"recall": Text("recall", "回忆"), "hold": Text("hold", "保持")}


def series(size: int, task: str, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """Return inputs (B, T, 2), targets (B, T), and the steps since the cue (B, T); -1 where a step is not scored."""
    import torch

    x, y = np.zeros((size, T, 2), np.float32), np.zeros((size, T), np.float32)
    lags = np.full((size, T), -1)
    for row in range(size):
        t = 0
        while t + 1 < T:
            mark = min(t + int(rng.integers(1, LONGEST + 1)), T - 1)
            cue = rng.uniform(-1.0, 1.0)
            x[row, t, 0], x[row, mark, 1] = cue, 1.0
            steps = slice(mark if task == "recall" else t, mark + 1)
            y[row, steps] = cue
            lags[row, steps] = np.arange(steps.start, mark + 1) - t
            t = mark + 1
    return torch.from_numpy(x), torch.from_numpy(y), lags


def windows(values: Any) -> Any:
    """Return the last D rows (B, T, D * K) of values (B, T, K), zeros before the first."""
    import torch

    padded = torch.nn.functional.pad(values, (0, 0, D - 1, 0))
    return padded.unfold(1, D, 1).flatten(2)


class Memory:
    """A network with one of the three memories."""

    def __init__(self, kind: str, seed: int) -> None:
        import torch

        import elman.nn

        torch.manual_seed(seed)
        self.kind, H = kind, HIDDEN[kind]
        inputs = {"tdnn": 2 * D, "narx": 3 * D}
        self.hidden: Any = (
            elman.nn.GRU(2, H, batch_first=True) if kind == "recurrent" else torch.nn.Linear(inputs[kind], H)
        )
        self.readout = torch.nn.Linear(H, 1)
        self.parameters = [*self.hidden.parameters(), *self.readout.parameters()]

    def outputs(self, x: Any, y_past: Any = None) -> Any:
        """Return y (B, T) of x (B, T, 2); y_past (B, T) are the true outputs of the steps before, for NARX."""
        import torch

        if self.kind == "recurrent":
            return self.readout(self.hidden(x)[0])[..., 0]
        rows = windows(x)
        if self.kind == "narx":
            rows = torch.cat([rows, windows(y_past[..., None])], dim=2)
        return self.readout(torch.tanh(self.hidden(rows)))[..., 0]

    def predict(self, x: Any) -> Any:
        """Return y (B, T); NARX reads its own past outputs."""
        import torch

        if self.kind != "narx":
            return self.outputs(x)
        rows, past = windows(x), torch.zeros(len(x), D)  # past: y_(t-D), ..., y_(t-1)
        steps = []
        for t in range(x.shape[1]):
            y = self.readout(torch.tanh(self.hidden(torch.cat([rows[:, t], past], dim=1))))
            past = torch.cat([past[:, 1:], y], dim=1)
            steps.append(y)
        return torch.cat(steps, dim=1)


def train(kind: str, training: tuple[Any, Any, Any], seed: int, updates: int) -> Memory:
    """Return a network trained on batches of the series."""
    import torch

    network, (x_all, y_all, _) = Memory(kind, seed), training
    optimizer = torch.optim.Adam(network.parameters, lr=RATE, fused=True)
    for _ in range(updates):
        batch = torch.randint(len(x_all), (BATCH,))
        x, y = x_all[batch], y_all[batch]
        y_past = torch.nn.functional.pad(y[:, :-1], (1, 0))
        loss = ((network.outputs(x, y_past) - y) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters, 1.0)
        optimizer.step()
    return network


def errors_by_lag(network: Memory, test: tuple[Any, Any, Any]) -> Any:
    """Return the error (LONGEST + 1,) at each lag; NaN where no step has this lag."""
    import torch

    x, y, lags = test
    with torch.no_grad():
        squares = ((network.predict(x) - y) ** 2).numpy() / VARIANCE
    return np.array([squares[lags == lag].mean() if (lags == lag).any() else np.nan for lag in range(LONGEST + 1)])


def run(report: Report) -> None:
    """Train the three networks on both tasks with several seeds, and measure the error by lag."""
    updates = UPDATES // 30 if report.smoke else UPDATES
    errors: dict[tuple[str, str], Any] = {}
    report.start(
        en=f"Training {len(TASKS) * len(NAMES)} networks, each with {len(report.seeds(10))} seeds",
        zh=f"训练 {len(TASKS) * len(NAMES)} 个网络，各用 {len(report.seeds(10))} 个随机种子",
        seconds=4.0 * len(report.seeds(10)),
    )
    for task in TASKS:
        test = series(SERIES // 2, task, np.random.default_rng(1000))
        for seed in report.seeds(10):
            training = series(SERIES, task, np.random.default_rng(seed))
            for kind in NAMES:
                network = train(kind, training, seed, updates)
                errors.setdefault((task, kind), []).append(errors_by_lag(network, test))
    curves = {key: np.array(rows) for key, rows in errors.items()}  # (seeds, lags)
    inside = {key: np.nanmean(rows[:, :D], axis=1) for key, rows in curves.items()}
    outside = {key: rows[:, D:].mean(axis=1) for key, rows in curves.items()}
    report.say(
        en=f"The same series, {updates} updates and about as many parameters. Squared error / variance at lags inside "
        f"the window (up to {D - 1}) and outside ({D} to {LONGEST}), mean of the seeds (smallest - largest):",
        zh=f"序列相同，都更新 {updates} 次，参数个数相近。均方误差除以方差：间隔在延时窗口以内（不超过 {D - 1}）"
        f"与以外（{D} 到 {LONGEST}），各随机种子的平均（最小 - 最大）：",
    )
    header = [Text("task", "任务"), Text("memory", "记忆"), Text("parameters", "参数个数")]
    rows = []
    for task, kind in curves:
        shown = (mean_and_range(part[task, kind]) for part in (inside, outside))
        rows.append((TASKS[task], NAMES[kind], _size(kind), *shown))
    report.table([*header, Text("inside", "窗口以内"), Text("outside", "窗口以外")], rows)
    largest = max(_size(kind) for kind in NAMES) / min(_size(kind) for kind in NAMES)
    report.at_most(Text("parameters, largest / smallest", "参数个数，最多比最少"), largest, 1.05)
    claim_errors(report, inside, outside)
    report.say(
        en="A window forgets a cue at its edge. What an output repeats is never D steps old, so NARX holds it, but it "
        "cannot recall what its outputs do not contain. A state has no edge. In the product: elman train forecast "
        "--memory tdnn, narx or recurrent.",
        zh="窗口一到边缘就忘记。输出不断重复的内容永远不会早于 D 步，所以 NARX 能够保持；输出里没有的，它也回忆不出来。"
        "隐状态没有这样的边缘。对应的命令：elman train forecast --memory tdnn、narx 或 recurrent。",
    )
    panels = [(TASKS[task], [(NAMES[kind], curves[task, kind].mean(0)) for kind in NAMES]) for task in TASKS]
    report.figure("errors", errors_by_lag_of_tasks(panels, D))


def claim_errors(report: Report, inside: dict[tuple[str, str], Any], outside: dict[tuple[str, str], Any]) -> None:
    """Claim who knows the cue: inside the window everybody, outside only who has a memory of it."""
    for (task, kind), errors in outside.items():
        en, zh = f"{TASKS[task].en}, {NAMES[kind].en}", f"{TASKS[task].zh}，{NAMES[kind].zh}"
        if kind == "tdnn" or (kind, task) == ("narx", "recall"):
            if not report.smoke:
                name = Text(f"{en}: inside, mean", f"{zh}：窗口以内，平均")
                report.at_most(name, inside[task, kind].mean(), KNOWS)
            report.at_least(Text(f"{en}: outside, smallest", f"{zh}：窗口以外，最小"), errors.min(), KNOWS_NOTHING)
        elif not report.smoke:
            report.at_most(Text(f"{en}: outside, largest", f"{zh}：窗口以外，最大"), errors.max(), KNOWS)


def _size(kind: str) -> int:
    return sum(parameter.numel() for parameter in Memory(kind, 0).parameters)


LAB = Lab(
    name="three-memories",
    chapter="tasks",
    title=Text("Three memories: TDNN, NARX and recurrent", "三种记忆：延时神经网络、NARX 与循环神经网络"),
    claim=Text(
        "Inside the delay window all three know the cue. Outside, a TDNN knows nothing, NARX only what its own outputs "
        "repeat, and the recurrent network knows it at every lag.",
        "在延时窗口以内，三者都记得提示；在窗口以外，TDNN 一无所知，NARX 只记得自己的输出一直在重复的内容，"
        "循环网络在任何间隔都记得。",
    ),
    source=Text(
        "Waibel et al. (1989); Narendra and Parthasarathy (1990); Lin, Horne, Tino and Giles (1996); "
        "Qiu, Neural Networks and Deep Learning, section 6.1",
        "Waibel 等（1989）；Narendra 与 Parthasarathy（1990）；Lin 等（1996）；邱锡鹏《神经网络与深度学习》6.1 节",
    ),
    seconds=78.0,
    run=run,
)
