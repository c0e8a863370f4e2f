"""Help of every command, and what it imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ..commands import every_command
from .conftest import Command

COMMANDS = [
    [], ["train"], ["train", "lm"], ["train", "seq2seq"], ["train", "classify"], ["train", "tag"],
    ["train", "forecast"], ["resume"], ["versions"], ["rollback"],
    ["evaluate"], ["predict"], ["generate"], ["doctor"], ["demo"], ["lab"], ["inspect"], ["plot"], ["quantize"],
    ["studio"], ["serve"], ["export"], ["import"], ["push"],
    ["data"], ["data", "list"], ["data", "fetch"], ["data", "path"], ["data", "vocabulary"],
    ["bench"], ["bench", "train"], ["bench", "model"], ["bench", "step"], ["bench", "limit"],
]  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help(command: Command, words: list[str]) -> None:
    done = command(*words, "--help")
    assert (done.code, done.err) == (0, "")
    assert f"Usage: elman {' '.join(words)}".rstrip() in done.out
    assert "--help" in done.out


def test_every_command_is_in_the_list_above() -> None:
    assert sorted(words for words, _ in every_command()) == sorted(COMMANDS)


@pytest.mark.parametrize("words", [[], ["train"], ["data"], ["bench"]], ids=" ".join)
def test_a_group_without_a_command_prints_its_help_and_is_an_error(command: Command, words: list[str]) -> None:
    done = command(*words)
    assert (done.code, done.out) == (2, "")
    assert "Usage: elman" in done.err


def test_version_prints_the_version(command: Command) -> None:
    from elman.version import version

    assert command("--version").out == f"{version()}\n"


def test_help_imports_no_numpy_and_generate_and_evaluate_no_torch(trained: Path) -> None:
    script = (
        "import sys; sys.modules['torch'] = None; from elman.cli import main;"
        "sys.argv = ['elman', '--help']; assert main() == 0; assert 'numpy' not in sys.modules;"
        f"sys.argv = ['elman', 'generate', {str(trained)!r}, '--max-tokens', '3']; assert main() == 0;"
        f"sys.argv = ['elman', 'evaluate', {str(trained)!r}]; assert main() == 0"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_h_is_help_too(command: Command, words: list[str]) -> None:
    assert command(*words, "-h") == command(*words, "--help")


def test_commands_are_listed_in_the_order_of_use(command: Command) -> None:
    lines = command("--help").out.split("Commands:")[1].splitlines()
    names = [line.split()[0] for line in lines if line.startswith("  ") and not line.startswith("   ")]
    assert names == [
        *("demo", "train", "resume", "evaluate", "predict", "generate", "plot", "inspect", "studio", "serve"),
        *("export", "quantize", "import", "push", "versions", "rollback", "data", "lab", "bench", "doctor"),
    ]  # fmt: skip
