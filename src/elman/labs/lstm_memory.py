"""What a long short-term memory remembers, and where: digit-sum by an LSTM, and the states of its gates (nndl 6.3).

    i = sigmoid(...)    f = sigmoid(...)    g = tanh(...)    o = sigmoid(...)        each of W x + b + U h + c
    c' = f * c + i * g
    h' = o * tanh(c')

The derivative of c' with respect to c along this line is f. Where f is near 1, c keeps its value, and its gradient,
over many steps. Two pictures of this: the gates while a trained network reads one sequence, and the accuracy after
either h or c is set to zero in the middle of the sequence.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from elman.cells import readout, unroll
from elman.kernels import Adam

from . import digit_sum
from .digit_sum import BATCH, EPOCHS, Training, create_examples, create_network
from .lab import Lab, Language, Report, Text
from .sequence_classifier import Integers, SequenceClassifier

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Bounds of the claims, with what 10 seeds gave; the lab uses the first 5 of them.
LEAST_GAINS = {10: 0.25, 20: 0.3}  # by L, of the mean accuracy of LSTM over SRN: 0.40 and 0.55 (nine seeds)
LEAST_RISE = 0.1  # of the mean f from the two digits to the zeros at the end: 0.21 to 0.35
LEAST_DIFFERENCE = 0.3  # of the mean accuracies with h = 0 and with c = 0: 0.51
TITLES = (
    Text("input gate", "输入门"),
    Text("forget gate", "遗忘门"),
    Text("output gate", "输出门"),
    Text("memory cell", "单元状态"),
)
CELLS = {"elman": "SRN", "lstm": "LSTM"}
SHOWN = (6, 7, 0, 0, 1, 0, 0, 0, 0, 0)  # the sequence of the source's picture; the sum is 13
QUIET = slice(5, None)  # its last steps: only zeros
MIDDLE = 5  # the step after which a state is set to zero
TIMED_ROUNDS, TIMED_LENGTH = 60, 20

Gates = dict[str, npt.NDArray[np.float32]]


def read_gates(network: SequenceClassifier, digits: tuple[int, ...]) -> Gates:
    """Return i, f, o and c (T, H) while the network reads one sequence."""
    _, _, tape = unroll.forward(network.cell, network.layer_parameters(), network.one_hot[list(digits)][None])
    steps = [[array[0] for array in step.cell] for step in tape.layers[0][0].steps]
    i, f, g, o, c, _ = np.array(steps).transpose(1, 0, 2)
    return {"i": i, "f": f, "o": o, "c": f * c + i * g}


def accuracy_without(network: SequenceClassifier, erased: str, digits: Integers, sums: Integers) -> float:
    """Return the accuracy if the states named in `erased` ("", "h" or "c") are set to zero after step MIDDLE."""
    x, layers = network.one_hot[digits], network.layer_parameters()
    _, ((states,),) = unroll.run(network.cell, layers, x[:, :MIDDLE])
    state = tuple(np.zeros_like(s) if name in erased else s for name, s in zip("hc", states, strict=True))
    _, (((h, _),),) = unroll.run(network.cell, layers, x[:, MIDDLE:], ((state,),))
    logits = readout.forward(h, network.p["V"], network.p["b_o"])
    return float((logits.argmax(axis=1) == sums).mean())


def measure_updates(rounds: int) -> dict[str, float]:
    """Return the median time of an update by this lab's network and by torch.nn, in seconds, measured in turn."""
    import torch

    tokens, classes = (part[:BATCH] for part in create_examples(TIMED_LENGTH, 1, np.random.default_rng(0)))
    network, x, targets = create_network("lstm", seed=0), torch.from_numpy(tokens), torch.from_numpy(classes)
    optimizer = Adam(network.parameters, digit_sum.RATE)
    H = digit_sum.HIDDEN
    embedding, layer = torch.nn.Embedding(digit_sum.DIGITS, H), torch.nn.LSTM(H, H, batch_first=True)
    linear = torch.nn.Linear(H, digit_sum.CLASSES)
    parameters = torch.nn.ModuleList([embedding, layer, linear]).parameters()
    torch_optimizer = torch.optim.Adam(parameters, digit_sum.RATE)

    def update() -> None:
        network.loss(tokens, classes)
        optimizer.update(network.gradients)

    def update_by_torch() -> None:
        torch_optimizer.zero_grad()
        torch.nn.functional.cross_entropy(linear(layer(embedding(x))[1][0][-1]), targets).backward()
        torch_optimizer.step()

    seconds: dict[str, list[float]] = {"elman": [], "torch.nn": []}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for name, function in rounds * [("elman", update), ("torch.nn", update_by_torch)]:
        started = time.perf_counter()
        function()
        seconds[name].append(time.perf_counter() - started)
    torch.set_num_threads(threads)
    return {name: float(np.median(values)) for name, values in seconds.items()}


