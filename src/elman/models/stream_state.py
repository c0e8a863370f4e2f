"""The state of a stream as bytes: small, versioned, and the same for every program that runs the model.

All numbers are little-endian:

    bytes    content
    0-3      the letters ELST
    4-5      version of this format, 1
    6-7      0
    8-15     the first 8 bytes of the model's fingerprint, the SHA-256 of its model.safetensors
    16-19    B, the number of streams
    20-23    CRC-32 of all bytes from 24 on, as zip files use it
    24-      B records, one a stream

A record is the entries of the state, one after another and without gaps, in the order of `StateLayout.entries`; an
entry is an array in C order. All records of a model have the same size. A program in another language that knows the
layout, such as an exported one, reads a record with one copy for each entry.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from elman.errors import ArgumentError, ModelError
from elman.models.stack import State

MAGIC = b"ELST"
FORMAT_VERSION = 1
FINGERPRINT_BYTES = 8
_HEADER = struct.Struct(f"<4sHH{FINGERPRINT_BYTES}sII")
_WHERE = "state"  # of errors


class Entry(NamedTuple):
    """One array of the state of a stream: its name, its type, and its shape without the batch axis."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """The number of bytes."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize


class StateLayout:
    """What the state of a model consists of, and how it is written as bytes."""

    def __init__(self, state: State, fingerprint: str) -> None:
        """Take a state of the model, whose entries have the batch axis first, and the model's fingerprint (hex)."""
        self.entries = tuple(
            Entry(name, array.dtype.newbyteorder("<"), array.shape[1:]) for name, array in state.items()
        )
        self._fingerprint = bytes.fromhex(fingerprint)[:FINGERPRINT_BYTES]

    @property
    def record_size(self) -> int:
        """The number of bytes of one stream."""
        return sum(entry.size for entry in self.entries)

    def to_bytes(self, state: Mapping[str, npt.NDArray[Any]]) -> bytes:
        """Return a state of B streams as bytes; other entries or shapes are an ArgumentError."""
        B = self.num_streams(state)
        records = np.concatenate(
            [
                np.ascontiguousarray(state[entry.name], entry.dtype).reshape(-1).view(np.uint8).reshape(B, entry.size)
                for entry in self.entries
            ],
            axis=1,
        ).tobytes()
        return _HEADER.pack(MAGIC, FORMAT_VERSION, 0, self._fingerprint, B, zlib.crc32(records)) + records

    def from_bytes(self, content: bytes) -> State:
        """Return the state that to_bytes wrote; other bytes, and those of another model, are a ModelError."""
        if len(content) < _HEADER.size or content[:4] != MAGIC:
            raise ModelError("these bytes are not the state of a model", where=_WHERE)
        _, version, reserved, fingerprint, B, checksum = _HEADER.unpack_from(content)
        if version != FORMAT_VERSION or reserved:
            hint = "Use the version of elman that wrote the state"
            raise ModelError(f"format version {version}; expected {FORMAT_VERSION}", hint=hint, where=_WHERE)
        if fingerprint != self._fingerprint:
            stated, expected = fingerprint.hex(), self._fingerprint.hex()
            problem = f"the state is of the model {stated}; expected {expected}"
            raise ModelError(problem, hint="Give it to the model that wrote it", where=_WHERE)
        expected_size = _HEADER.size + B * self.record_size
        if len(content) != expected_size:
            raise ModelError(f"has {len(content):,} bytes; expected {expected_size:,}", where=_WHERE)
        records = memoryview(content)[_HEADER.size :]
        if zlib.crc32(records) != checksum:
            raise ModelError("the state is damaged: its checksum differs", where=_WHERE)
        table = np.frombuffer(records, np.uint8).reshape(B, self.record_size)
        state: State = {}
        begin = 0
        for entry in self.entries:
            columns = np.ascontiguousarray(table[:, begin : begin + entry.size])
            state[entry.name] = columns.view(entry.dtype).reshape(B, *entry.shape).astype(entry.dtype.newbyteorder("="))
            begin += entry.size
        return state

    def num_streams(self, state: Mapping[str, npt.NDArray[Any]]) -> int:
        """Return the number of streams of a state; other entries or shapes than those of the layout are an error."""
        expected = {entry.name: entry.shape for entry in self.entries}
        shapes = {name: np.shape(array)[1:] for name, array in state.items()}
        counts = {np.shape(array)[:1] for array in state.values()}
        if shapes != expected or len(counts) != 1 or () in counts:
            problem = f"state: given {_described(state)}; expected {_described_entries(self.entries)}"
            raise ArgumentError(problem, hint="A state belongs to the model that returned it")
        ((count,),) = counts
        return int(count)


def _described(state: Mapping[str, npt.NDArray[Any]]) -> str:
    return ", ".join(f"{name} {np.shape(array)}" for name, array in state.items()) or "nothing"


def _described_entries(entries: tuple[Entry, ...]) -> str:
    return ", ".join(f"{entry.name} ({', '.join(map(str, ('B', *entry.shape)))})" for entry in entries)
