"""The bytes of a state: their layout as it is documented, and every other byte string refused."""

from __future__ import annotations

import hashlib
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from elman.errors import ArgumentError, ModelError
from elman.models.stream_state import StateLayout
from tests.tasks.forecaster.models import tiny_predictor as tiny_forecaster
from tests.tasks.language_model.models import tiny_predictor

FINGERPRINT = "00112233445566778899"
STATE = {
    "layers.0.h": np.arange(6, dtype=np.float32).reshape(2, 3) / 8,
    "count": np.array([7.0, -0.0]),
    "rows": np.arange(8, dtype=np.float32).reshape(2, 2, 2),
}


def layout() -> StateLayout:
    return StateLayout(STATE, FINGERPRINT)


def test_the_bytes_are_those_of_the_documented_layout() -> None:
    records = b"".join(
        struct.pack("<3f", *STATE["layers.0.h"][b])
        + struct.pack("<d", STATE["count"][b])
        + struct.pack("<4f", *STATE["rows"][b].ravel())
        for b in range(2)
    )
    header = b"ELST" + struct.pack("<HH", 1, 0) + bytes.fromhex("0011223344556677")
    assert layout().record_size == len(records) // 2 == 36
    assert layout().to_bytes(STATE) == header + struct.pack("<II", 2, zlib.crc32(records)) + records


def test_no_streams_are_a_state_too() -> None:
    none = {name: array[:0] for name, array in STATE.items()}
    back = layout().from_bytes(layout().to_bytes(none))
    assert {name: array.shape for name, array in back.items()} == {name: array.shape for name, array in none.items()}


def test_the_bytes_do_not_depend_on_the_order_of_the_entries_or_of_memory() -> None:
    other = {name: np.asfortranarray(STATE[name]) for name in reversed(STATE)}
    assert layout().to_bytes(other) == layout().to_bytes(STATE)


def test_every_flipped_bit_and_every_cut_is_an_error() -> None:
    content = layout().to_bytes(STATE)
    for bit in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ModelError):
            layout().from_bytes(bytes(flipped))
    for length in range(len(content)):
        with pytest.raises(ModelError):
            layout().from_bytes(content[:length])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "state: these bytes are not the state of a model"),
        (b"ELST", "state: these bytes are not the state of a model"),
        (b"PK\3\4" + bytes(100), "state: these bytes are not the state of a model"),
        (
            b"ELST" + struct.pack("<HH", 2, 0) + bytes(100),
            "state: format version 2; expected 1. Use the version of elman that wrote the state",
        ),
        (
            b"ELST" + struct.pack("<HH8s", 1, 0, b"otherone") + bytes(100),
            "state: the state is of the model 6f746865726f6e65; expected 0011223344556677. Give it to the model that "
            "wrote it",
        ),
        (
            b"ELST" + struct.pack("<HH", 1, 0) + bytes.fromhex(FINGERPRINT)[:8] + struct.pack("<II", 2**32 - 1, 0),
            "state: has 24 bytes; expected 154,618,822,644",
        ),
        (
            b"ELST" + struct.pack("<HH", 1, 0) + bytes.fromhex(FINGERPRINT)[:8] + struct.pack("<II", 1, 5) + bytes(36),
            "state: the state is damaged: its checksum differs",
        ),
    ],
)
def test_each_error_says_what_is_wrong(content: bytes, message: str) -> None:
    with pytest.raises(ModelError) as raised:
        layout().from_bytes(content)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    "state",
    [
        {},
        {name: STATE[name] for name in ("count", "rows")},
        {**STATE, "more": STATE["count"]},
        {**STATE, "count": STATE["count"][:1]},
        {**STATE, "count": np.float64(1.0)},
        {**STATE, "rows": STATE["rows"][:, :1]},
    ],
)
def test_a_state_with_other_entries_or_shapes_is_not_written(state: dict[str, np.ndarray]) -> None:
    with pytest.raises(ArgumentError, match=r"^state: given .*; expected layers.0.h \(B, 3\), count \(B\), rows"):
        layout().to_bytes(state)


def test_the_state_of_a_model_with_other_weights_is_refused() -> None:
    model, other = tiny_predictor(), tiny_predictor(seed=1)
    with pytest.raises(ModelError, match="the state is of the model"):
        other.state_from_bytes(model.state_to_bytes(model.initial_state(1)))


def test_the_fingerprint_is_the_checksum_of_the_weights_on_disk(tmp_path: Path) -> None:
    model = tiny_predictor()
    model.save(tmp_path / "model")
    expected = hashlib.sha256((tmp_path / "model" / "model.safetensors").read_bytes()).hexdigest()
    assert model.fingerprint == expected


def test_a_forecaster_of_several_series_has_one_layout_for_all() -> None:
    model = tiny_forecaster()
    assert [entry.name for entry in model.state_layout().entries][:2] == ["series.z", "series.seen"]
