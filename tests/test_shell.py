"""Commands in messages work as they are printed."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

import pytest

from elman import shell


def called(monkeypatch: pytest.MonkeyPatch, name: str, path: str | None = None) -> None:
    monkeypatch.setattr(sys, "argv", [name, "train"])
    monkeypatch.setattr(shutil, "which", lambda program: path)


@pytest.mark.parametrize("path", ["runs/a", "my runs/a b", "it's", "runs/中文", "$HOME", "a;b"])
def test_a_quoted_path_is_read_by_the_shell_as_it_is(path: str) -> None:
    assert shlex.split(f"elman resume {shell.quote(path)}") == ["elman", "resume", path]
    assert shell.quote(Path("runs/a")) == "runs/a"


@pytest.mark.parametrize(
    ("name", "installed", "program"),
    [
        ("elman", None, "elman"),  # as the shell found it
        (".venv/bin/elman", None, ".venv/bin/elman"),
        (".venv/bin/elman", "/usr/bin/elman", ".venv/bin/elman"),
        ("/usr/bin/elman", "/usr/bin/elman", "elman"),
        ("my folder/elman", None, "'my folder/elman'"),
        ("/some/lib/elman/__main__.py", None, f"{shlex.quote(sys.executable)} -m elman"),
        ("/some/bin/pytest", None, "elman"),
    ],
)
def test_the_program_is_what_was_called(
    monkeypatch: pytest.MonkeyPatch, name: str, installed: str | None, program: str
) -> None:
    called(monkeypatch, name, installed)
    assert shell.program() == program


def test_commands_in_messages_have_the_name_that_was_called(monkeypatch: pytest.MonkeyPatch) -> None:
    message = (
        "run.toml: stopped. Continue with `elman resume runs/a`\n"
        "next: elman generate runs/a   or   elman predict runs/a; elman is elman.nn, /lib/elman train, elman train: it"
    )
    called(monkeypatch, "elman")
    assert shell.as_typed(message) == message
    called(monkeypatch, ".venv/bin/elman")
    assert shell.as_typed(message) == (
        "run.toml: stopped. Continue with `.venv/bin/elman resume runs/a`\n"
        "next: .venv/bin/elman generate runs/a   or   .venv/bin/elman predict runs/a; elman is elman.nn, "
        "/lib/elman train, elman train: it"
    )


def test_a_module_that_was_called_is_not_named_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    called(monkeypatch, "/some/lib/elman/__main__.py")
    message = "See `python -m elman predict --help`"  # as the parser of the command line names it
    assert shell.as_typed(message) == message
