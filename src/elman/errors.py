"""The errors that a user may see, and their exit codes, on which scripts may rely.

Code that processes a user's input raises one of these. Code that only elman calls raises ValueError or TypeError.
Interrupted is a KeyboardInterrupt and not an ElmanError, so that code that continues after an `Exception`, such as a
cross-validation of scikit-learn, stops at Ctrl-C.
"""

from __future__ import annotations

import functools
import sys


class Explained(BaseException):
    """`message` is what was given and expected, `hint` how to fix it, `where` a file:line or a key."""

    exit_code = 1
    code = "failed"

    def __init__(self, message: str, *, hint: str | None = None, where: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where

    def __str__(self) -> str:
        return f"{self.where}: {self.explanation}" if self.where else self.explanation

    @property
    def explanation(self) -> str:
        """The message, and the hint as a sentence of its own."""
        return f"{self.message}. {self.hint}" if self.hint else self.message


class ElmanError(Explained, Exception):
    """A failure, whose kind is the class."""


class ConfigError(ElmanError):
    """An invalid option, config key or value, or a run folder that already exists."""

    exit_code = 2
    code = "usage"


class ArgumentError(ConfigError, ValueError):
    """An argument of a call in Python has a wrong value."""


class NotFittedError(ConfigError, ValueError, AttributeError):
    """A model is used before `fit`. If scikit-learn is imported, the error is a NotFittedError of scikit-learn, too."""

    def __new__(cls, *args: object, **options: object) -> NotFittedError:
        return super().__new__(_not_fitted_class() if cls is NotFittedError else cls, *args, **options)

    def __reduce__(self) -> tuple[object, ...]:
        return NotFittedError, self.args, self.__dict__


class DataError(ElmanError):
    """A data file that is missing, unreadable or malformed.

    `missing` names the part that the file lacks, if this is the error: labels, tags or targets.
    """

    exit_code = 3
    code = "data"

    def __init__(
        self, message: str, *, hint: str | None = None, where: str | None = None, missing: str | None = None
    ) -> None:
        super().__init__(message, hint=hint, where=where)
        self.missing = missing


class ModelError(ElmanError):
    """A model folder, run folder or checkpoint that is incomplete, damaged or from another program."""

    exit_code = 4
    code = "model"


class DivergedError(ElmanError):
    """The loss or a gradient became infinite or NaN a second time."""

    exit_code = 5
    code = "diverged"


class ResourceError(ElmanError):
    """Not enough memory or disk space."""

    exit_code = 6
    code = "resource"


class Interrupted(Explained, KeyboardInterrupt):
    """A signal interrupted training; a checkpoint was written before."""

    code = "interrupted"

    def __init__(self, signal_number: int, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = 128 + signal_number

    def __reduce__(self) -> tuple[object, ...]:
        return Interrupted, (self.exit_code - 128, self.message), self.__dict__


def _not_fitted_class() -> type[NotFittedError]:
    """Return NotFittedError; a subclass that scikit-learn knows if its exceptions are imported, by whom ever."""
    exceptions = sys.modules.get("sklearn.exceptions")
    return NotFittedError if exceptions is None else _not_fitted_class_for(exceptions.NotFittedError)


@functools.cache
def _not_fitted_class_for(scikit_learn_class: type[Exception]) -> type[NotFittedError]:
    return type(
        "NotFittedError",
        (NotFittedError, scikit_learn_class),
        {"__module__": __name__, "__doc__": NotFittedError.__doc__},
    )


_PACKAGES = {
    "torch": ("training needs PyTorch", 'pip install "elman[train]"'),
    "matplotlib": ("a plot needs matplotlib", 'pip install "elman[plot]"'),
    "tokenizers": ("level bpe needs tokenizers to learn subwords", 'pip install "elman[bpe]"'),
    "sacrebleu": ("BLEU and chrF need sacrebleu", 'pip install "elman[mt]"'),
    "onnx": ("the peer onnxruntime needs onnx", 'pip install "elman[onnx]"'),
    "onnxruntime": ("the peer onnxruntime needs onnxruntime", 'pip install "elman[onnx]"'),
    "fastapi": ("serve and studio need FastAPI", 'pip install "elman[serve]"'),
    "uvicorn": ("serve and studio need uvicorn", 'pip install "elman[serve]"'),
    "fastapi_offline": ("serve needs fastapi-offline", 'pip install "elman[serve]"'),
    "httptools": ("serve needs httptools", 'pip install "elman[serve]"'),
    "prometheus_client": ("serve needs prometheus-client", 'pip install "elman[serve]"'),
    "anywidget": ("the notebook widget needs anywidget", 'pip install "elman[notebook]"'),
    "h5py": ("files of Keras need h5py", 'pip install "elman[keras]"'),
    "huggingface_hub": ("models on the hub need huggingface_hub", 'pip install "elman[hf]"'),
    "jax": ("the peer jax needs jax", "pip install jax"),
    "keras": ("the peer keras needs keras", "pip install keras"),
}


def missing_package_error(error: ModuleNotFoundError) -> ElmanError | None:
    """Return the error for an optional package that is not installed, or None for any other module."""
    entry = _PACKAGES.get((error.name or "").split(".")[0])
    if entry is None:
        return None
    need, command = entry
    return ElmanError(f"{need}, which is not installed", hint=f"Install it: {command}")
