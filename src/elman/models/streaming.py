"""Streaming: a causal model reads a sequence in parts, as they arrive, and its state is all that it remembers.

    outputs, state = model.step(inputs, state)      one input of each of B streams
    outputs, state = model.run(chunks, state)       a chunk of each stream; chunks may have different lengths
    content = model.state_to_bytes(state)           to be stored, or to go on in another process

The result does not depend on how a sequence is cut. What an input is, and what comes out, differs from task to task:

    language model    the number of a token     the logits of the next token
    classifier        a token                   log probabilities of the labels, after the tokens so far
    tagger            a token                   log probabilities of its tag, given the tokens so far
    forecaster        a row of numbers          the quantiles of the next rows
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.errors import ArgumentError

from .folder import FolderPredictor
from .stack import State
from .stream_state import StateLayout

Array = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]
Chunks = Sequence[Any] | Array  # B chunks


class StreamingPredictor(FolderPredictor):
    """A predictor that reads a sequence in parts."""

    @property
    @abstractmethod
    def output_shape(self) -> tuple[int, ...]:
        """The shape of the outputs after one input of one stream."""

    @abstractmethod
    def initial_state(self, batch_size: int = 1) -> State:
        """Return the state of B streams before their first input; a model without one is a ConfigError."""

    @abstractmethod
    def step(self, inputs: Any, state: State) -> tuple[Array, State]:
        """Return the outputs (B, ...) after one input of each stream, and the next state."""

    def run(self, chunks: Chunks, state: State) -> tuple[Array, State]:
        """Return the outputs (B, T, ...) after each input of B chunks, and the next state.

        T is the length of the longest chunk. Behind the end of a shorter one, the outputs are zero. Inputs that the
        model cannot read are an ArgumentError or a DataError.
        """
        return self.run_checked([self.checked_chunk(chunk) for chunk in chunks], state)

    @abstractmethod
    def checked_chunk(self, inputs: Any) -> Any:
        """Return the inputs of one stream as `run_checked` takes them; others are an ArgumentError or a DataError."""

    @abstractmethod
    def run_checked(self, chunks: Sequence[Any], state: State) -> tuple[Array, State]:
        """Return what `run` returns, for chunks that are checked."""

    def state_layout(self) -> StateLayout:
        """Return the entries of the state of one stream, and how they are written as bytes."""
        return StateLayout(self.initial_state(1), self.fingerprint)

    def state_to_bytes(self, state: State) -> bytes:
        """Return the state as bytes (stream_state.py), to go on later, in another process or in an exported file."""
        return self.state_layout().to_bytes(state)

    def state_from_bytes(self, content: bytes) -> State:
        """Return the state that state_to_bytes wrote; anything else, and that of another model, is a ModelError."""
        return self.state_layout().from_bytes(content)


def chunk_lengths(chunks: Sequence[Any]) -> Ids:
    """Return the lengths (B,) of chunks."""
    return np.array([len(chunk) for chunk in chunks], np.int64)


def inside_chunks(lengths: Ids) -> npt.NDArray[np.bool_] | None:
    """Return which places (B, T) of a rectangle of chunks are inside them; None if all are."""
    longest = lengths.max(initial=0)
    return None if (lengths == longest).all() else np.arange(longest) < lengths[:, None]


def padded_chunks(chunks: Sequence[Array]) -> tuple[Array, Ids | None]:
    """Return chunks (T, ...) as one array (B, T, ...), padded with zeros, and their lengths if they differ."""
    lengths, flat = chunk_lengths(chunks), np.concatenate(chunks)
    inside = inside_chunks(lengths)
    if inside is None:
        return flat.reshape(len(chunks), -1, *flat.shape[1:]), None
    padded = np.zeros((*inside.shape, *flat.shape[1:]), flat.dtype)
    padded[inside] = flat
    return padded, lengths


def where_inside(inside: npt.NDArray[np.bool_] | None, t: int, state_next: State, state: State) -> State:
    """Return the next state of the rows whose chunk has an input number t, and the state as it was of the others."""
    if inside is None or inside[:, t].all():
        return state_next
    rows = inside[:, t]
    return {
        name: np.where(rows.reshape(-1, *[1] * (array.ndim - 1)), array, state[name])
        for name, array in state_next.items()
    }


def run_by_length(
    run: Callable[[Array, State], tuple[Array, State]],
    chunks: Sequence[Array],
    state: State,
    output_shape: tuple[int, ...],
) -> tuple[Array, State]:
    """Return the outputs (B, T, ...) of chunks of different lengths and the next state, one call of run for a length.

    For models that read only rectangles (B, T, ...) of inputs. Behind the end of a chunk, the outputs are zero.
    """
    lengths = chunk_lengths(chunks)
    outputs = np.zeros((len(chunks), lengths.max(initial=0), *output_shape))
    state_next = {name: array.copy() for name, array in state.items()}
    for T in np.unique(lengths[lengths > 0]):
        rows = np.flatnonzero(lengths == T)
        of_rows = {name: array[rows] for name, array in state.items()}
        outputs[rows, :T], of_rows = run(padded_chunks([chunks[row] for row in rows.tolist()])[0], of_rows)
        for name, array in of_rows.items():
            state_next[name][rows] = array
    return outputs, state_next


def require_tokens(tokens: Any) -> list[str]:
    """Return the tokens of a stream; anything but a sequence of texts is an ArgumentError."""
    if isinstance(tokens, str) or not all(isinstance(token, str) for token in tokens):
        hint = "Split a text into its tokens by model.tokens(text)"
        raise ArgumentError(f"inputs: given {_shown(tokens)}; expected a list of tokens", hint=hint)
    return list(tokens)


def require_ids(ids: Any, num_tokens: int) -> Ids:
    """Return the numbers of tokens (T,) of a stream; others than those of the vocabulary are an ArgumentError."""
    if type(ids) is list and len(ids) == 1 and type(ids[0]) is int and 0 <= ids[0] < num_tokens:
        return np.array(ids, np.int64)  # the usual case of a stream: nothing else is checked
    array = np.asarray(ids)
    if array.ndim != 1 or (array.size and (array.dtype.kind not in "iu")):
        raise ArgumentError(f"inputs: given {_shown(ids)}; expected a list of the numbers of tokens")
    if array.size and not 0 <= array.min() <= array.max() < num_tokens:
        wrong = array[(array < 0) | (array >= num_tokens)][0]
        raise ArgumentError(f"inputs: given the token {wrong}; expected numbers from 0 to {num_tokens - 1}")
    return array.astype(np.int64, copy=False)


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
