"""Commands in messages, written so that they work as they are printed.

Messages name the program `elman`. Where it was called by another name, because it is not on PATH, such as
.venv/bin/elman, or with files to import before the command, `as_typed` writes that. Paths are quoted for a POSIX shell,
by `quote` alone.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

PROGRAM = "elman"
IMPORT_FLAG = "--import"  # stands before the command
_COMMANDS = (
    "train|resume|evaluate|predict|generate|data|bench|doctor|demo|lab|inspect|plot|quantize|studio|serve"
    "|export|import|push|versions|rollback"
)
_MENTION = re.compile(rf"(?<![\w/.-])(?<!-m ){PROGRAM}(?= (?:{_COMMANDS})\b(?!:))")


def quote(path: str | os.PathLike[str]) -> str:
    """Return a path as a shell reads it: in quotes if it has spaces or other special characters."""
    return shlex.quote(os.fspath(path))


def as_typed(message: str) -> str:
    """Return a message whose commands begin with the name by which the program was called, and with its imports."""
    name = " ".join([program(), *_imports()])
    return message if name == PROGRAM else _MENTION.sub(lambda _: name, message)


def _imports() -> list[str]:
    """Return the options before the command that import files, as they are typed."""
    arguments, imports = iter(sys.argv[1:]), []
    for argument in arguments:
        if not argument.startswith("-"):
            break
        flag, equals, value = argument.partition("=")
        value = value if equals else next(arguments, "")
        if flag == IMPORT_FLAG:
            imports += [IMPORT_FLAG, quote(value)]
    return imports


def program() -> str:
    """Return the words that call this program: `elman`, the path of the script, or `python -m elman`."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{quote(sys.executable)} -m {PROGRAM}"
    if called.name != PROGRAM or called.parent == Path():
        return PROGRAM
    installed = shutil.which(PROGRAM)
    return PROGRAM if installed is not None and Path(installed).absolute() == called.absolute() else quote(called)
