"""The comparison of imported weights with the library that they come from, at 12 batch sizes and lengths.

The difference of a batch is the largest one of all its outputs, relative to the largest output or to 1. It may be as
large as TOLERANCE. The outputs of a chaotic network depend on how each sum is rounded: where they differ by more, it
may be ten times as large as the difference between float32 and float64 for the same weights. Short sequences, for which
that is about 1e-7, show another convention all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.cells.readout import log_softmax
from elman.errors import ModelError

from .source import Model, Moment, Reference
from .weights import Weights

Array = npt.NDArray[Any]

PAIRS = ((1, 1), (2, 1), (1, 2), (3, 2), (1, 7), (5, 7), (17, 5), (2, 16), (8, 23), (1, 64), (4, 64), (3, 200))
TOLERANCE = 1e-5  # float32 on both sides, sums in another order; another convention differs by 1e-2
SEED = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """A batch: its size, its length, and how far the outputs are apart."""

    batch_size: int
    length: int
    difference: float
    allowed: float = TOLERANCE


@dataclass(frozen=True, slots=True)
class Parity:
    """All comparisons with a reference."""

    reference: str
    outputs: Moment
    comparisons: tuple[Comparison, ...]

    @property
    def largest_difference(self) -> float:
        """The largest difference of all batches."""
        return max(comparison.difference for comparison in self.comparisons)

    def as_json(self) -> dict[str, Any]:
        """Return the keys of `--json`."""
        return {
            "reference": self.reference,
            "outputs": self.outputs,
            "tolerance": TOLERANCE,
            "largest_difference": self.largest_difference,
            "shapes": [
                {"batch": c.batch_size, "length": c.length, "difference": c.difference, "allowed": c.allowed}
                for c in self.comparisons
            ],
        }


def random_inputs(
    weights: Weights, batch_size: int, length: int, rng: np.random.Generator, rows: Array | None = None
) -> Array:
    """Return inputs (B, T, I), or (B, T) rows of the embedding: one of `rows`, or any."""
    if weights.embedding is None:
        return rng.normal(size=(batch_size, length, weights.input_size)).astype(np.float32)
    allowed = np.arange(len(weights.embedding)) if rows is None else rows
    return rng.choice(allowed, size=(batch_size, length)).astype(np.int64)


def compare(weights: Weights, model: Model, reference: Reference, where: str, rows: Array | None = None) -> Parity:
    """Return how far a model is from the reference; more than TOLERANCE, or other shapes, are a ModelError.

    The model returns what the reference returns.
    """
    comparisons, rng = [], np.random.default_rng(SEED)
    for batch_size, length in reference.shapes or PAIRS:
        x = random_inputs(weights, batch_size, length, rng, rows)
        difference = outputs_difference(model(x), reference.run(x))
        allowed = TOLERANCE if difference <= TOLERANCE else max(TOLERANCE, 10.0 * rounding(weights, reference, x))
        comparisons.append(Comparison(batch_size, length, difference, allowed))
        if not difference <= allowed:
            problem = (
                f"the imported weights differ from {reference.name} by {difference:.3g} at batch {batch_size}, length "
                f"{length}; expected at most {allowed:.3g}"
            )
            hint = "Nothing was written. The file has a convention that elman does not know: please report it"
            raise ModelError(problem, hint=hint, where=where)
    return Parity(reference.name, reference.moment, tuple(comparisons))


def rounding(weights: Weights, reference: Reference, x: Array) -> float:
    """Return how far the outputs of the weights in float32 are from those in float64."""
    single, double = (
        {"each": each, "last": last, "final": each[:, -1]}[reference.moment]
        for each, last in (weights.run_by_numpy(x, dtype) for dtype in (np.float32, np.float64))
    )
    activation = reference.activation
    return outputs_difference(activate(single, activation), activate(double, activation))


def outputs_difference(actual: Array, expected: Array) -> float:
    """Return the largest difference relative to the largest output or to 1; infinity for other shapes or NaN."""
    if actual.shape != expected.shape:
        return float("inf")
    difference = np.abs(actual.astype(np.float64) - expected).max(initial=0.0)
    difference /= max(1.0, float(np.abs(expected).max(initial=0.0)))
    return float(difference) if np.isfinite(difference) else float("inf")


def outputs_of(weights: Weights, reference: Reference) -> Model:
    """Return the function of imported weights that returns what the reference returns."""

    def run(x: Array) -> Array:
        each, last = weights.run(x)
        y = {"each": each, "last": last, "final": each[:, -1]}[reference.moment]
        return activate(y, reference.activation)

    return run


def activate(y: Array, activation: str | None) -> Array:
    """Return logits as they are, or their softmax or its logarithm."""
    if activation is None:
        return y
    log_p = log_softmax(y)
    return log_p if activation == "log_softmax" else np.exp(log_p)
