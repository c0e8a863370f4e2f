"""Text classification by a bidirectional LSTM, with mean pooling or attention; what the attention looks at.

    h_t = LSTM(x_t, h_(t-1))      g_t = LSTM'(x_t, g_(t+1))      y_t = h_t one way, [h_t, g_t] both ways

    last         c = y_T
    mean         c = (y_1 + ... + y_T) / T
    attention    c = sum of a_t y_t,   a = softmax over t of v . tanh(W y_t + b)

    P(positive) = softmax(V c + b)

The course uses IMDB's reviews, which cannot be shipped. These reviews are generated: the reviewer and the critics speak
in turn, and only the reviewer's opinion counts. Who speaks is said before the sentences (i say : ...) or after them
(... so say i), so it is word order over about 20 words that decides. In the test set each review has a twin with the
speakers exchanged: the same words, the other label.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from elman.figures.coloured_text import weights_on_text
from elman.figures.sequences import ATTENTION

from .lab import Lab, Report, Text
from .review_corpus import BAD, GOOD, Example, corpus, vocabulary
from .task_drawings import accuracy_by_updates

TRAINING_SIZE, TEST_PAIRS = 1500, 200
EMBEDDING, FEATURES, BATCH, RATE, UPDATES, INTERVAL = 32, 32, 32, 0.01, 200, 20
NETWORKS = {  # name: (both directions, pooling, label)
    "last": (False, "last", Text("one way, last", "单向，最后")),
    "mean": (False, "mean", Text("one way, mean", "单向，平均")),
    "both": (True, "mean", Text("both ways, mean", "双向，平均")),
    "attention": (True, "attention", Text("both ways, attention", "双向，注意力")),
}
EARLY = 100  # updates after which the networks differ most
# Bounds, and what was measured over 10 seeds with each of two initialisations.
GAIN_OF_DIRECTION = 0.0  # in mean accuracy after EARLY updates: 0.10 and 0.05
GAIN_OF_ATTENTION = 0.05  # 0.13 and 0.16
SMALLEST_SHARE = 0.35  # of the attention on the reviewer's opinions, mean: 0.63; 0.13 to 0.97 in single seeds


def encode(examples: list[Example]) -> tuple[Any, Any, Any]:
    """Return ids (T, B), lengths (B,) and labels (B,)."""
    import torch

    index = {word: k for k, word in enumerate(vocabulary())}
    ids = [torch.tensor([index[word] for word in text]) for text, _ in examples]
    padded = torch.nn.utils.rnn.pad_sequence(ids)
    return padded, torch.tensor([len(row) for row in ids]), torch.tensor([label for _, label in examples])


def create_network(seed: int, name: str) -> Any:
    """Return embedding, LSTM, pooling and output layer."""
    import torch

    import elman.nn

    torch.manual_seed(seed)
    both, pooling, _ = NETWORKS[name]
    return torch.nn.ModuleDict(
        {
            "embedding": torch.nn.Embedding(len(vocabulary()), EMBEDDING),
            "lstm": elman.nn.LSTM(EMBEDDING, FEATURES // 2 if both else FEATURES, bidirectional=both),
            "pooling": elman.nn.Pooling(pooling, FEATURES),
            "linear": torch.nn.Linear(FEATURES, 2),
        }
    )


def outputs_of(network: Any, ids: Any, lengths: Any) -> Any:
    """Return y (T, B, 32); padding is packed away, so that the backward direction starts at the last word."""
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    packed = pack_padded_sequence(network["embedding"](ids), lengths, enforce_sorted=False)
    return pad_packed_sequence(network["lstm"](packed)[0])[0]


def logits(network: Any, ids: Any, lengths: Any) -> Any:
    """Return the logits (B, 2)."""
    import torch

    outputs = outputs_of(network, ids, lengths)
    last = outputs[lengths - 1, torch.arange(len(lengths))]
    return network["linear"](network["pooling"](outputs, last, lengths))


def train(seed: int, name: str, training: Any, test: Any, updates: int) -> tuple[Any, list[float]]:
    """Return the network, and its accuracy on the test set after every 20 updates."""
    import torch

    network, (ids, lengths, labels) = create_network(seed, name), training
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)
    accuracies = []
    for update in range(1, updates + 1):
        batch = torch.randint(len(labels), (BATCH,))
        loss = torch.nn.functional.cross_entropy(logits(network, ids[:, batch], lengths[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        if update % INTERVAL == 0:
            with torch.no_grad():
                right = logits(network, test[0], test[1]).argmax(1) == test[2]
            accuracies.append(float(right.double().mean()))
    return network, accuracies


def bag_of_words(training: Any, test: Any) -> tuple[float, float]:
    """Return the accuracies on training and test set of a linear layer over the counts of the words."""
    import torch

    V = len(vocabulary())

    def counts(ids: Any, lengths: Any) -> Any:
        inside = torch.arange(len(ids))[:, None] < lengths
        return (torch.nn.functional.one_hot(ids, V) * inside[:, :, None]).sum(0).double()

    torch.manual_seed(0)
    linear = torch.nn.Linear(V, 2, dtype=torch.float64)
    optimizer = torch.optim.Adam(linear.parameters(), lr=0.1)
    x = counts(*training[:2])
    for _ in range(200):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(linear(x), training[2]).backward()
        optimizer.step()
    pairs = ((x, training[2]), (counts(*test[:2]), test[2]))
    first, second = (float((linear(c).argmax(1) == labels).double().mean()) for c, labels in pairs)
    return first, second


def attention(network: Any, ids: Any, lengths: Any) -> Any:
    """Return the attention weights (T, B)."""
    import torch

    with torch.no_grad():
        return network["pooling"].weights(outputs_of(network, ids, lengths), lengths).numpy()


def share_on_opinion(weights: Any, examples: list[Example]) -> float:
    """Return the mean attention on the reviewer's opinions, each of four words: "the plot was dull"."""
    shares = []
    for row, (text, label) in enumerate(examples):
        ends = [t for t, word in enumerate(text) if word in (GOOD if label else BAD)]
        shares.append(sum(weights[t - 3 : t + 1, row].sum() for t in ends))
    return float(np.mean(shares))


