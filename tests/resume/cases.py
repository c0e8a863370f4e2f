"""Trainings of every task that take a fraction of a second: their configs and the files that they read."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

TRAINING = {
    "steps": 7,
    "batch_size": 3,
    "bptt_steps": 6,
    "validate_every_steps": 3,
    "checkpoint_every_steps": 2,
    "log_every_steps": 2,
    "threads": 1,
}
CASES: dict[str, dict[str, Any]] = {
    "lstm, state carried, dropout, accumulated, adamw": {
        "model": {"cell": "lstm", "hidden_size": 16, "embedding_size": 8, "dropout": 0.3},
        "training": {**TRAINING, "accumulate_steps": 2, "weight_decay": 0.01},
    },
    "gru, random windows, sgd with momentum, plateau": {
        "model": {"cell": "gru", "hidden_size": 16, "embedding_size": 8, "dropout": 0.2},
        "data": {"stream": "random"},
        "training": {
            **TRAINING,
            "optimizer": "sgd",
            "learning_rate": 0.9,
            "momentum": 0.8,
            "schedule": "plateau",
            "plateau_patience": 1,
            "validate_every_steps": 1,
        },
    },
    "elman, epochs, two layers, variational, rmsprop": {
        "model": {
            "cell": "elman",
            "hidden_size": [16, 12],
            "embedding_size": 8,
            "dropout": 0.2,
            "dropout_kind": "variational",
        },
        "training": {
            **{key: value for key, value in TRAINING.items() if key != "steps"},
            "epochs": 1.4,
            "bptt_steps": 120,
            "optimizer": "rmsprop",
            "momentum": 0.3,
            "learning_rate": 0.003,
        },
    },
    "pairs, dropout, scheduled sampling, smoothing": {
        "task": "seq2seq",
        "model": {
            "cell": "gru",
            "decoder_cell": "layer_norm_lstm",
            "hidden_size": 10,
            "embedding_size": 6,
            "dropout": 0.3,
            "scheduled_sampling": 0.5,
            "label_smoothing": 0.1,
        },
        "training": {key: value for key, value in {**TRAINING, "batch_size": 20}.items() if key != "bptt_steps"},
    },
    "texts and labels, attention, dropout": {
        "task": "classify",
        "model": {"cell": "gru", "hidden_size": 10, "embedding_size": 6, "dropout": 0.3, "pooling": "attention"},
        "training": {key: value for key, value in TRAINING.items() if key != "bptt_steps"},
    },
    "texts and labels, words and characters": {
        "task": "classify",
        "data": {"level": "word"},
        "model": {
            "cell": "min_gru",
            "hidden_size": 10,
            "embedding_size": 6,
            "character_size": 4,
            "dropout": 0.3,
            "word_dropout": 0.5,
        },
        "training": {key: value for key, value in TRAINING.items() if key != "bptt_steps"},
    },
    "tags, characters, word dropout, a random field": {
        "task": "tag",
        "model": {
            "cell": "lstm",
            "hidden_size": 10,
            "embedding_size": 6,
            "character_size": 4,
            "dropout": 0.3,
            "word_dropout": 0.5,
            "crf": True,
        },
        "training": {key: value for key, value in TRAINING.items() if key != "bptt_steps"},
    },
    "two series, a closed loop, dropout": {
        "task": "forecast",
        "data": {"series": ["shop"]},
        "model": {"memory": "narx", "hidden_size": 10, "delays": 4, "horizon": 5, "season": 6, "dropout": 0.3},
        "training": {**TRAINING, "bptt_steps": 20},
    },
}
SOURCES = {
    "seq2seq": "pairs.tsv",
    "classify": "labels.tsv",
    "tag": "tags.txt",
    "forecast": "series.csv",
}  # else book.txt
FIRST = "lstm, state carried, dropout, accumulated, adamw"


def write_sources(folder: Path) -> Path:
    """Write the files of all tasks, and return the path of the text."""
    rng = random.Random(0)
    words = [rng.choice(["alpha", "beta", "gamma", "delta", "epsilon,", "zeta."]) for _ in range(330)]
    (folder / "book.txt").write_text(" ".join(words), "utf-8")
    pairs = {word[:n]: word[n:] + word for word in words for n in range(1, len(word))}
    (folder / "pairs.tsv").write_text("".join(f"{source}\t{target}\n" for source, target in pairs.items()), "utf-8")
    labels = "".join(f"{word} {n}\t{word[0]}\n" for n, word in enumerate(words))
    (folder / "labels.tsv").write_text(f"text\tlabel\n{labels}", "utf-8")
    tags = (f"{word} {word[-1]}\n" + "\n" * (n % 5 == 0) for n, word in enumerate(words))
    (folder / "tags.txt").write_text("".join(tags), "utf-8")
    rows = "".join(f"{'north' if n < 50 else 'south'},{rng.random() + n % 6:.3f}\n" for n in range(90))
    (folder / "series.csv").write_text(f"shop,y\n{rows}", "utf-8")
    return folder / "book.txt"
