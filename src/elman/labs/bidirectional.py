"""A bidirectional language model has a wonderful perplexity and generates nonsense: it has read the answer.

Two layers read in opposite directions, and their outputs are concatenated:

    h_t = GRU(x_t, h_(t-1)),  t = 1 ... T          forward, H units: has read x_1 ... x_t
    g_t = GRU'(x_t, g_(t+1)),  t = T ... 1         backward, H units: has read x_t ... x_T
    o_t = V [h_t, g_t] + b                         2H numbers; [h_t, g_t] has read all of x

A language model is trained to predict x_(t+1) from o_t. But g_t has read x_(t+1) one step before, so the network only
copies it. When text is generated, x_(t+1) does not exist yet, and the network has never learned to guess it. Only the
last position of a window is like generation: nothing is to the right of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .lab import Lab, Report, Text
from .manual_text import SYMBOLS, corpus, random_windows
from .spread import mean_and_range
from .task_drawings import perplexity_by_position

VALID_WINDOWS = 60
T, UPDATES, RATE, CLIP = 64, 250, 0.01, 1.0
EMBEDDING, FEATURES = 32, 64  # FEATURES numbers reach the output layer: H = 64 one way, 2H = 2 * 32 both ways
PROMPT, GENERATED = "the class ", 70
WAYS = (Text("one way", "单向"), Text("both ways", "双向"))
# Bounds, and what was measured over 10 seeds.
LARGEST_STATED = 1.15  # perplexity of whole windows, both ways: 1.04 to 1.05
SMALLEST_RATIO = 1.6  # perplexity of the text so far, both ways by one way: 2.0 and more
SMALLEST_COPIED = 17.0  # symbols of 27 that are copied: 16 to 23, mean 20.5; those that the text hardly has are not


def create_network(seed: int, *, bidirectional: bool) -> Any:
    """Return embedding, recurrent layer and output layer."""
    import torch

    import elman.nn

    torch.manual_seed(seed)
    size = FEATURES // 2 if bidirectional else FEATURES
    layer = elman.nn.GRU(EMBEDDING, size, batch_first=True, bidirectional=bidirectional)
    linear = torch.nn.Linear(FEATURES, len(SYMBOLS))
    return torch.nn.ModuleDict(
        {"embedding": torch.nn.Embedding(len(SYMBOLS), EMBEDDING), "layer": layer, "linear": linear}
    )


def logits(network: Any, ids: Any) -> Any:
    """Return o (B, T, V) of ids (B, T)."""
    outputs, _ = network["layer"](network["embedding"](ids))
    return network["linear"](outputs)


def train(seed: int, updates: int, *, bidirectional: bool) -> Any:
    """Return a network trained to predict the next symbol at every position of a window."""
    import torch
    from torch.nn.functional import cross_entropy

    network, rng = create_network(seed, bidirectional=bidirectional), np.random.default_rng(seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)
    for _ in range(updates):
        window = random_windows(corpus()[0], T + 1, rng)
        loss = cross_entropy(logits(network, window[:, :-1]).flatten(0, 1), window[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimizer.step()
    return network


def losses_by_position(network: Any, *, prefix_only: bool) -> Any:
    """Return the mean loss (T,) at each position of new windows; with prefix_only, x ends at this position."""
    import torch
    from torch.nn.functional import cross_entropy

    window = corpus()[1][: VALID_WINDOWS * (T + 1)].view(-1, T + 1)
    x, targets = window[:, :-1], window[:, 1:]
    with torch.no_grad():
        if prefix_only:
            o = torch.stack([logits(network, x[:, : t + 1])[:, -1] for t in range(T)], dim=1)
        else:
            o = logits(network, x)
        return cross_entropy(o.transpose(1, 2), targets, reduction="none").mean(0).numpy()


def generate(network: Any) -> str:
    """Return sampled text; the input of each step is all that has been written so far."""
    import torch

    ids = [SYMBOLS.index(symbol) for symbol in PROMPT]
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for _ in range(GENERATED):
            p = torch.softmax(logits(network, torch.tensor([ids[-T:]]))[0, -1], dim=0)
            ids.append(int(torch.multinomial(p, 1, generator=generator)))
    return "".join(SYMBOLS[k] for k in ids)


def probe(network: Any, t: int = T // 2) -> tuple[float, int]:
    """Put each symbol in the place of x_(t+1); return the largest change of o_t, and how often o_t predicts it."""
    import torch

    windows = corpus()[1][:T].repeat(len(SYMBOLS), 1)
    windows[:, t + 1] = torch.arange(len(SYMBOLS))
    with torch.no_grad():
        o_t = logits(network, windows)[:, t]
    return float((o_t - o_t[0]).abs().max()), int((o_t.argmax(1) == windows[:, t + 1]).sum())


def concatenation_error(network: Any) -> float:
    """Return the largest difference of the 2H outputs to those of two layers, the second on the reversed input."""
    import torch

    import elman.nn

    layer, x = network["layer"], network["embedding"](corpus()[1][None, :T])
    with torch.no_grad():
        single = []
        for suffix in ("_l0", "_l0_reverse"):
            one = elman.nn.GRU(EMBEDDING, FEATURES // 2, batch_first=True)
            weights = {name: value for name, value in layer.state_dict().items() if name.endswith(suffix)}
            one.load_state_dict({name.removesuffix("_reverse"): value for name, value in weights.items()})
            single.append(one)
        two = torch.cat([single[0](x)[0], single[1](x.flip(1))[0].flip(1)], dim=2)
        return float((layer(x)[0] - two).abs().max())


def run(report: Report) -> None:
    """Train both networks with several seeds, and compare what is stated with what generation needs."""
    updates = UPDATES // 10 if report.smoke else UPDATES
    report.start(
        en=f"Training 2 networks, each with {len(report.seeds(10))} seeds",
        zh=f"训练 2 个网络，各用 {len(report.seeds(10))} 个随机种子",
        seconds=4.0 * len(report.seeds(10)),
    )
    networks = {both: [train(seed, updates, bidirectional=both) for seed in report.seeds(10)] for both in (False, True)}
    error = concatenation_error(networks[True][0])
    report.say(
        en=f"The outputs of both directions are concatenated, not added: {FEATURES // 2} + {FEATURES // 2} = "
        f"{FEATURES} numbers, those of two layers of which the second reads the reversed input.",
        zh=f"两个方向的输出是拼接，不是相加：{FEATURES // 2} + {FEATURES // 2} = {FEATURES} 个数，"
        "等于两个单向层的输出，其中第二层读取反转的输入。",
    )
    report.at_most(Text("difference to two layers", "与两个单向层的输出之差"), error, 1e-5)

    changes, copies = np.array([[probe(network) for network in way] for way in networks.values()]).transpose(2, 0, 1)
    report.say(
        en=f"The probe: x_(t+1) is replaced by each of the {len(SYMBOLS)} symbols. One way, o_t cannot change. Both "
        f"ways, it predicts the new symbol {copies[1].mean():.1f} times of {len(SYMBOLS)}: it is a copy.",
        zh=f"检验：把 x_(t+1) 依次换成 {len(SYMBOLS)} 个字符。单向时 o_t 不会变；"
        f"双向时，{len(SYMBOLS)} 次里平均有 {copies[1].mean():.1f} 次“预测”出换上的字符：这只是抄写。",
    )
    report.equal(Text("largest change of o_t, one way", "o_t 的最大变化，单向"), changes[0].max(), 0.0)
    report.at_least(Text("smallest change of o_t, both ways", "o_t 的最小变化，双向"), changes[1].min(), 0.1)
    if not report.smoke:
        report.at_least(Text("symbols copied, mean", "抄写的字符数，平均"), copies[1].mean(), SMALLEST_COPIED)
    compare_perplexity(report, networks)


def compare_perplexity(report: Report, networks: dict[bool, list[Any]]) -> None:
    """Show the perplexity over whole windows, that of the prefixes alone, and samples."""
    stated, honest = (
        np.array([[losses_by_position(n, prefix_only=only) for n in way] for way in networks.values()])
        for only in (False, True)
    )  # (2, seeds, T)
    whole, prefix = np.exp(stated.mean(2)), np.exp(honest.mean(2))
    report.say(
        en="Perplexity on the validation set. Whole windows are what training reports. Generation has only the text "
        "so far, so the second column gives the network x_1 ... x_t alone (mean of the seeds, smallest to largest):",
        zh="验证集上的困惑度。“整个窗口”是训练时报告的数；生成文本时只有已写出的部分，"
        "所以“只给前文”一列只输入 x_1 … x_t（各随机种子的平均，最小到最大）：",
    )
    rows = [(WAYS[way], *(mean_and_range(values[way], ".3g") for values in (whole, prefix))) for way in (0, 1)]
    report.table(["", Text("whole windows", "整个窗口"), Text("text so far", "只给前文")], rows)
    for name, network in zip(WAYS, (networks[False][0], networks[True][0]), strict=True):
        text = generate(network)
        report.show(Text(f"{name.en}:  {text}", f"{name.zh}:  {text}"))
    report.at_most(
        Text("difference of the two for one way", "单向时两者之差"), float(np.abs(whole[0] - prefix[0]).max()), 1e-3
    )
    if not report.smoke:
        report.at_most(
            Text("perplexity of whole windows, both ways", "整个窗口的困惑度，双向"), whole[1].max(), LARGEST_STATED
        )
        report.at_least(
            Text("both ways / one way, text so far, smallest", "只给前文的困惑度之比，双向比单向，最小"),
            (prefix[1] / prefix[0]).min(),
            SMALLEST_RATIO,
        )
    report.say(
        en="Use both directions where the whole sequence is there before the answer: labels of tokens (elman train "
        "tag), classes of texts (labs first-token, review-bilstm), gaps (lab cloze).",
        zh="整个序列先于答案给出时才用双向网络：序列标注（elman train tag）、"
        "文本分类（实验 first-token、review-bilstm）、完形填空（实验 cloze）。",
    )
    lines = list(zip(WAYS, np.exp(stated.mean(1)), strict=True))
    report.figure("perplexity", perplexity_by_position(lines))


LAB = Lab(
    name="bidirectional",
    chapter="tasks",
    title=Text("A bidirectional language model has seen the future", "双向循环神经网络为什么不能当语言模型"),
    claim=Text(
        "Both ways, the perplexity is below 1.15 and the text is nonsense: o_t copies x_(t+1). Given only the text so "
        "far, its perplexity is at least 1.6 times that of one direction.",
        "双向网络的困惑度低于 1.15，写出的却是乱码：o_t 抄写的是 x_(t+1)。"
        "只给前文时，它的困惑度是单向网络的 1.6 倍以上。",
    ),
    source=Text(
        "Schuster and Paliwal (1997); Zhang et al., Dive into Deep Learning, section 9.4 / 10.4",
        "Schuster 与 Paliwal（1997）；《动手学深度学习》9.4 节（双向循环神经网络），英文版 10.4 节",
    ),
    seconds=38.0,
    run=run,
)
