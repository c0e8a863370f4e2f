"""The 1-of-k code: a character as a vector with a single 1, and what the first layer of a network makes of it.

    x_t = e_k, where k is the id of the character at step t        W x_t = column k of W

The vocabulary is sorted: e 0, h 1, l 2, o 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .lab import Lab, Language, Report, Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WORD = "hello"
EXPECTED_CODE = ["0100", "1000", "0010", "0010", "0001"]


def run(report: Report) -> None:
    """Encode the word, decode it again, and multiply the code by a matrix."""
    vocabulary = sorted(set(WORD))
    ids = [vocabulary.index(character) for character in WORD]
    X = np.eye(len(vocabulary))[ids]  # (T, V): row k of the identity matrix is the code of id k
    code = ["".join(f"{entry:g}" for entry in x) for x in X]
    report.say(
        en="Sort the distinct characters and number them from 0. The code of a character is 1 at its id, 0 elsewhere.",
        zh="把出现过的字符排序，从 0 开始编号。字符的独热编码在编号处为 1，其余各处为 0。",
    )
    report.table(
        ["t", Text("character", "字符"), Text("id", "编号"), Text("code", "独热编码")],
        zip(range(1, len(WORD) + 1), WORD, ids, code, strict=True),
    )
    report.equal(Text("code", "编码"), code, EXPECTED_CODE)
    report.equal(Text("decoded", "解码"), "".join(vocabulary[k] for k in X.argmax(axis=1)), WORD)

    report.say(
        en="A matrix times a one-hot vector is a column of the matrix. An embedding looks the column up instead:",
        zh="矩阵乘以独热向量，得到的就是矩阵的一列。嵌入层不做乘法，直接查出这一列：",
    )
    W = np.arange(1.0, 13.0).reshape(3, 4)
    report.show(*(f"W[{row}] = {values}" for row, values in enumerate(W.tolist())))
    for x, k in zip(X[:2], ids[:2], strict=True):
        report.show(f"W x({vocabulary[k]}) = {(W @ x).tolist()} = W[:, {k}]")
    report.equal(Text("W x, all steps", "W x，所有时间步"), X @ W.T, W[:, ids].T)
    distances = np.linalg.norm(np.eye(4)[:, None] - np.eye(4)[None], axis=-1)
    apart = distances[~np.eye(4, dtype=bool)]
    report.equal(
        Text("distance of two codes, min and max", "两个编码的距离，最小与最大"),
        [apart.min(), apart.max()],
        [np.sqrt(2.0)] * 2,
        within=1e-15,
    )
    report.say(
        en="All characters are equally far apart, √2: the code says which one it is, and not which ones are alike. "
        "The ids depend on the order of the vocabulary, which is e, h, l, o here and in the labs ohlol-embedding and "
        "ohlol-cell. The lab charlm-hello uses the order h, e, l, o of its source: there, the code of h is 1000.",
        zh="任意两个不同字符的编码都相距 √2：独热编码只区分字符，不表示哪些字符相似。"
        "编号由词表的顺序决定：这里和实验 ohlol-embedding、ohlol-cell 的词表是 e、h、l、o；"
        "实验 charlm-hello 按原文用 h、e、l、o，所以在那里 h 的编码是 1000。",
    )

    def draw(figure: Figure, language: Language) -> None:
        axes = figure.subplots()
        axes.imshow(X, cmap="Greys", vmin=0.0, vmax=2.5)
        for (t, k), entry in np.ndenumerate(X):
            axes.text(k, t, f"{entry:g}", ha="center", va="center")
        axes.set_xticks(range(4), [f"{character} ({k})" for k, character in enumerate(vocabulary)])
        axes.set_yticks(range(5), [f"{t}: {character}" for t, character in enumerate(WORD, start=1)])
        axes.set_xlabel(Text("entry: character (id)", "分量：字符（编号）").in_language(language))
        axes.set_ylabel(Text("time step t: character", "时间步 t：字符").in_language(language))

    report.figure("code", draw)


LAB = Lab(
    name="one-hot",
    chapter="sequences",
    title=Text("The one-hot code of hello", "hello 的独热编码"),
    claim=Text(
        "The 1-of-k code of hello is 0100 1000 0010 0010 0001, and W times a code is a column of W.",
        "hello 的独热编码是 0100 1000 0010 0010 0001；W 乘以一个编码，得到 W 的一列。",
    ),
    source=Text(
        "Liu Er, PyTorch in Practice, lecture 12; Karpathy (2015); assignment 8, exercise 5",
        "刘二大人《PyTorch 深度学习实践》第 12 讲；Karpathy（2015）；作业8 第 5 题",
    ),
    seconds=0.1,
    run=run,
)
