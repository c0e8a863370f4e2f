"""What the tests of the commands have in common: sources, pairs, and checks of outputs and errors."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from elman.tasks.loading import load
from tests.cli.conftest import Done

TINY = ["--hidden", "8", "--embedding", "6", "--batch-size", "8", "--threads", "1", "--steps", "3"]
SOURCES = ["abc", "dab", "e", "cab", "你好", "ddd", "bee", "ace"]
PHONES = {"a": "AA", "b": "B", "c": "K", "d": "T", "e": "IY"}


def target_of(source: str) -> str:
    """Return the phones of the letters of a source."""
    return " ".join(PHONES[letter] for letter in source)


def random_words(count: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    return ["".join(rng.choices("abcde", k=rng.randint(1, 6))) for _ in range(count)]


def pairs_of(count: int) -> list[tuple[str, str]]:
    return [(source, target_of(source)) for source in random_words(count)]


def predicted_lines(folder: Path, sources: list[str], **options: Any) -> str:
    """Return what `elman predict` prints for the sources."""
    return "".join(f"{text}\n" for text in load(folder).predict(sources, **options))


def only_json(out: str) -> dict[str, Any]:
    """Return the JSON object on stdout, which has nothing else."""
    assert out.count("\n") == 1
    value = json.loads(out)
    assert isinstance(value, dict)
    return value


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the contents of all files in a folder by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def check_error(done: Done, code: int) -> None:
    """Check that a command ended with this exit code and one message, and without output."""
    assert done.code == code, done.err
    assert done.out == ""
    assert "Traceback" not in done.err
    assert "mistake in elman" not in done.err
    assert done.err.splitlines()[0].startswith("elman: ")
