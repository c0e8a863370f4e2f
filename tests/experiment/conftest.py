"""A text and a file of pairs."""

from __future__ import annotations

import random
from pathlib import Path

import pytest


@pytest.fixture
def book(tmp_path: Path) -> Path:
    rng = random.Random(0)
    text = " ".join(rng.choice(["alpha", "beta", "gamma\n", "delta"]) for _ in range(400))
    (tmp_path / "book.txt").write_text(text, "utf-8")
    return tmp_path / "book.txt"


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    rng = random.Random(0)
    sources = ["".join(rng.choices("abc", k=rng.randint(1, 6))) for _ in range(200)]
    (tmp_path / "pairs.tsv").write_text("".join(f"{source}\t{phonemes(source)}\n" for source in sources))
    return tmp_path / "pairs.tsv"


def phonemes(source: str) -> str:
    return " ".join({"a": "AA", "b": "B", "c": "K"}[letter] for letter in source)
