"""The layers of a Keras model with their arrays, as they are in the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class KerasCell:
    """kernel (I, G*H), recurrent_kernel (H, G*H), bias (G*H,), or (2, 3H) of a GRU with reset_after, or None."""

    kind: str
    activation: str
    kernel: Array
    recurrent_kernel: Array
    bias: Array | None
    reset_after: bool = True


@dataclass(frozen=True, slots=True)
class Direction:
    """A recurrent layer in one direction, under its name in the file."""

    name: str
    cell: KerasCell


@dataclass(frozen=True, slots=True)
class Dense:
    """The readout: kernel (D*H, O) and bias (O,) or None."""

    name: str
    kernel: Array
    bias: Array | None


@dataclass(frozen=True, slots=True)
class KerasModel:
    """A chain of layers. return_sequences is that of the last recurrent layer, None if the file does not say."""

    recurrent: Sequence[Sequence[Direction]]
    embedding: Array | None = None
    embedding_name: str = ""
    dense: Dense | None = None
    activation: Literal["softmax"] | None = None
    return_sequences: bool | None = None
    notes: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
