"""How commands speak: messages and errors on stderr, one JSON object on stdout, exit codes that scripts can rely on."""

from __future__ import annotations

import codecs
import errno
import functools
import io
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

import typer

from elman.errors import ConfigError, ElmanError, Explained, Interrupted, ResourceError, missing_package_error
from elman.explanation import describe_error
from elman.shell import as_typed
from elman.translations import Language, current_language, translate, use_language

from .language import accept_language, requested_language

if TYPE_CHECKING:
    from rich.console import Console

EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


def run_app(app: typer.Typer) -> int:
    """Run the command of sys.argv; every failure is one clear line and its exit code, never a traceback."""
    open_closed_streams()
    configure_streams()
    with use_language(requested_language(sys.argv[1:])):
        return _run(app)


def open_closed_streams() -> None:
    """Open the null device in the place of a standard stream that was closed, as some daemons do."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - open to the end


def configure_streams() -> None:
    """Make stdout and stderr write every character.

    A file or pipe gets UTF-8 where its own encoding, such as that of a Windows code page, cannot write all characters:
    predictions must not become question marks. A terminal shows what it can.
    """
    stdout, stderr = cast("io.TextIOWrapper", sys.stdout), cast("io.TextIOWrapper", sys.stderr)
    stderr.reconfigure(errors="replace")
    if stdout.isatty():
        stdout.reconfigure(errors="replace")
    elif codecs.lookup(stdout.encoding).name.startswith("utf"):
        stdout.reconfigure(errors="backslashreplace")  # of lone surrogates, which are no characters
    else:
        stdout.reconfigure(encoding="utf-8", errors="backslashreplace")


class _StoppedError(Exception):
    """Carries an Interrupted through typer, which ends at every KeyboardInterrupt and forgets its message."""


def _run(app: typer.Typer) -> int:
    try:
        result = _commands(app, current_language())(standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that exiting does not complain again
        return EXIT_BROKEN_PIPE
    except KeyboardInterrupt:
        return _report(Interrupted(signal.SIGINT, "interrupted"))
    except _StoppedError as error:
        return _report(error.__cause__ or error)
    except (Exception, SystemExit) as error:
        return _report(error)
    if result == EXIT_INTERRUPTED:  # typer's own answer to Ctrl-C
        return _report(Interrupted(signal.SIGINT, "interrupted"))
    return result if isinstance(result, int) else 0


@functools.cache
def _commands(app: typer.Typer, language: Language) -> Any:
    """Return the commands of an app, made once in a process for each language, since they hold their help pages."""
    command = accept_language(typer.main.get_command(app))
    command.invoke = functools.partial(_invoke, command.invoke)
    return command


def _invoke(invoke: Any, context: Any) -> Any:
    try:
        return invoke(context)
    except Interrupted as stop:
        raise _StoppedError from stop


def say(message: str) -> None:
    """Write one message to stderr, in the language of the command."""
    print(as_typed(translate(message)), file=sys.stderr, flush=True)


def print_error(error: Explained) -> None:
    """Write an error to stderr, in the language of the command; a terminal obeys nothing that is in it."""
    from elman.text.terminal import replace_control_characters

    print(f"elman: {replace_control_characters(as_typed(describe_error(error)))}", file=sys.stderr, flush=True)


def show(message: str) -> None:
    """Write a message to stderr in the language of the command, beside the progress of a training."""
    stderr_console().print(as_typed(translate(message)), highlight=False, markup=False, soft_wrap=True)


def stderr_console() -> Console:
    """Return the rich console for progress; it moves only on a terminal and honours NO_COLOR."""
    from rich.console import Console

    return Console(stderr=True)


def print_json(value: dict[str, Any], stream: TextIO | None = None) -> None:
    """Write the command's one JSON object, to stdout without a stream."""
    print(json.dumps(value, ensure_ascii=False), file=stream)


def _report(error: BaseException) -> int:
    """Print an error on stderr, and with --json as English JSON on stdout too; return its exit code."""
    if isinstance(error, SystemExit | typer.Exit):
        code = error.code if isinstance(error, SystemExit) else error.exit_code
        return code if isinstance(code, int) else 1
    if isinstance(error, typer.Abort):
        error = Interrupted(signal.SIGINT, "interrupted")
    if type(error).__name__ == "NoArgsIsHelpError":  # the parser's way of printing help
        print(error, file=sys.stderr)
        return ConfigError.exit_code
    elman_error = _as_elman_error(error)
    if "--json" in sys.argv:
        printed = {"code": elman_error.code, "message": elman_error.message, "hint": elman_error.hint}
        print_json({**printed, "where": elman_error.where})
    print_error(elman_error)
    return elman_error.exit_code


def _as_elman_error(error: BaseException) -> Explained:
    if isinstance(error, Explained):
        return error
    if isinstance(error, typer.TyperException):  # a wrong option: the message is the parser's
        context = getattr(error, "ctx", None)
        hint = f"See `{context.command_path} --help`" if context is not None else None
        message = error.format_message().rstrip(".").replace("Value error, ", "")
        return ConfigError(message, hint=hint)
    if isinstance(error, ModuleNotFoundError) and (missing := missing_package_error(error)) is not None:
        return missing
    if isinstance(error, MemoryError):
        return ResourceError("out of memory", hint="Try a smaller model, or a shorter text")
    if os.environ.get("ELMAN_DEBUG"):
        traceback.print_exception(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        hint = "Free some space, and run the command again"
        return ResourceError("the disk is full, and the output is not complete", hint=hint)
    if isinstance(error, OSError):
        return ElmanError(f"{error.strerror or error}", where=error.filename and str(error.filename))
    problem = f"{type(error).__name__}: {error}"
    return ElmanError(problem, hint="This is a mistake in elman: ELMAN_DEBUG=1 shows where; please report it")
