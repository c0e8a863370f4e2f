"""Names in C: the prefix of everything that a header declares, and the names of weights."""

from __future__ import annotations

import re
from pathlib import Path

from elman.cells.cell import stored_name
from elman.errors import ConfigError

_IDENTIFIER = re.compile("[A-Za-z][A-Za-z0-9_]*")


def prefix_of(path: Path) -> str:
    """Return the prefix of the names in a file: its name without `.c`; one that is no C identifier is a ConfigError."""
    prefix = path.stem
    if path.suffix != ".c":
        raise ConfigError(f"{path.name!r} is not a file of C; expected a name such as model.c")
    if not _IDENTIFIER.fullmatch(prefix):
        problem = f"{path.name!r}: given {prefix!r} as the beginning of names in C; expected letters, digits and _"
        raise ConfigError(problem, hint="Choose another name for the file, with a letter first, such as model.c")
    return prefix


def identifier(name: str) -> str:
    """Return the name of a tensor or of a state in C: `layers.0.h` is layers_0_h."""
    return re.sub(r"\W", "_", name)


def parameter_name(layer: str, parameter: str, ending: str) -> str:
    """Return the name of a parameter of a layer in a model folder."""
    return f"{layer}.{stored_name(parameter, reverse=bool(ending))}"
