"""elman generate: text, JSON, suggestions, pipes and terminals."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from elman.tasks.language_model.predictor import LanguageModelPredictor
from elman.tasks.loading import load

from .conftest import Command, only_json


def test_generate_prints_the_prompt_and_its_continuation(command: Command, trained: Path) -> None:
    done = command("generate", trained, "--prompt", "alpha ", "--max-tokens", 30, "--seed", 7, "--temperature", 0.5)
    assert (done.code, done.err) == (0, "")
    assert done.out == load(trained).generate("alpha ", max_tokens=30, seed=7, temperature=0.5) + "\n"


def test_generate_takes_top_k_and_top_p(command: Command, trained: Path) -> None:
    greedy = command("generate", trained, "--prompt", "al", "--max-tokens", 30, "--temperature", 0).out
    assert command("generate", trained, "--prompt", "al", "--max-tokens", 30, "--top-k", 1).out == greedy
    assert command("generate", trained, "--prompt", "al", "--max-tokens", 30, "--top-p", 1e-9).out == greedy


def test_generate_json_prints_one_object(command: Command, trained: Path) -> None:
    result = only_json(command("generate", trained, "--prompt", "beta\n", "--max-tokens", 5, "--seed", 1, "--json").out)
    assert result["prompt"] == "beta\n"
    assert result["text"] == load(trained).generate("beta\n", max_tokens=5, seed=1)
    assert result["seed"] == 1


def test_suggest_prints_words_and_probabilities(command: Command, trained: Path) -> None:
    expected = load(trained).suggest("alpha b", 2)
    done = command("generate", trained, "--prompt", "alpha b", "--suggest", 2)
    assert done.code == 0
    assert done.out == "".join(f"{word}\t{probability:.4f}\n" for word, probability in expected)
    result = only_json(command("generate", trained, "--prompt", "alpha b", "--suggest", 2, "--json").out)
    assert result["suggestions"] == [{"word": word, "probability": probability} for word, probability in expected]


def test_unknown_characters_of_a_prompt_are_reported(command: Command, trained: Path) -> None:
    done = command("generate", trained, "--prompt", "αβγ alpha", "--max-tokens", 5, "--seed", 1)
    assert done.code == 0
    assert done.err == "the model does not know 'α', 'β', 'γ'\n"
    assert done.out.startswith("αβγ alpha")


def test_bytes_of_a_prompt_that_are_not_text_are_replaced(command: Command, trained: Path) -> None:
    done = command("generate", trained, "--prompt", "alpha \udcff", "--max-tokens", 5, "--seed", 1)
    assert done.code == 0
    assert done.out.startswith("alpha \ufffd")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--temperature", -1], "temperature: given -1.0; expected 0 (greedy) or more"),
        (["--top-k", 0], "top_k: given 0; expected a whole number, 1 or more"),
        (["--top-p", 1.5], "top_p: given 1.5; expected more than 0 and at most 1"),
    ],
)
def test_a_wrong_option_of_generate_is_reported_before_the_prompt_is_printed(
    command: Command, trained: Path, flags: list[Any], message: str
) -> None:
    done = command("generate", trained, "--prompt", "alpha ", *flags)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"elman: {message}\n"


def test_a_pipe_that_is_closed_early_is_not_an_error(trained: Path) -> None:
    command = f"{sys.executable} -W error -m elman generate {trained} --max-tokens 20000 --seed 1"
    script = f"set -o pipefail; {command} | head -c 1"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode in (141, 1)  # 1 where the parser notices it first
    assert (len(done.stdout), done.stderr) == (1, "")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_is_not_an_error(trained: Path, closed: str) -> None:
    command = f"{sys.executable} -m elman generate {trained} --max-tokens 3 {closed}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert bool(done.stdout) == (">&-" not in closed.replace("2>&-", ""))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is full")
def test_a_full_disk_has_the_exit_code_of_missing_resources(trained: Path) -> None:
    command = f"{sys.executable} -m elman generate {trained} --max-tokens 3 > /dev/full"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 6
    assert done.stderr.startswith("elman: the disk is full, and the output is not complete. Free some space")


def test_characters_that_a_pipe_cannot_encode_are_utf8(trained: Path) -> None:
    command = [sys.executable, "-m", "elman", "generate", str(trained), "--prompt", "中", "--max-tokens", "3"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(command, capture_output=True, check=False, env=environment, timeout=60)
    assert done.returncode == 0
    assert done.stdout.startswith("中".encode())
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("terminal", [True, False])
def test_control_characters_are_replaced_on_a_terminal_and_kept_in_a_pipe(
    command: Command, trained: Path, monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    pieces = ["a\x1b[2J", "\x07b\n", "é"]
    monkeypatch.setattr(LanguageModelPredictor, "stream", lambda self, prompt, **options: iter(pieces))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    done = command("generate", trained, "--prompt", "al")
    assert done.code == 0
    assert done.out == ("ala\ufffd[2J\ufffdb\né\n" if terminal else f"al{''.join(pieces)}\n")
