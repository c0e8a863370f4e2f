"""Errors of training in the words of Python: parameters and config keys in place of the flags of the command line.

    --hidden                hidden_size                 a parameter of the estimator
    --text                  data.text_column            a key of its parameter `config`
    --no-header             data.header=False
    --set model.levels      config model.levels
    -o, --overwrite         run, overwrite=True         what `fit` takes beside the config

The files of a task are read and checked by code that serves the command line as well, and names flags. Messages that
are not printed are lost, except for those of choices that change what is read, which are warnings.
"""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Collection, Iterator, Mapping

from elman.config import Config
from elman.data.readers.notices import Caution
from elman.errors import ElmanError
from elman.options import options_of

FLAG = re.compile(r"(?<![\w-])(--no-|--|-)([a-z][a-z-]*)")
ARGUMENTS = {"--overwrite": "overwrite=True", "-o": "run", "--out": "run", "--valid": "valid", "--set": "config"}
ARGUMENTS |= {"--replace": "the command line"}  # which Python does not have
ARGUMENTS |= {"--target-file": "targets", "--valid-target-file": "valid", "--from": "warm_start"}
# Of `train` in elman.experiment; estimators have no versions and use no such name.
ARGUMENTS |= {"--replace": "replace", "--keep": "keep", "--only-if-better": "only_if_better", "--name": "name"}


def python_names(config: type[Config], parameters: Collection[str]) -> dict[str, str]:
    """Return the name in Python of each flag of a task, whose estimator has these parameters."""
    names = dict(ARGUMENTS)
    for option in options_of(config):
        field = option.key.rpartition(".")[2]
        name = field if field in parameters else option.key
        names[option.flag] = name
        names[option.negative_flag] = f"{name}=False"
    return names


def in_python(text: str, names: Mapping[str, str]) -> str:
    """Return a message with the names in Python of the flags in it."""
    return FLAG.sub(lambda flag: names.get(flag[0], flag[0]), text)


def warn_of_caution(message: str, names: Mapping[str, str]) -> None:
    """Warn, in the words of Python, of a choice that changes what is read; leave out any other message."""
    if isinstance(message, Caution):
        warnings.warn(in_python(message, names), stacklevel=2)


@contextlib.contextmanager
def python_messages(config: type[Config], parameters: Collection[str]) -> Iterator[None]:
    """Name parameters and config keys, and no flags, in the errors that the block raises."""
    try:
        yield
    except ElmanError as error:
        names = python_names(config, parameters)
        error.message = in_python(error.message, names)
        error.hint = error.hint and in_python(error.hint, names)
        error.args = (error.message,)
        raise