def run(report: Report) -> None:
    """Train SRN and LSTM, look at the gates of an LSTM, erase its states, and measure its speed."""
    epochs, seeds = (2 if report.smoke else EPOCHS), report.seeds(5)
    report.show("c' = f * c + i * g        h' = o * tanh(c')")
    report.start(
        en=f"Training {len(CELLS) * len(LEAST_GAINS)} networks, each with {len(seeds)} seeds",
        zh=f"训练 {len(CELLS) * len(LEAST_GAINS)} 个网络，各用 {len(seeds)} 个随机种子",
        seconds=12.0 * len(seeds),
    )
    report.say(
        en=f"Test accuracy, mean ± spread of {len(seeds)} seeds (digit-sum has more lengths, and GRU):",
        zh=f"测试准确率，{len(seeds)} 个随机种子的平均 ± 标准差（更多长度以及 GRU 见 digit-sum）：",
    )
    runs = {
        (cell, length): digit_sum.train_all([create_network(cell, seed) for seed in seeds], length, epochs)
        for cell in CELLS
        for length in LEAST_GAINS
    }
    table = [(length, *(digit_sum.describe_accuracy(runs[cell, length]) for cell in CELLS)) for length in LEAST_GAINS]
    report.table(["L", *CELLS.values()], table)
    for length, least in LEAST_GAINS.items() if not report.smoke else ():
        srn, lstm = (np.mean([training.test for training in runs[cell, length]]) for cell in CELLS)
        name = Text(f"mean gain of LSTM over SRN, L = {length}", f"L = {length} 时 LSTM 比 SRN 平均高出")
        report.at_least(name, float(lstm - srn), least)
    trainings = runs["lstm", len(SHOWN)]
    _show_gates(report, trainings)
    _erase_states(report, [training.network for training in trainings])
    _show_speed(report)


def _show_gates(report: Report, trainings: list[Training]) -> None:
    """Describe and draw the gates of the network with the best validation accuracy."""
    network = max(trainings, key=lambda training: training.validation).network
    gates = read_gates(network, SHOWN)
    report.say(
        en=f"One LSTM reads {' '.join(map(str, SHOWN))} and answers {network.logits(np.array([SHOWN])).argmax()}. "
        "Means over its units, and the largest |c|:",
        zh=f"一个 LSTM 读入 {' '.join(map(str, SHOWN))}，给出 {network.logits(np.array([SHOWN])).argmax()}。"
        "各步对所有单元的平均值，以及最大的 |c|：",
    )
    rows = zip(SHOWN, *(gates[gate].mean(axis=1) for gate in "ifo"), np.abs(gates["c"]).max(axis=1), strict=True)
    report.table([Text("digit", "数字"), *"ifo", "max |c|"], [[row[0], *(f"{v:.2f}" for v in row[1:])] for row in rows])
    hidden = gates["o"] * np.tanh(gates["c"])
    report.equal(
        Text("o tanh(c) - h, largest", "o tanh(c) 与 h 的最大差"),
        float(np.abs(hidden - network.states(np.array([SHOWN]))[0]).max()),
        0.0,
        within=1e-5,
    )
    if not report.smoke:
        forget = [read_gates(training.network, SHOWN)["f"] for training in trainings]
        rises = [float(f[QUIET].mean() - f[:2].mean()) for f in forget]
        name = Text("mean f: zeros at the end above the two digits, smallest", "f 的平均值：末尾各步比前两步高出，最小")
        report.at_least(name, min(rises), LEAST_RISE)

    def draw(figure: Figure, language: Language) -> None:
        axes = figure.subplots(2, 2, sharex=True, sharey=True).flat
        order = np.argsort(gates["f"][QUIET].mean(axis=0))  # units that keep their memory at the top
        limit = float(np.abs(gates["c"]).max())
        for ax, (name, values), title in zip(axes, gates.items(), TITLES, strict=True):
            low, high = (-limit, limit) if name == "c" else (0.0, 1.0)
            image = ax.imshow(values[:, order].T, vmin=low, vmax=high, aspect="auto")  # viridis, readable in grey
            ax.set_title(f"{name}: {title.in_language(language)}", fontsize="medium")
            ax.set_xticks(range(len(SHOWN)), map(str, SHOWN))
            ax.set_yticks([])
            figure.colorbar(image, ax=ax)
        figure.supxlabel(Text("digit that is read", "读入的数字").in_language(language), fontsize="medium")
        figure.supylabel(Text("units", "单元").in_language(language), fontsize="medium")

    report.figure("gates", draw)


