"""A weights file as a source, so that it can become a model folder, too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from elman.checkpoint import Tensors
from elman.errors import ModelError

from .source import Mapped, Reference, Source, require_finite
from .weights import weights_of


def source_of_weights_file(tensors: Tensors, metadata: Mapping[str, str], path: Path) -> Source:
    """Return the weights of a weights file; the reference is the cell's equations by NumPy."""
    where = str(path)
    arrays = {name: require_finite(name, array, where) for name, array in tensors.items()}
    try:
        weights = weights_of(arrays, metadata)
    except ModelError as error:
        raise ModelError(error.message, hint=error.hint, where=where) from None
    used = weights.tensors()
    return Source(
        kind="weights file of elman",
        weights=weights,
        reference=Reference(
            "elman.cells by NumPy",
            {"each": lambda x: weights.run_by_numpy(x)[0], "last": lambda x: weights.run_by_numpy(x)[1]},
        ),
        mapping=tuple(Mapped(name, name) for name in used),
        ignored=tuple(name for name in tensors if name not in used),
    )
