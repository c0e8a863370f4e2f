"""What every reader of weights returns: the weights, where each of them comes from, and the library's own result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from elman.errors import ModelError

from .weights import Weights

Array = npt.NDArray[Any]
Model = Callable[[Array], Array]
Moment = Literal["each", "last", "final"]  # of the outputs that a file computes
MOMENTS: dict[Moment, str] = {
    "each": "after each step",
    "last": "after the last step of each direction",
    "final": "at the end of the sequence, where the backward direction has read one step",
}

GATES = {"elman": 1, "gru": 3, "lstm": 4}


@dataclass(frozen=True, slots=True)
class Reference:
    """The functions that the library of a file computes from it: inputs (B, T, ...) to outputs (B, T, O) or (B, O).

    runs has one for each kind of outputs; the first one counts. shapes (B, T) are those at which it is compared, if it
    cannot be compared at PAIRS of parity.py.
    """

    name: str
    runs: Mapping[Moment, Model]
    activation: Literal["softmax", "log_softmax"] | None = None  # after the readout
    shapes: tuple[tuple[int, int], ...] = ()

    @property
    def moment(self) -> Moment:
        """What the outputs are."""
        return next(iter(self.runs))

    def run(self, x: Array) -> Array:
        """Return the outputs."""
        return self.runs[self.moment](x)


@dataclass(frozen=True, slots=True)
class Mapped:
    """A name of elman and one of the file; `change` is what was done with the array, in symbols: T is transposed."""

    ours: str
    theirs: str
    change: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """What a reader returns: mapping names the tensors of the weights, `ignored` the others of the file."""

    kind: str
    weights: Weights
    reference: Reference
    mapping: tuple[Mapped, ...]
    notes: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


def require_finite(name: str, array: Array, where: str) -> Array:
    """Return an array of the file as float32; anything but finite numbers is a ModelError."""
    if array.dtype.kind != "f":
        raise ModelError(f"{name!r} is {array.dtype}; expected floating point numbers", where=where)
    with np.errstate(over="ignore"):
        result: Array = array.astype(np.float32)
    if not np.isfinite(result).all():
        raise ModelError(f"{name!r} has infinite numbers or NaN; expected finite float32 numbers", where=where)
    return result


def require_one_shape_of_layers(sizes: list[tuple[str, int, int, int]], where: str) -> None:
    """Raise a ModelError unless each layer reads the outputs of the one below it.

    sizes are name, input size, hidden size and the number of directions of each layer.
    """
    directions = {number for *_, number in sizes}
    if len(directions) > 1:
        named = ", ".join(f"{name}: {number}" for name, _, _, number in sizes)
        problem = f"layers with one direction and with two ({named}); expected the same for all layers"
        raise ModelError(problem, hint="No model of elman has such layers", where=where)
    for (below, _, hidden, number), (name, inputs, *_) in pairwise(sizes):
        if inputs != hidden * number:
            problem = f"{name} reads {inputs} numbers; expected {hidden * number}, the outputs of {below} below it"
            hint = "Name the layers of one stack, in their order, with --layers"
            raise ModelError(problem, hint=hint, where=where)
