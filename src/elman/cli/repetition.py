"""An option that names a column is given once: of two columns, one would be dropped without a word.

Of other options, the last value counts, so that a script can add options to those of another one.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import typer

from elman.translations import translate

COLUMNS = ("--text", "--label", "--words", "--column", "--sentence", "--source", "--target", "--columns", "--series")


def refuse_repetition(command: Any) -> Any:
    """Let a command refuse an option of a column that is given twice; return the command."""
    make_parser = command.make_parser

    def make(ctx: Any) -> Any:
        parser = make_parser(ctx)
        parse = parser.parse_args

        def parse_once(args: list[str]) -> Any:
            values, rest, order = parse(args)
            for parameter, count in Counter(order).items():
                if count > 1 and parameter.opts[-1] in COLUMNS and not parameter.multiple:
                    message = f"{parameter.opts[-1]}: given {count} times; expected once"
                    raise typer.BadParameter(translate(message), ctx=ctx)
            return values, rest, order

        parser.parse_args = parse_once
        return parser

    command.make_parser = make
    return command
