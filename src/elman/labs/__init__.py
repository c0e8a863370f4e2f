"""The textbook's experiments, one file each: `elman lab` lists them, and `elman lab NAME` runs one.

A new lab is one file with LAB in it, its name in LABS, and its explanation in Chinese in explanations/. Order of
reading: lab.py, then any lab.
"""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Iterable, Sequence

from elman.errors import ConfigError

from .exercises import EXERCISES
from .lab import Lab, Text

CHAPTERS = {
    "srn": Text("The simple recurrent network", "简单循环网络"),
    "bptt": Text("Backpropagation through time", "随时间反向传播"),
    "addition": Text("Binary addition", "二进制加法"),
    "sequences": Text("Characters, words and pairs", "字符、词与序列对"),
    "language": Text("Language models", "语言模型"),
    "encoder-decoder": Text("Encoder-decoder and attention", "编码器-解码器与注意力机制"),
    "memory": Text("Long-term dependencies", "长程依赖"),
    "tasks": Text("Classification, labelling and forecasting", "文本分类、序列标注与时间序列预测"),
}

LABS = (
    *("srn-linear", "srn-tanh", "srn-frameworks", "srn-mistakes", "shared-weights"),
    *("bptt", "bptt-lstm-gru", "gradients", "clipping", "residual", "gates-gradient"),
    *("adder", "adder-randn", "adder-long"),
    *("one-hot", "charlm-hello", "ohlol-embedding", "ohlol-cell"),
    *("antonyms", "antonyms-decoding", "preprocess", "dimensions", "dimensions-prediction"),
    *("time-machine", "rnn-scratch", "rnn-concise", "lstm-deep", "no-clipping", "no-detach", "sampling"),
    *("tang-poems",),
    *("reversal", "teacher-forcing", "masked-loss", "beam", "decimal-carry", "translate"),
    *("first-token", "digit-sum", "initial-weights", "exploding", "lstm-memory", "variants"),
    *("bidirectional", "cloze", "thor-review", "review-bilstm", "io-patterns", "three-memories"),
)

# What students search for, and the labs of each in their order.
ALIASES: dict[str, tuple[str, ...]] = {
    "作业8": (
        *("srn-linear", "srn-tanh", "srn-frameworks", "srn-mistakes", "adder", "adder-randn", "adder-long"),
        *("one-hot", "charlm-hello", "ohlol-embedding", "ohlol-cell", "antonyms", "antonyms-decoding"),
    ),
    "作业9": ("bptt", "bptt-lstm-gru"),
    "作业10": ("gradients", "clipping", "residual", "gates-gradient"),
    # Experiments and exercises of Neural Networks and Deep Learning (邱锡鹏), chapter 6.
    "实验14": ("digit-sum", "exploding"),
    "实验15": ("lstm-memory",),
    "实验16": ("review-bilstm",),
    "实验6.1": ("digit-sum",),
    "实验6.2": ("exploding",),
    "实验6.3": ("lstm-memory",),
    "实验6.4": ("review-bilstm",),
    "nndl-6.1": ("digit-sum",),
    "nndl-6.2": ("exploding",),
    "nndl-6.3": ("lstm-memory",),
    "nndl-6.4": ("review-bilstm",),
    "动手练习6": ("variants",),
    "序列反转": ("reversal",),
    "进位加法": ("decimal-carry",),
    "机器翻译": ("translate",),
    "唐诗生成": ("tang-poems",),
    "双向循环神经网络": ("bidirectional", "first-token", "cloze"),
    "nlp-beginner-2": ("thor-review", "review-bilstm"),
    "nlp-beginner-5": ("tang-poems",),
    # Sections of Dive into Deep Learning (动手学深度学习), Chinese edition.
    "d2l-8.2": ("preprocess", "time-machine"),
    "d2l-8.3": ("time-machine",),
    "d2l-8.5": ("dimensions", "dimensions-prediction", "rnn-scratch", "no-clipping", "no-detach", "sampling"),
    "d2l-8.6": ("rnn-concise",),
    "d2l-8.7": ("bptt", "gradients", "no-detach"),
    "d2l-9.1": ("bptt-lstm-gru",),
    "d2l-9.2": ("bptt-lstm-gru",),
    "d2l-9.3": ("lstm-deep",),
    "d2l-9.4": ("bidirectional", "cloze"),
    "d2l-9.7": ("translate", "teacher-forcing", "masked-loss"),
    "d2l-9.8": ("beam",),
}


NUMBERED = ("作业", "实验", "动手练习")
NUMERALS = {"十四": "14", "十五": "15", "十六": "16", "六": "6", "八": "8", "九": "9", "十": "10"}


def load_lab(name: str) -> Lab:
    """Return the lab of a name in LABS."""
    lab: Lab = importlib.import_module(f"{__name__}.{name.replace('-', '_')}").LAB
    return lab


def find_labs(names: Iterable[str]) -> list[Lab]:
    """Return the labs of names and aliases, each once, in their order; an unknown name is a ConfigError."""
    names_once: dict[str, None] = {}
    for name in _joined([_standard_name(name) for name in names]):
        if name not in LABS and name not in ALIASES:
            near = difflib.get_close_matches(name, [*LABS, *ALIASES], n=1)
            hint = f"Did you mean {near[0]!r}?" if near else "List all labs with `elman lab`"
            if name in EXERCISES:
                hint = f"It is an exercise: write it with `elman lab {name} --exercise {name}.py`"
            raise ConfigError(f"unknown lab {name!r}", hint=hint)
        names_once |= dict.fromkeys(ALIASES.get(name, (name,)))
    return [load_lab(name) for name in names_once]


def _standard_name(name: str) -> str:
    """Return a name as the list has it: 作业八, 第8次作业 and zuoye8 are 作业8, and SRN_tanh is srn-tanh."""
    for numeral, digits in NUMERALS.items() if any(word in name for word in NUMBERED) else ():
        name = name.replace(numeral, digits)
    name = re.sub(r"^第(\d+)次作业$|^zuoye-?(\d+)$", lambda match: f"作业{match[1] or match[2]}", name)
    return name if name in ALIASES else name.lower().replace("_", "-")


def _joined(names: Sequence[str]) -> list[str]:
    """Return the names, of which a number belongs to the word before it: 作业 8 is 作业8."""
    joined: list[str] = []
    for name in names:
        if joined and joined[-1] in NUMBERED and f"{joined[-1]}{name}" in ALIASES:
            name = f"{joined.pop()}{name}"
        joined.append(name)
    return joined
