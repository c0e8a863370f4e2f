"""Every command of the command line, the ones that are made only when they are run as well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from elman.cli import app


def every_command() -> Iterator[tuple[list[str], Any]]:
    """Yield (words of the command line, command) of the program, of each group and of each command in a group."""
    yield from _below([], typer.main.get_command(app))


def _below(words: list[str], command: Any) -> Iterator[tuple[list[str], Any]]:
    yield words, command
    if hasattr(command, "list_commands"):
        context = typer.Context(command)
        for name in command.list_commands(context):
            yield from _below([*words, name], command.get_command(context, name))
