"""Many streams of one model, advanced together: users who type, sensors, calls, each with a state of its own.

    streams = elman.Streams(elman.load("runs/book"))
    stream = streams.open()
    streams.push(stream, ids)                  inputs wait until the streams are advanced
    outputs = streams.advance()[stream]        one batch of all streams that have inputs
    outputs = streams.step([stream], [5])      one input of each of several streams, without waiting
    content = streams.close(stream)            the state, which `open` takes: in this process or in another

The state of a stream is all that is kept of it: a row in one array for each entry of the state. Streams open and close
at any time, and the outputs of one do not depend on the others. Inputs are checked when they are pushed, so that a
wrong one cannot disturb other streams. What a stream has not read yet is limited: `push` raises a StreamFullError, and
the caller decides whether to wait, to drop the inputs or to slow the sender down.

An object is used by one thread at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.batches.buckets import length_buckets
from elman.errors import ArgumentError, ConfigError, ElmanError

from .stack import State
from .streaming import StreamingPredictor

Array = npt.NDArray[Any]

MAX_STREAMS = 100_000
MAX_WAITING = 4_096  # inputs of one stream
MAX_STEPS = 64  # inputs of one stream that are read at a time
BATCH_INPUTS = 1 << 14  # of a batch, with padding
BATCH_OUTPUTS = 1 << 24  # numbers
FIRST_ROWS = 16  # of the arrays, which double


class StreamFullError(ElmanError):
    """Too many inputs of a stream wait, or too many streams are open: advance or close streams first."""

    code = "full"


@dataclass(slots=True)
class _Stream:
    row: int  # in the arrays of states
    chunks: deque[Any] = field(default_factory=deque)
    waiting: int = 0  # inputs in all chunks

    def drop(self, count: int) -> None:
        """Remove the first `count` inputs."""
        self.waiting -= count
        while count:
            chunk = self.chunks.popleft()
            if len(chunk) > count:
                self.chunks.appendleft(chunk[count:])
                return
            count -= len(chunk)


class Streams:
    """Independent streams of one causal model."""

    def __init__(
        self,
        model: Any,
        *,
        max_streams: int = MAX_STREAMS,
        max_waiting: int = MAX_WAITING,
        max_steps: int = MAX_STEPS,
    ) -> None:
        """Take a model of elman.load or a trained estimator.

        max_streams are open at a time; of each, max_waiting inputs wait, and max_steps are read at a time. A model
        that does not read step by step is a ConfigError.
        """
        if hasattr(type(model), "_trained"):  # an estimator, which says so if it is not trained yet
            model = model._trained
        if not isinstance(model, StreamingPredictor):
            problem = f"model: given {_kind(model)}; expected a model that reads step by step"
            raise ConfigError(
                problem, hint="These are language models, forecasters, and one-way classifiers and taggers"
            )
        for name, value in {"max_streams": max_streams, "max_waiting": max_waiting, "max_steps": max_steps}.items():
            if value < 1:
                raise ArgumentError(f"{name}: given {value}; expected 1 or more")
        self.model = model
        self.max_streams, self.max_waiting, self.max_steps = max_streams, max_waiting, max_steps
        self._layout = model.state_layout()
        shapes = {entry.name: (entry.shape, entry.dtype.newbyteorder("=")) for entry in self._layout.entries}
        self._states: State = {name: np.empty((FIRST_ROWS, *shape), dtype) for name, (shape, dtype) in shapes.items()}
        self._free = list(range(FIRST_ROWS))[::-1]
        self._open: dict[int, _Stream] = {}
        self._ready: dict[int, None] = {}  # streams with inputs, in the order in which they got them
        self._next_number = 0
        outputs_per_input = int(np.prod(model.output_shape))
        self._batch_inputs = max(1, min(BATCH_INPUTS, BATCH_OUTPUTS // outputs_per_input))

    def __len__(self) -> int:
        """Return how many streams are open."""
        return len(self._open)

    def __contains__(self, stream: object) -> bool:
        return stream in self._open

    def __iter__(self) -> Iterator[int]:
        """Yield the numbers of the open streams, oldest first."""
        return iter(self._open)

    @property
    def bytes_per_stream(self) -> int:
        """The size of the state of one stream."""
        return self._layout.record_size

    @property
    def allocated_bytes(self) -> int:
        """The memory of the states, those of closed streams included, whose places are used again."""
        return sum(array.nbytes for array in self._states.values())

    def open(self, state: bytes | State | None = None, **start: Any) -> int:
        """Return the number of a new stream, which begins with the state of one stream, or at the beginning.

        Other arguments are those of the model's `initial_state`: for a forecaster of several series, `series=["Oslo"]`.
        A number is never used twice. StreamFullError: max_streams are open.
        """
        if len(self._open) >= self.max_streams:
            hint = "Close streams, or choose a larger max_streams"
            raise StreamFullError(
                f"{len(self._open):,} streams are open; expected at most {self.max_streams:,}", hint=hint
            )
        if state is None:
            state = self.model.initial_state(1, **start)
        elif isinstance(state, bytes):
            state = self.model.state_from_bytes(state)
        if (count := self._layout.num_streams(state)) != 1:
            raise ArgumentError(f"state: given that of {count} streams; expected one")
        if not self._free:
            self._grow()
        row = self._free.pop()
        for name, array in state.items():
            self._states[name][row] = array[0]
        number = self._next_number
        self._next_number += 1
        self._open[number] = _Stream(row)
        return number

    def push(self, stream: int, inputs: Any) -> None:
        """Let inputs wait, in the order in which they come: token ids, tokens or rows, as the model's `run` takes them.

        Inputs that the model cannot read are an ArgumentError or a DataError. StreamFullError: more than max_waiting
        inputs would wait; none of these is taken then.
        """
        one = self._stream(stream)
        chunk = self.model.checked_chunk(inputs)
        if one.waiting + len(chunk) > self.max_waiting:
            problem = f"{one.waiting:,} inputs of stream {stream} wait, and {len(chunk):,} more came"
            hint = "Advance the streams before you push more, or choose a larger max_waiting"
            raise StreamFullError(f"{problem}; expected at most {self.max_waiting:,}", hint=hint)
        if len(chunk):
            one.chunks.append(chunk)
            one.waiting += len(chunk)
            self._ready[stream] = None

    def waiting(self, stream: int) -> int:
        """Return how many inputs of a stream wait."""
        return self._stream(stream).waiting

    def advance(self) -> dict[int, Array]:
        """Read up to max_steps inputs of every stream that has some; return the outputs (T, ...) of each, by number."""
        outputs: dict[int, Array] = {}
        for batch in self._batches():
            outputs.update(self._advance(batch))
        return {stream: outputs[stream] for stream in sorted(outputs)}

    def step(self, streams: Sequence[int], inputs: Any) -> Array:
        """Read one input of each of N different streams now, without waiting; return the outputs (N, ...).

        The fastest way for a caller that has an input of many streams at hand. A stream whose earlier inputs still
        wait is an ArgumentError.
        """
        rows = [self._stream(number).row for number in streams]
        checked = self.model.checked_chunk(inputs)
        if not len(checked) == len(rows) == len(set(rows)):
            counts = f"{len(checked):,} inputs for {len(set(rows)):,} different streams"
            raise ArgumentError(f"inputs: given {counts}; expected one for each of {len(rows):,}")
        if waiting := [number for number in streams if number in self._ready]:
            problem = f"inputs of stream {waiting[0]} wait; expected none"
            raise ArgumentError(problem, hint="Advance the streams before a step")
        return self._updated(rows, self.model.step(checked, self._gathered(rows)))

    def drain(self) -> Iterator[dict[int, Array]]:
        """Yield the outputs of `advance` until no input waits."""
        while self._ready:
            yield self.advance()

    def state(self, stream: int) -> bytes:
        """Return the state of a stream after what it has read, as bytes; inputs that wait are not part of it."""
        return self._layout.to_bytes(self._gathered([self._stream(stream).row]))

    def close(self, stream: int) -> bytes:
        """Close a stream and return its state. Inputs that wait are dropped."""
        state = self.state(stream)
        self._free.append(self._open.pop(stream).row)
        self._ready.pop(stream, None)
        return state

    def _stream(self, number: int) -> _Stream:
        if number not in self._open:
            raise ArgumentError(f"stream: given {number!r}; expected the number of an open stream")
        return self._open[number]

    def _grow(self) -> None:
        rows = len(next(iter(self._states.values())))
        for name, array in self._states.items():
            self._states[name] = np.concatenate([array, np.empty_like(array)])
        self._free = list(range(rows, 2 * rows))[::-1]

    def _batches(self) -> list[list[int]]:
        """Return the streams that have inputs, those with a similar number of inputs together."""
        ready = list(self._ready)
        lengths = [min(self._open[number].waiting, self.max_steps) for number in ready]
        if len(ready) * max(lengths, default=0) <= self._batch_inputs and len(set(lengths)) == 1:
            return [ready]
        return [[ready[i] for i in batch] for batch in length_buckets(lengths, self._batch_inputs)]

    def _advance(self, batch: list[int]) -> Iterable[tuple[int, Array]]:
        streams = [self._open[number] for number in batch]
        chunks = [_first(one, self.max_steps) for one in streams]
        rows = [one.row for one in streams]
        outputs = self._updated(rows, self.model.run_checked(chunks, self._gathered(rows)))
        for number, one, chunk in zip(batch, streams, chunks, strict=True):
            one.drop(len(chunk))
            if not one.waiting:
                del self._ready[number]
        return [(number, of_one[: len(chunk)]) for number, of_one, chunk in zip(batch, outputs, chunks, strict=True)]

    def _gathered(self, rows: list[int]) -> State:
        """Return the state of the streams in these rows."""
        return {name: array[rows] for name, array in self._states.items()}

    def _updated(self, rows: list[int], result: tuple[Array, State]) -> Array:
        """Store the state in a result of the model, and return its outputs."""
        outputs, state = result
        for name, array in state.items():
            self._states[name][rows] = array
        return outputs


def _first(stream: _Stream, count: int) -> Any:
    """Return the first inputs that wait, at most `count`."""
    chunks = stream.chunks
    if len(chunks) == 1 or len(chunks[0]) >= count:
        return chunks[0][:count]
    parts, missing = [], min(count, stream.waiting)
    for chunk in chunks:
        parts.append(chunk[:missing])
        missing -= len(parts[-1])
        if not missing:
            break
    return [item for part in parts for item in part] if isinstance(parts[0], list) else np.concatenate(parts)


def _kind(model: Any) -> str:
    task = getattr(model, "task", None)
    return f"a model of the task {task}" if task else f"an object of the type {type(model).__name__}"
