"""Write the golden models: small model folders of the present format version, with what they predict.

    python -m tests.golden.write          for a new format version; folders that exist are never changed

Later releases must load them and predict the same (test_golden.py). The same machine writes the same bytes again:
seeds, one thread, a fixed date, and cards without the speed of this machine.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from elman.checkpoint.model_folder import FORMAT_VERSION, QUANTIZED_FORMAT_VERSION

from .predictions import GOLDEN, predictions

DATE = "1764594000"  # 2025-12-01T13:00:00Z, in seconds since 1970
POEM = "床前明月光，疑是地上霜。举头望明月，低头思故乡。\n春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。\n"
COLOURS, ANIMALS = ["red", "blue", "green", "dark"], ["cat", "dog", "horse", "bird"]


class Case(NamedTuple):
    """A golden model: the task, the file that it is trained on, the config values, and the inputs of predictions."""

    task: str
    file: str
    content: Callable[[], str]
    values: dict[str, Any]
    inputs: Any
    package: str | None = None  # that training needs


def sentences(rng: random.Random) -> list[list[str]]:
    """Return sentences of a few words."""
    return [
        ["the", rng.choice(COLOURS), rng.choice(ANIMALS), rng.choice(["sees", "hears"]), "a", rng.choice(ANIMALS), "."]
        for _ in range(160)
    ]


def text() -> str:
    return "".join(" ".join(words) + "\n" for words in sentences(random.Random(1)))


def labelled() -> str:
    rows = ("{}\t{}\n".format("动物" if words[2] in "cat dog" else "others", " ".join(words)) for words in pool(2))
    return "label\ttext\n" + "".join(rows)


def reviews() -> str:
    rng, good, bad = random.Random(3), ["很好", "喜欢", "不错"], ["很差", "失望", "难看"]
    lines = []
    for _ in range(160):
        label = rng.choice(["好评", "差评"])
        lines.append(f"{label}\t这本书{rng.choice(good if label == '好评' else bad)}。\n")
    return "label\ttext\n" + "".join(lines)


def tagged() -> str:
    tags = {**dict.fromkeys(COLOURS, "B-THING"), "the": "O", "a": "O", "sees": "O", "hears": "O", ".": "O"}
    lines = []
    for words in pool(4):
        named = [tags.get(word, "I-THING" if n == 2 else "B-THING") for n, word in enumerate(words)]
        lines.append("".join(f"{word} {tag}\n" for word, tag in zip(words, named, strict=True)) + "\n")
    return "".join(lines)


def translated() -> str:
    chinese = dict(zip([*COLOURS, *ANIMALS], ["红", "蓝", "绿", "深色", "猫", "狗", "马", "鸟"], strict=True))
    return "".join(f"{' '.join(w[:3])} {n}\t{chinese[w[1]]}色的{chinese[w[2]]}\n" for n, w in enumerate(pool(5)))


def pinyin() -> str:
    sounds = {"床": "chuang", "前": "qian", "明": "ming", "月": "yue", "光": "guang", "地": "di", "上": "shang"}
    rng = random.Random(6)
    rows = {"".join(rng.choices([*sounds], k=rng.randint(1, 4))) for _ in range(160)}
    return "".join(f"{row}\t{' '.join(sounds[one] for one in row)}\n" for row in sorted(rows))


def shops() -> str:
    rng = random.Random(7)
    rows = []
    for shop, level in (("north", 20.0), ("南店", 300.0)):
        for n in range(60):
            date = f"2024-{1 + n // 28:02d}-{1 + n % 28:02d}"
            rows.append(f"{shop},{date},{level * (1 + 0.2 * (n % 7)) + rng.random():.2f},{n % 7 // 5}\n")
    return "shop,date,sales,weekend\n" + "".join(rows)


def waves() -> str:
    rng = random.Random(8)
    return "y\n" + "".join(f"{100 + 30 * (n % 12) + 5 * rng.random():.3f}\n" for n in range(120))


def pool(seed: int) -> list[list[str]]:
    return sentences(random.Random(seed))


SHOPS = {
    "shop": ["north"] * 16 + ["南店"] * 16,
    "date": [f"2024-03-{1 + n % 16:02d}" for n in range(32)],
    "sales": [(20.0 if n < 16 else 300.0) * (1 + 0.2 * (n % 7)) for n in range(32)],
    "weekend": [float(n % 7 // 5) for n in range(32)],
}
TRAINING = {"steps": 60, "batch_size": 16, "learning_rate": 0.01, "threads": 1}
SMALL = {"hidden_size": 12, "embedding_size": 8}
CASES: dict[str, Case] = {
    "lm-chinese-bytes": Case(
        "lm",
        "poem.txt",
        lambda: POEM * 30,
        {
            "data": {"byte_fallback": True},
            "model": {"cell": "gru", **SMALL},
            "training": {**TRAINING, "bptt_steps": 12},
        },
        ["床前", "春眠不觉晓", "未见过的字 🐎"],
    ),
    "lm-words-tied": Case(
        "lm",
        "text.txt",
        text,
        {
            "data": {"level": "word", "normalize": "lower"},
            "model": {"cell": "lstm", "hidden_size": [10, 8], "embedding_size": 8, "tie_weights": True},
            "training": {**TRAINING, "bptt_steps": 12},
        },
        ["the red", "a horse sees"],
    ),
    "classify-words-characters": Case(
        "classify",
        "labels.tsv",
        labelled,
        {
            "data": {"level": "word"},
            "model": {
                "cell": "gru",
                **SMALL,
                "character_size": 4,
                "character_embedding_size": 4,
                "pooling": "attention",
            },
            "training": TRAINING,
        },
        ["the red cat sees a dog .", "Unbekannte Wörter", "bird"],
    ),
    "classify-chinese-characters": Case(
        "classify",
        "reviews.tsv",
        reviews,
        {"model": {"cell": "lstm", **SMALL, "pooling": "max"}, "training": TRAINING},
        ["这本书很好。", "失望", "没见过"],
    ),
    "tag-characters-crf": Case(
        "tag",
        "tags.txt",
        tagged,
        {
            "model": {"cell": "lstm", **SMALL, "character_size": 4, "character_embedding_size": 4, "crf": True},
            "training": TRAINING,
        },
        [["the", "dark", "bird", "sees", "a", "cat", "."], ["Pferd"], ["green", "green", "dog"]],
    ),
    "tag-softmax": Case(
        "tag",
        "tags.txt",
        tagged,
        {"model": {"cell": "elman", **SMALL, "crf": False, "bidirectional": False}, "training": TRAINING},
        [["the", "dark", "bird", "sees", "a", "cat", "."], ["Pferd"]],
    ),
    "seq2seq-subwords-attention": Case(
        "seq2seq",
        "pairs.tsv",
        translated,
        {
            "data": {"source_level": "bpe", "target_level": "char", "vocabulary_size": 60},
            "model": {"cell": "gru", **SMALL, "attention": "general"},
            "training": {**TRAINING, "steps": 120},
        },
        ["the red horse 3", "the blue zebra", "dark"],
        package="tokenizers",
    ),
    "seq2seq-chinese-input-feeding": Case(
        "seq2seq",
        "pinyin.tsv",
        pinyin,
        {
            "data": {"source_level": "char", "target_level": "word"},
            "model": {"cell": "lstm", **SMALL, "attention": "additive", "input_feeding": True, "num_layers": 2},
            "training": {**TRAINING, "steps": 120},
        },
        ["明月", "床前明月", "新"],
    ),
    "forecast-several-series-calibrated": Case(
        "forecast",
        "shops.csv",
        shops,
        {
            "data": {"series": ["shop"], "targets": ["sales"], "inputs": ["weekend"]},
            "model": {"cell": "gru", "hidden_size": 8, "horizon": 4, "season": 7, "delays": 7},
            "training": {**TRAINING, "bptt_steps": 20},
        },
        SHOPS,
    ),
    "forecast-narx-logarithm": Case(
        "forecast",
        "waves.csv",
        waves,
        {
            "model": {"memory": "narx", "hidden_size": 8, "horizon": 3, "season": 12, "delays": 12, "logarithm": True},
            "training": {**TRAINING, "bptt_steps": 20},
        },
        {"y": [100.0 + 30 * (n % 12) for n in range(40)]},
    ),
}


QUANTIZED = {  # golden models that are also written with smaller weights, and the type of these
    "lm-chinese-bytes": "int8",
    "classify-words-characters": "int8",
    "tag-characters-crf": "bfloat16",
    "seq2seq-subwords-attention": "int8",
    "forecast-several-series-calibrated": "bfloat16",
}


def write_quantized(folder: Path, name: str, source: Path) -> None:
    """Write a golden model with smaller weights, and its predictions."""
    from elman.tasks.loading import load

    load(source / name).quantized(QUANTIZED[name]).save(folder / name)
    record_predictions(folder, name)


def write(folder: Path, name: str, scratch: Path) -> None:
    """Train a golden model, and write its folder and its predictions."""
    from elman.experiment import train
    from elman.tasks.loading import load
    from elman.training.progress import SilentDisplay

    case = CASES[name]
    data = scratch / case.file
    data.write_text(case.content(), "utf-8")
    train([data], scratch / name, case.values, SilentDisplay(), task=case.task)
    load(scratch / name).save(folder / name, card=f"# {name}\n\nA golden model: `tests/golden/write.py`.\n")
    record_predictions(folder, name)


def record_predictions(folder: Path, name: str) -> None:
    """Write what a golden model predicts beside it."""
    from elman.tasks.loading import load

    inputs = CASES[name].inputs
    record = {"inputs": inputs, "predictions": predictions(load(folder / name), inputs)}
    content = json.dumps(record, ensure_ascii=False, indent=1) + "\n"
    (folder / f"{name}.json").write_text(content, "utf-8")


def main() -> int:
    """Write the golden models that are not there."""
    os.environ["SOURCE_DATE_EPOCH"] = DATE
    whole, quantized = (GOLDEN / str(version) for version in (FORMAT_VERSION, QUANTIZED_FORMAT_VERSION))
    for folder, names in ((whole, list(CASES)), (quantized, list(QUANTIZED))):
        folder.mkdir(exist_ok=True)
        for name in names:
            if (folder / f"{name}.json").exists():
                print(f"{folder.name}/{name}: exists, and is not changed")
                continue
            if folder == quantized:
                write_quantized(folder, name, whole)
            else:
                with tempfile.TemporaryDirectory() as scratch:
                    write(folder, name, Path(scratch))
            print(f"{folder.name}/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