def _erase_states(report: Report, networks: list[SequenceClassifier]) -> None:
    """Claim that the digits are in c: erasing it costs more than erasing h."""
    digits, sums = create_examples(len(SHOWN), 1, np.random.default_rng(0))
    scores = {erased: [accuracy_without(n, erased, digits, sums) for n in networks] for erased in ("", "h", "c")}
    report.say(
        en=f"Accuracy if a state is set to zero after step {MIDDLE}, when both digits are long past:",
        zh=f"在第 {MIDDLE} 步之后（两个数字早已读完）把一个状态清零，准确率变为：",
    )
    header = (Text("nothing erased", "不清零"), "h = 0", "c = 0")
    report.table(header, [[f"{np.mean(values):.3f} ± {np.std(values):.3f}" for values in scores.values()]])
    if not report.smoke:
        name = Text("mean accuracy with h = 0, above that with c = 0", "h = 0 时的平均准确率比 c = 0 时高出")
        report.at_least(name, float(np.mean(scores["h"]) - np.mean(scores["c"])), LEAST_DIFFERENCE)


def _show_speed(report: Report) -> None:
    """Show the time of an update beside torch.nn's. This is no claim: it depends on the machine."""
    try:
        own, other = measure_updates(3 if report.smoke else TIMED_ROUNDS).values()
    except ModuleNotFoundError:
        report.say(en="PyTorch is not installed: no comparison of speed.", zh="未安装 PyTorch，不比较速度。")
        return
    report.say(
        en=f"One update (batch of {BATCH}, L = {TIMED_LENGTH}, one thread; medians): this network {1e6 * own:.0f} µs, "
        f"the same with torch.nn.LSTM {1e6 * other:.0f} µs: {other / own:.1f} times as long.",
        zh=f"更新一次（批大小 {BATCH}，L = {TIMED_LENGTH}，单线程，取中位数）：本网络 {1e6 * own:.0f} 微秒，"
        f"用 torch.nn.LSTM 为 {1e6 * other:.0f} 微秒，是前者的 {other / own:.1f} 倍。",
    )


LAB = Lab(
    name="lstm-memory",
    chapter="memory",
    title=Text("What an LSTM remembers, and where", "LSTM 的记忆能力与门的状态（实验6.3、实验15）"),
    claim=Text(
        "On digit-sum an LSTM is right more often than a simple recurrent network; its forget gates open while nothing "
        "happens, and the digits are in c.",
        "在数字求和任务上，LSTM 的准确率高于简单循环网络；没有新信息时遗忘门打开，两个数字保存在 c 中。",
    ),
    source=Text(
        "Hochreiter and Schmidhuber (1997); Qiu, Neural Networks and Deep Learning, experiment 6.3",
        "Hochreiter 与 Schmidhuber（1997）；邱锡鹏等《神经网络与深度学习：案例与实践》实验 6.3（实验15）",
    ),
    seconds=55.0,
    run=run,
)
