"""The errors a user may see: what was given, what is expected, what to do; and the exit code that scripts can rely on.

Code that only we call raises ValueError or TypeError; code that meets a user's input raises one of these.
"""

from __future__ import annotations


class ElmanError(Exception):
    """Something failed. `message` says what was given and expected, `hint` what to do, `where` the file:line or key."""

    exit_code = 1
    code = "failed"

    def __init__(self, message: str, *, hint: str | None = None, where: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where

    def __str__(self) -> str:
        where = f"{self.where}: " if self.where else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{where}{self.message}{hint}"


class ConfigError(ElmanError):
    """A wrong option, config key or value, or a run folder that exists."""

    exit_code = 2
    code = "usage"


class DataError(ElmanError):
    """A data file that is missing, unreadable or malformed."""

    exit_code = 3
    code = "data"


class ModelError(ElmanError):
    """A model folder, run folder or checkpoint that is missing a file, damaged or not ours."""

    exit_code = 4
    code = "model"


class DivergedError(ElmanError):
    """The loss or a gradient stopped being finite, twice."""

    exit_code = 5
    code = "diverged"


class ResourceError(ElmanError):
    """Out of memory or disk."""

    exit_code = 6
    code = "resource"


class Interrupted(ElmanError):
    """A signal asked training to stop, and a checkpoint was written first."""

    code = "interrupted"

    def __init__(self, signal_number: int, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = 128 + signal_number


_PACKAGES = {
    "torch": ("training needs PyTorch", 'pip install "elman[train]"'),
    "matplotlib": ("a plot needs matplotlib", 'pip install "elman[plot]"'),
    "tokenizers": ("level bpe needs tokenizers to learn subwords", 'pip install "elman[bpe]"'),
    "sacrebleu": ("BLEU and chrF need sacrebleu", 'pip install "elman[mt]"'),
    "onnx": ("the peer onnxruntime needs onnx", 'pip install "elman[onnx]"'),
    "onnxruntime": ("the peer onnxruntime needs onnxruntime", 'pip install "elman[onnx]"'),
    "jax": ("the peer jax needs jax", "pip install jax"),
    "keras": ("the peer keras needs keras", "pip install keras"),
}


def missing_package(error: ModuleNotFoundError) -> ElmanError | None:
    """Return what to tell of a package that is not installed, where it is one that not every installation has."""
    told = _PACKAGES.get((error.name or "").split(".")[0])
    return told and ElmanError(f"{told[0]}, which is not installed", hint=told[1])