def run(report: Report) -> None:
    """Compare a bag of words and the four networks with several seeds; look at the attention weights."""
    updates = INTERVAL if report.smoke else UPDATES
    examples, tests = corpus(TRAINING_SIZE, TEST_PAIRS)
    training, test = encode(examples), encode(tests)
    report.say(
        en=f"{len(examples)} generated reviews for training, {len(tests)} for testing, such as:",
        zh=f"生成 {len(examples)} 条影评用于训练，{len(tests)} 条用于测试，例如：",
    )
    report.show(*(f"[{label}] {' '.join(text)}" for text, label in tests[:2]))
    fitted, tested = bag_of_words(training, test)
    report.say(
        en=f"A bag of words is right in {fitted:.0%} of the training set, but twins have the same bag: of two, it gets "
        "exactly one right.",
        zh=f"词袋模型在训练集上的准确率为 {fitted:.0%}；但测试集里每对影评的词袋相同，两条里它恰好只能答对一条。",
    )
    report.equal(Text("test accuracy, bag of words", "测试集准确率，词袋"), tested, 0.5)
    results = {name: [train(seed, name, training, test, updates) for seed in report.seeds(10)] for name in NETWORKS}
    curves = {name: np.array([accuracies for _, accuracies in results[name]]) for name in NETWORKS}
    compare(report, curves)
    look_at_attention(report, [network for network, _ in results["attention"]], test, tests)


