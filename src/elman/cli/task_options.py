"""The options of `predict` and `evaluate`: each task declares its own; the commands accept those of all tasks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from elman.config import Config, Values, merge_values, validate_config
from elman.errors import ConfigError
from elman.options import Option, options_of, values_of
from elman.tasks.spec import TASKS, AnyTask, task_spec
from elman.translations import current_language

from .options import parameter_of

AnyConfig = TypeVar("AnyConfig", bound=Config)
OptionsOf = Callable[[AnyTask], Sequence[type[Config]]]  # the configs whose fields are a command's options


class TaskOptions:
    """The options that the tasks declare for one command."""

    def __init__(self, configs_of: OptionsOf) -> None:
        self._of_task = {
            name: [option for config in configs_of(task_spec(name)) for option in options_of(config)] for name in TASKS
        }

    def parameters(self) -> list[Any]:
        """Return a parameter for each flag, whose help names the tasks that have it."""
        by_flag: dict[str, list[tuple[str, Option]]] = {}
        for task, options in self._of_task.items():
            for option in options:
                by_flag.setdefault(option.flag, []).append((task, option))
        return [parameter_of([option for _, option in declared], self._help(declared)) for declared in by_flag.values()]

    def _help(self, declared: Sequence[tuple[str, Option]]) -> str:
        tasks: dict[str, list[str]] = {}
        for task, option in declared:
            tasks.setdefault(option.help, []).append(task)
        everywhere = sum(bool(options) for options in self._of_task.values())
        if len(tasks) == 1 and len(declared) == everywhere:
            return declared[0][1].help
        comma, colon = ("、", "：") if current_language() == "zh" else (", ", ": ")
        return "  ".join(f"{comma.join(names)}{colon}{text}" for text, names in tasks.items())

    def require_own(self, spec: AnyTask, arguments: Mapping[str, Any]) -> None:
        """Raise a ConfigError for an option on the command line that only other tasks have."""
        own = {option.flag for option in self._of_task[spec.name]}
        for options in self._of_task.values():
            for option in options:
                if option.flag not in own and arguments.get(option.name) is not None:
                    others = [name for name in TASKS if option.flag in {other.flag for other in self._of_task[name]}]
                    problem = f"{option.flag}: the model is a {spec.title}; expected a model of {' or '.join(others)}"
                    raise ConfigError(problem, hint=f"Leave out {option.flag}")


def config_from(kind: type[AnyConfig], arguments: Mapping[str, Any], defaults: Values | None = None) -> AnyConfig:
    """Return the config whose fields are options, with the values that are given; errors name the flags."""
    options = list(options_of(kind))
    values = merge_values(defaults or {}, values_of(options, arguments))
    try:
        return validate_config(kind, values)
    except ConfigError as error:
        message = error.message
        for option in options:
            message = re.sub(rf"(?<![-\w.]){re.escape(option.key)}:", f"{option.flag}:", message)
        raise ConfigError(message, hint=error.hint, where=error.where) from None


def given_flags(kind: type[Config], arguments: Mapping[str, Any]) -> list[str]:
    """Return the flags of a config that are given."""
    return [option.flag for option in options_of(kind) if arguments.get(option.name) is not None]
