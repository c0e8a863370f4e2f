"""The option --lang of every command: English or Chinese for messages, help, tables and model cards.

The language must be known before the command line is parsed, since the parser reports errors and prints help. So
`requested_language` looks for the option in the arguments; the declared option checks its value and appears in help.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import typer
from typer.main import get_command_from_info
from typer.models import CommandInfo

from elman.translations import LANGUAGES, Language, current_language, environment_language

FLAG = "--lang"
Lang = Annotated[
    Literal["en", "zh"] | None,
    typer.Option(FLAG, help="Language: English or Chinese.  [default: by LC_ALL, LC_MESSAGES and LANG]"),
]


def requested_language(arguments: Sequence[str]) -> Language:
    """Return the language of the option, else of the environment. The last of several options counts."""
    values = [following for argument, following in itertools.pairwise(arguments) if argument == FLAG]
    values += [argument.removeprefix(f"{FLAG}=") for argument in arguments if argument.startswith(f"{FLAG}=")]
    known = [language for value in values for language in LANGUAGES if language == value]
    return known[-1] if known else environment_language()


def accept_language(command: Any) -> Any:
    """Add the option to a command, and help in Chinese where that is the language; return the command."""
    if all(FLAG not in parameter.opts for parameter in command.params):
        command.params.append(_option())
    if current_language() == "zh":
        from .chinese_help import ChineseContext

        command.context_class = ChineseContext
    return command


def _option() -> Any:
    """Return the option as a parameter of a command, which the command's function does not receive."""

    def declare(lang: Lang = None) -> None: ...

    info = CommandInfo("lang", callback=declare)
    (option,) = get_command_from_info(info, pretty_exceptions_short=False, rich_markup_mode=None).params
    option.expose_value = False
    return option
