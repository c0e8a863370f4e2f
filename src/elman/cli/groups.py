"""Groups whose commands are made when they are run, so that `elman --help` imports neither a task nor NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from typer.core import TyperGroup


class LazyCommand(NamedTuple):
    """A function that makes a command when it is run, from its summary; and the summary, for the help of its group."""

    make: Callable[[str], Any]
    summary: str


class LazyGroup(TyperGroup):
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
        return lazy.make(lazy.summary) if lazy is not None else super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands and their summaries, without making the lazy ones."""
        lazy = self.lazy_commands()
        rows = []
        for name in self.list_commands(ctx):
            command = None if name in lazy else super().get_command(ctx, name)
            rows.append((name, lazy[name].summary if name in lazy else command and command.get_short_help_str(80)))
        with formatter.section("Commands"):
            formatter.write_dl(rows)
