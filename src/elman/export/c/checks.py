"""What a user reads of an export to C: what cannot be exported, and what main reads as numbers in place of text."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from elman.checkpoint import check_output_file
from elman.errors import ConfigError
from elman.models.folder import FolderPredictor

from .program import Program

DEFAULT_MAX_LENGTH = 128  # tokens of a whole sequence
LARGEST_MAX_LENGTH = 1 << 20
DEFAULT_MAX_BYTES = 1 << 25  # of weights: a C compiler needs minutes for more of them
MAX_TAGS = 1 << 16  # whose numbers are unsigned short
SIGMAS = ("σ", "ς")


def require_task(task: str, known: Iterable[str]) -> None:
    """Raise a ConfigError for a task whose models cannot be exported."""
    if task not in known:
        problem = f"the model is one of task {task!r}; expected one of {', '.join(known)}"
        raise ConfigError(problem, hint="Its equations are not known in C")


def require_max_length(max_length: int | None, *, needed: bool) -> int | None:
    """Return the largest length of a whole sequence; None for a model that does not need one."""
    if not needed:
        if max_length is not None:
            problem = "--max-length: given for a model that reads a stream of any length; expected another model"
            raise ConfigError(problem, hint="Leave out --max-length")
        return None
    length = DEFAULT_MAX_LENGTH if max_length is None else max_length
    if not 1 <= length <= LARGEST_MAX_LENGTH:
        raise ConfigError(f"--max-length: given {length:,}; expected 1 to {LARGEST_MAX_LENGTH:,} tokens")
    return length


def require_size(predictor: FolderPredictor, max_bytes: int | None) -> None:
    """Raise a ConfigError for weights that are too large."""
    largest = DEFAULT_MAX_BYTES if max_bytes is None else max_bytes
    size = sum(tensor.nbytes for tensor in predictor.tensors.values())
    if size > largest:
        problem = f"the weights of the model take {size:,} bytes; expected at most {largest:,}"
        raise ConfigError(problem, hint="Train a smaller model, or allow more by --max-bytes")


def require_file(path: Path, mark: str) -> None:
    """Raise a ConfigError for a file that cannot be written, or that exists and does not have the mark of an export."""
    check_output_file(path, "FILE")
    if path.exists() and mark not in path.read_text("utf-8", "replace")[:2000]:
        problem = "the file exists, and elman has not exported it; expected a new name, or the file of an export"
        raise ConfigError(problem, hint="Choose another name, or delete the file", where=str(path))


def require_known_cell(name: str, *, is_known: bool) -> None:
    """Raise a ConfigError for a cell whose equations are not among the fragments."""
    if not is_known:
        problem = f"the model has the cell {name!r}, whose equations are not known in C"
        expected = "elman (tanh or relu), gru, lstm, layer_norm_lstm, min_gru or reset_before_gru"
        raise ConfigError(f"{problem}; expected {expected}", hint="Train a model with one of these cells")


def require_tags(count: int) -> None:
    """Raise a ConfigError for too many tags."""
    if count >= MAX_TAGS:
        raise ConfigError(f"the model has {count:,} tags; expected fewer than {MAX_TAGS:,}")


def describe_memory(program: Program) -> str:
    """Return how much memory a program takes."""
    constants, state, static = program.constant_bytes, program.state_bytes, program.buffer_bytes
    return f"Memory: {constants:,} bytes of constants, {state:,} of the state of a stream, {static:,} static; no heap"


def number_reason(vocabulary: Iterable[str], level: str, normalize: str) -> str | None:
    """Return why main reads numbers in place of text; None if it reads text."""
    tokens = list(vocabulary)
    if level == "bpe":
        return "subwords need the merges of bpe"
    if normalize in ("nfc", "nfd"):
        return f"the normalization {normalize} needs the tables of a Unicode library"
    if normalize == "lower" and any(sigma in token for sigma in SIGMAS for token in tokens):
        return "the lower case of a Greek sigma depends on the characters beside it"
    if any("\0" in token for token in tokens):
        return "the vocabulary has the character U+0000, which ends a text in C"
    return None


def notes_of(name: str, reason: str | None) -> list[str]:
    """Return a sentence for tokens that are numbers, because main cannot make them from text; else nothing."""
    return [] if reason is None else [f"{name} are numbers for main, too: {reason}"]
