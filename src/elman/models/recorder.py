"""A recorder: it keeps what the recurrent stacks, attention and pooling of a prediction compute, while it computes it.

    with recording() as recorder:
        predictor.log_probabilities([text])           the prediction itself, unchanged
    recorder.runs                                     every call of Stack.run: inputs, states, outputs
    recorder.arrays["attention"]                      what `note` was called with

A trace (trace.py) is therefore a record of a prediction, and not of a second implementation of it. Predictors call each
other through many functions, and none of them has to pass the recorder on: it is a context variable, which belongs to
one thread or asynchronous task. Without a recorder, a call costs one look-up, about 0.1 microseconds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]
State = dict[str, Array]  # as in stack.py, which imports this module


@dataclass(frozen=True, slots=True)
class Run:
    """One call of Stack.run: x (B, T, I) or ids (B, T) of the embedding, the state before it, and what it returned."""

    stack: object
    x: Array
    state: State
    lengths: Array | None
    outputs: Array
    final: State


@dataclass(slots=True)
class Recorder:
    """The runs of stacks and the arrays of a prediction, in the order in which they were computed."""

    runs: list[Run] = field(default_factory=list)
    arrays: dict[str, list[Array]] = field(default_factory=dict)

    def runs_of(self, stack: object) -> list[Run]:
        """Return the runs of one stack."""
        return [run for run in self.runs if run.stack is stack]

    def last(self, name: str) -> Array:
        """Return the array of this name that was noted last."""
        return self.arrays[name][-1]


_recorder: ContextVar[Recorder | None] = ContextVar("recorder", default=None)


@contextlib.contextmanager
def recording() -> Iterator[Recorder]:
    """Record what is computed in this block; a recording inside another one hides it."""
    recorder = Recorder()
    token = _recorder.set(recorder)
    try:
        yield recorder
    finally:
        _recorder.reset(token)


def record_run(stack: object, x: Array, state: State, lengths: Array | None, outputs: Array, final: State) -> None:
    """Keep a run, if there is a recorder."""
    recorder = _recorder.get()
    if recorder is not None:
        recorder.runs.append(Run(stack, x, state, lengths, outputs, final))


def note(name: str, array: Array) -> None:
    """Keep an array under a name, if there is a recorder."""
    recorder = _recorder.get()
    if recorder is not None:
        recorder.arrays.setdefault(name, []).append(array)
