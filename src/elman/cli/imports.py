"""elman --import MODULE COMMAND ...: Python code of the user's that runs before a command, to register a cell.

A value that ends in .py or has a slash is a file. Another one is the name of a module, which the current folder or an
installed package has.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from elman.errors import ConfigError
from elman.shell import IMPORT_FLAG as FLAG

IMPORTED = "elman.imported"  # before the name of a file in sys.modules


def import_all(names: Sequence[str]) -> None:
    """Import modules and files in their order. A ConfigError says what is wrong, with the line in a file."""
    for name in names:
        is_file = name.endswith(".py") or "/" in name or os.sep in name
        if is_file and not Path(name).is_file():
            raise ConfigError(f"{FLAG}: given {name}; expected a file that exists, or the name of a module")
        try:
            _import_file(Path(name)) if is_file else _import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise _explained(name, error) from None
            problem = f"{FLAG}: given {name}, which is no module; expected one that Python finds, or a file"
            raise ConfigError(problem, hint=f"Name the file: {FLAG} {name}.py") from None
        except Exception as error:
            raise _explained(name, error) from None


def _import_module(name: str) -> None:
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    importlib.import_module(name)


def _import_file(path: Path) -> None:
    """Run a file as a module, once in a process. A file such as random.py does not take the place of that module."""
    name = f"{IMPORTED}.{path.stem}"
    present = sys.modules.get(name)
    if present is not None and getattr(present, "__file__", None) == str(path.resolve()):
        return
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


def _explained(name: str, error: Exception) -> ConfigError:
    """Return the error of the user's code, with the line of the file where it was raised."""
    if isinstance(error, SyntaxError):
        file, line, text = error.filename or name, error.lineno, error.msg
    else:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        file, line, text = frame.filename, frame.lineno, str(error)
    problem = f"{FLAG}: {name} cannot be imported: {type(error).__name__}: {text}"
    return ConfigError(problem, where=f"{Path(file).name}:{line}")
