"""Errors as lines, as JSON and as exit codes; colors and control characters."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from elman.cli.console import configure_streams, run_app
from elman.errors import DataError, DivergedError, Interrupted, ModelError, ResourceError

from .conftest import only_json

ERRORS: list[tuple[Callable[[], BaseException], int, str]] = [
    (lambda: ZeroDivisionError("division by zero"), 1, "failed"),
    (lambda: OSError(5, "Input/output error", "/dev/x"), 1, "failed"),
    (lambda: DataError("bad"), 3, "data"),
    (lambda: ModelError("bad"), 4, "model"),
    (lambda: DivergedError("bad"), 5, "diverged"),
    (lambda: ResourceError("bad"), 6, "resource"),
    (lambda: MemoryError(), 6, "resource"),
    (lambda: Interrupted(15, "bad"), 143, "interrupted"),
]


@pytest.mark.parametrize(("error", "code", "name"), ERRORS)
def test_every_error_has_an_exit_code_one_line_and_a_json_object(
    error: Callable[[], BaseException], code: int, name: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    failing = typer.Typer()

    @failing.command()
    def fails(as_json: bool = typer.Option(False, "--json")) -> None:
        raise error()

    for arguments in ([], ["--json"]):
        monkeypatch.setattr(sys, "argv", ["elman", *arguments])
        assert run_app(failing) == code
        out, err = capsys.readouterr()
        assert err.startswith("elman: ")
        assert err.count("\n") == 1
        assert "Traceback" not in err
        if arguments:
            result = only_json(out)
            assert set(result) == {"code", "message", "hint", "where"}
            assert result["code"] == name
        else:
            assert out == ""


def test_ctrl_c_outside_training_prints_one_line(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    failing = typer.Typer()

    @failing.command()
    def fails() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["elman"])
    assert run_app(failing) == 130
    assert capsys.readouterr() == ("", "elman: interrupted\n")


def test_an_internal_error_shows_its_traceback_only_with_elman_debug(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    failing = typer.Typer()

    @failing.command()
    def fails() -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(sys, "argv", ["elman"])
    assert run_app(failing) == 1
    assert capsys.readouterr().err == (
        "elman: ZeroDivisionError: division by zero. "
        "This is a mistake in elman: ELMAN_DEBUG=1 shows where; please report it\n"
    )
    monkeypatch.setenv("ELMAN_DEBUG", "1")
    assert run_app(failing) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_colors_follow_the_environment_and_the_terminal(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from elman.cli.console import stderr_console

    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert stderr_console().no_color is False
    monkeypatch.setenv("NO_COLOR", "1")
    assert stderr_console().no_color is True
    monkeypatch.delenv("FORCE_COLOR")
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert stderr_console().is_terminal is False


class Terminal(io.TextIOWrapper):
    """A stdout that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("encoding", ["cp1252", "cp936", "ascii", "latin-1", "big5", "shift_jis", "euc_kr", "cp437"])
def test_a_file_gets_utf8_where_its_encoding_cannot_write_all_characters(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(content, encoding=encoding, newline=""))
    configure_streams()
    sys.stdout.write("ə 中文 é 😀\n")
    sys.stdout.flush()
    assert content.getvalue() == "ə 中文 é 😀\n".encode()


def test_utf16_and_utf8_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for encoding in ("utf-16-le", "utf-8", "utf-8-sig"):
        content = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(content, encoding=encoding, newline=""))
        configure_streams()
        sys.stdout.write("ə 中文\n")
        sys.stdout.flush()
        assert content.getvalue() == "ə 中文\n".encode(encoding)


def test_a_terminal_of_another_encoding_shows_what_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    content = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", Terminal(content, encoding="cp1252", newline=""))
    configure_streams()
    sys.stdout.write("é ə\n")
    sys.stdout.flush()
    assert content.getvalue() == "é ?\n".encode("cp1252")


def test_an_error_holds_nothing_that_a_terminal_obeys(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    failing = typer.Typer()

    @failing.command()
    def fails() -> None:
        raise ModelError("has \x1b[2J\u202e", where="a\x07b")

    monkeypatch.setattr(sys, "argv", ["elman"])
    assert run_app(failing) == 4
    assert capsys.readouterr().err == "elman: a\ufffdb: has \ufffd[2J\ufffd\n"