def look_at_attention(report: Report, networks: list[Any], test: Any, examples: list[Example]) -> None:
    """Measure how much of the attention is on the reviewer's opinions, and draw that of the first seed."""
    weights = [attention(network, *test[:2]) for network in networks]
    shares = [share_on_opinion(of_seed, examples) for of_seed in weights]
    uniform = float(np.mean([8.0 / len(text) for text, _ in examples]))
    mean, lowest, highest = float(np.mean(shares)), min(shares), max(shares)
    report.say(
        en=f"The reviewer's two opinions (the plot was dull) get {mean:.0%} of the attention, {lowest:.0%} to "
        f"{highest:.0%} by seed; uniform weights would give {uniform:.0%}. Seeds that look elsewhere do as well: the "
        "LSTM can carry a word to another place, so attention weights are no proof of what decides.",
        zh=f"作者本人的两条意见（如 the plot was dull）得到 {mean:.0%} 的注意力，"
        f"各随机种子从 {lowest:.0%} 到 {highest:.0%}；均匀分配时为 {uniform:.0%}。有的种子看着别处，准确率却一样高："
        "LSTM 可以把词的信息带到别的位置，所以注意力权重并不能证明是什么在起作用。",
    )
    if not report.smoke:
        name = Text("attention on the reviewer's opinions, mean", "作者意见得到的注意力，平均")
        report.at_least(name, mean, SMALLEST_SHARE)
    labels = (Text("label: negative", "类别：负面"), Text("label: positive", "类别：正面"))
    texts = [(labels[label], text, weights[0][: len(text), row]) for row, (text, label) in enumerate(examples[:2])]
    report.figure("attention", weights_on_text(texts, ATTENTION))


def compare(report: Report, curves: dict[str, Any]) -> None:
    """Show the accuracies (seeds, times) of the networks."""
    steps = np.arange(1, curves["mean"].shape[1] + 1) * INTERVAL
    report.say(
        en=f"Test accuracy by the number of updates, mean of {len(curves['mean'])} seeds (smallest - largest):",
        zh=f"测试集准确率随更新次数的变化，{len(curves['mean'])} 个随机种子的平均（最低 - 最高）：",
    )
    report.table(
        [Text("updates", "更新次数"), *(label for _, _, label in NETWORKS.values())],
        [
            (step, *(f"{a[:, k].mean():.3f} ({a[:, k].min():.2f} - {a[:, k].max():.2f})" for a in curves.values()))
            for k, step in enumerate(steps)
        ],
    )
    if not report.smoke:
        early = {name: a[:, EARLY // INTERVAL - 1].mean() for name, a in curves.items()}
        name = Text(
            f"after {EARLY} updates: both ways minus one way, mean pooling", f"{EARLY} 次更新后：双向减单向，平均汇聚"
        )
        report.at_least(name, early["both"] - early["mean"], GAIN_OF_DIRECTION)
        name = Text(f"after {EARLY} updates: attention minus mean pooling", f"{EARLY} 次更新后：注意力减平均汇聚")
        report.at_least(name, early["attention"] - early["both"], GAIN_OF_ATTENTION)
        name = Text("test accuracy with attention at the end, smallest", "训练结束时注意力的测试集准确率，最低")
        report.at_least(name, curves["attention"][:, -1].min(), 0.98)
    report.say(
        en="With more updates all four learn this grammar. A second direction makes it a little easier, attention "
        "much easier. On IMDB's reviews the course reports about 0.86.",
        zh="继续训练，四种网络最终都能学会这套语法：第二个方向使学习略微容易，注意力则容易得多。"
        "课程在 IMDB 影评上报告的准确率约为 0.86。",
    )
    lines = [(NETWORKS[name][2], accuracies.mean(0)) for name, accuracies in curves.items()]
    report.figure("accuracy", accuracy_by_updates(steps, lines, (0.5, Text("bag of words", "词袋"))))


LAB = Lab(
    name="review-bilstm",
    chapter="tasks",
    title=Text("Text classification by bidirectional LSTM and attention", "双向 LSTM 文本分类与注意力机制（实验16）"),
    claim=Text(
        "Where word order decides, a bag of words is right in exactly half of the cases. A second direction makes the "
        "task a little easier to learn, attention much easier; on average it looks at the words that count.",
        "由词序决定类别时，词袋模型恰好只对一半。双向 LSTM 比单向略容易学会，加上注意力机制则容易得多；"
        "平均来看，注意力偏向起作用的词。",
    ),
    source=Text(
        "Qiu, Neural Networks and Deep Learning, experiment 6.4; Yang et al. (2016), section 2.2",
        "邱锡鹏《神经网络与深度学习：案例与实践》实验 6.4（实验16）；Yang 等（2016）2.2 节",
    ),
    seconds=78.0,
    run=run,
)
