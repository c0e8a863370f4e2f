"""Groups of commands. Every command of a group has --lang.

The commands of a LazyGroup are made when they are run, so that `elman --help` imports neither a task nor NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from typer.core import TyperGroup

from elman.translations import current_language

from .language import accept_language
from .repetition import refuse_repetition

MAX_SUMMARY = 80  # characters of a summary in English; longer ones are cut


class Group(TyperGroup):
    """A group whose commands have the option --lang."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command by name; None if there is none of that name."""
        command = super().get_command(ctx, cmd_name)
        return command and refuse_repetition(accept_language(command))

    def summary_of(self, ctx: Any, name: str) -> str:
        """Return the line of a command in the help of the group. The formatter translates a summary that is whole."""
        command = super().get_command(ctx, name)
        if command is None:
            return ""
        summary: str = command.get_short_help_str(MAX_SUMMARY) if current_language() == "en" else command.help or ""
        return summary

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands and their summaries."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.summary_of(ctx, name)) for name in self.list_commands(ctx)])


class LazyCommand(NamedTuple):
    """A function that makes a command when it is run, from its summary; and the summary, for the help of its group."""

    make: Callable[[str], Any]
    summary: str


class LazyGroup(Group):
    """A group with lazy commands beside its ordinary ones. Subclasses say which."""

    def lazy_commands(self) -> dict[str, LazyCommand]:
        """Return the lazy commands by name."""
        raise NotImplementedError

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands in the order of the help."""
        return [*super().list_commands(ctx), *self.lazy_commands()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command by name, made now if it is lazy; None if there is none of that name."""
        lazy = self.lazy_commands().get(cmd_name)
        if lazy is None:
            return super().get_command(ctx, cmd_name)
        return refuse_repetition(accept_language(lazy.make(lazy.summary)))

    def summary_of(self, ctx: Any, name: str) -> str:
        """Return the line of a command in the help of the group, without making a lazy one."""
        lazy = self.lazy_commands().get(name)
        return lazy.summary if lazy is not None else super().summary_of(ctx, name)
