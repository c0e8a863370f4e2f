"""What a user asks of a trace, as the arguments of the predictors' `trace`: checked by the task of the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from elman.data.readers.encodings import Notify
from elman.errors import ConfigError, DataError
from elman.tasks.spec import task_spec

TRACE_OPTIONS = {  # beside `gradients`, which all tasks have: the tasks of each
    "target": ("classify", "tag", "seq2seq"),
    "beam": ("seq2seq",),
    "attribution": ("lm", "classify", "tag"),
    "position": ("lm", "tag"),
}
TARGET_ARGUMENTS = {"classify": "label", "tag": "tags", "seq2seq": "target"}


def trace_arguments(predictor: Any, values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the arguments for values of TRACE_OPTIONS; None is not given. An option of other tasks is a ConfigError.

    prefix stands before the names in messages, such as the dashes of flags.
    """
    if not hasattr(predictor, "trace"):
        problem = f"RUN is a {task_spec(predictor.task).title}; expected a model of a task with traces"
        raise ConfigError(problem, hint="Its predictor has no method `trace`")
    options = {}
    for name, value in values.items():
        if value is None:
            continue
        if predictor.task not in TRACE_OPTIONS[name]:
            title = task_spec(predictor.task).title
            expected = " or ".join(task_spec(task).title for task in TRACE_OPTIONS[name])
            option = prefix + name
            raise ConfigError(f"{option}: RUN is a {title}; expected a {expected}", hint=f"Leave out {option}")
        options[TARGET_ARGUMENTS[predictor.task] if name == "target" else name] = value
    if options.get("target") is not None and "beam" in options:
        first, second = f"{prefix}target", f"{prefix}beam"
        raise ConfigError(f"{first} and {second}: given both; expected one of them", hint="Leave out one")
    if "position" in options and "attribution" not in options:
        option, needed = f"{prefix}position", f"{prefix}attribution"
        raise ConfigError(f"{option}: given without {needed}", hint=f"Add {needed} METHOD")
    if "tags" in options:
        options["tags"] = options["tags"].split()
    return options


def read_series(predictor: Any, path: str, notify: Notify) -> list[Any]:
    """Return the series of a file, as a forecaster reads them."""
    spec = task_spec(predictor.task)
    reader = spec.reader_config(**spec.reader_defaults(predictor))
    try:
        return list(spec.open_source(path, reader, notify).examples())
    except DataError as error:
        raise DataError(error.message, hint=error.hint, where=error.where or path) from None
