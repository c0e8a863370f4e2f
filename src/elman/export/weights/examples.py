"""Examples: inputs and outputs of the original program, by which its conventions can be checked.

A state dict has names and shapes, but does not say in which order a program of one's own stores the gates. So such a
program can write a .npz or .safetensors file with `inputs` (B, T, I), or (B, T) integers, and `outputs`: (B, T, O)
after each step, or (B, O) at the end; logits or probabilities.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.errors import ConfigError, ModelError

from .parity import TOLERANCE, activate, outputs_difference
from .source import Source
from .tensor_files import read_safetensors

Array = npt.NDArray[Any]

EXAMPLES_TOLERANCE = 10 * TOLERANCE  # the original may have computed in another precision, or on a GPU


def compare_with_examples(source: Source, path: Path | None) -> int | None:
    """Return how many numbers of the examples were compared; other outputs than theirs are a ModelError."""
    if path is None:
        return None
    where, weights = str(path), source.weights
    arrays = _read(path)
    if not {"inputs", "outputs"} <= set(arrays):
        problem = f"--examples: the file has {', '.join(arrays) or 'no arrays'}; expected inputs and outputs"
        raise ConfigError(problem, where=where)
    x, expected = arrays["inputs"], arrays["outputs"]
    has_rows = weights.embedding is not None
    if has_rows:
        x = x.astype(np.int64) if x.dtype.kind in "iu" else x
        wanted = f"integers (B, T) from 0 to {len(weights.embedding) - 1}"  # type: ignore[arg-type]
        fits = x.ndim == 2 and x.dtype.kind == "i" and x.size and 0 <= x.min() <= x.max() < len(weights.embedding)  # type: ignore[arg-type]
    else:
        x, wanted = x.astype(np.float32), f"numbers (B, T, {weights.input_size})"
        fits = x.ndim == 3 and x.shape[2] == weights.input_size and x.size
    if not fits:
        raise ConfigError(f"--examples: inputs {x.shape} {x.dtype}; expected {wanted}", where=where)
    each, last = weights.run(x)
    candidates = [each] if expected.ndim == 3 else [last, each[:, -1]]
    candidates += [activate(logits, "softmax") for logits in candidates]
    difference = min(outputs_difference(outputs, expected) for outputs in candidates)
    if not difference <= EXAMPLES_TOLERANCE:
        problem = f"the outputs of the examples differ from those of the imported weights by {difference:.3g}"
        if difference == float("inf"):
            problem = f"the outputs of the examples are {expected.shape}, those of the weights {candidates[0].shape}"
        hint = (
            "Nothing was written. Check the order of the gates, and the reset gate of a GRU: see docs/en/conventions.md"
        )
        raise ModelError(f"{problem}; expected at most {EXAMPLES_TOLERANCE:g}", hint=hint, where=where)
    return int(expected.size)


def _read(path: Path) -> dict[str, Array]:
    if path.suffix.lower() == ".safetensors":
        return read_safetensors(path)[0]
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in ("inputs", "outputs") if name in file}
    except (OSError, ValueError, zipfile.BadZipFile, TypeError, AttributeError):
        problem = "--examples: the file cannot be read; expected .npz or .safetensors with inputs and outputs"
        raise ConfigError(problem, where=str(path)) from None
