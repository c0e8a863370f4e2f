"""Serialization: tensors and JSON objects are restored exactly, and nothing is unpickled."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.checkpoint import checksummed_folder
from elman.checkpoint.serialization import (
    MAX_HEADER_BYTES,
    Tensors,
    json_bytes,
    parse_json,
    parse_tensors,
    shown,
    tensor_bytes,
)
from elman.errors import ModelError


def test_tensors_are_restored_with_their_names_types_shapes_and_bits() -> None:
    rng = np.random.default_rng(0)
    tensors: Tensors = {
        "matrix": rng.standard_normal((3, 4)).astype(np.float32),
        "transposed": rng.standard_normal((3, 4)).astype(np.float32).T,
        "number": np.array(7.5, np.float32),
        "bytes": rng.integers(0, 255, 17).astype(np.uint8),
        "empty": np.zeros((0, 3), np.float32),
        "special": np.array([np.nan, np.inf, -0.0, 1e-45], np.float32),
    }
    parsed = parse_tensors(tensor_bytes(tensors), Path("x"))
    assert set(parsed) == set(tensors)
    for name, tensor in tensors.items():
        assert parsed[name].dtype == tensor.dtype
        assert parsed[name].shape == tensor.shape, name
        assert parsed[name].tobytes() == np.asarray(tensor, order="C").tobytes()


class Bomb:
    """An object that creates a file when it is unpickled."""

    def __reduce__(self) -> Any:
        return (Path("/tmp/elman-bomb-went-off").touch, ())


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps(Bomb()),
        b"",
        b"\0" * 8,
        b"\xff" * 64,
        (1 << 62).to_bytes(8, "little") + b"{}",
        b"not tensors at all",
    ],
    ids=["pickle", "empty", "zeros", "ones", "endless", "text"],
)
def test_content_that_is_not_safetensors_raises_an_error_and_is_never_unpickled(content: bytes) -> None:
    with pytest.raises(ModelError, match=r"weights: the file is not in the safetensors format \("):
        parse_tensors(content, Path("weights"))
    assert not Path("/tmp/elman-bomb-went-off").exists()


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"{", "is not JSON"), (b"[1]", "does not hold a JSON object"), (b"\xff", "is not JSON")],
)
def test_content_that_is_not_a_json_object_raises_an_error(content: bytes, problem: str) -> None:
    with pytest.raises(ModelError, match=f"state.json: the file {problem}"):
        parse_json(content, Path("state.json"))


def test_json_has_the_same_serialization_for_any_order_of_keys() -> None:
    assert json_bytes({"b": 1, "a": {"d": "é", "c": [1]}}) == json_bytes({"a": {"c": [1], "d": "é"}, "b": 1})
    assert parse_json(json_bytes({"a": "é", "b": 0.1}), Path("x")) == {"a": "é", "b": 0.1}


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_json_contains_only_finite_numbers(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_bytes({"loss": number})


def test_the_package_does_not_use_pickle() -> None:
    for path in Path(checksummed_folder.__file__).parent.glob("*.py"):
        assert "pickle" not in path.read_text("utf-8").replace("unpickled", "")


@pytest.mark.parametrize(
    "content",
    [
        b'{"a": [' + b"[]," * 400_000 + b"[]]}",
        b'{"a": [' + b'{"":{}},' * 150_000 + b"[]]}",
        b"{" + b",".join(b'"%d":0' % n for n in range(400_000)) + b"}",
        b'"' + b"a" * 5_000_000 + "\U0001f600".encode() + b'"',
        b'"' + b"a" * 5_000_000 + b'\\ud83d\\ude00"',
    ],
    ids=["lists", "objects", "keys", "wide", "escaped"],
)
def test_json_that_would_take_much_memory_is_refused_before_it_is_read(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json, "loads", lambda text: pytest.fail("it was read"))
    with pytest.raises(ModelError, match=r"x: the JSON would take up to \d+ MB of memory; expected at most \d+ MB"):
        parse_json(content, Path("x"))


def test_a_vocabulary_of_usual_size_is_read() -> None:
    tokens = {"tokens": [f"中文 {n}" for n in range(150_000)]}
    assert parse_json(json_bytes(tokens), Path("x")) == tokens


@pytest.mark.parametrize("header_size", [MAX_HEADER_BYTES + 1, 100_000_000])
def test_a_very_long_header_of_tensors_is_refused_before_it_is_read(
    header_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safetensors.numpy.load", lambda content: pytest.fail("it was read"))
    content = header_size.to_bytes(8, "little") + b"{" + b" " * (header_size - 2) + b"}"
    with pytest.raises(ModelError, match=f"x: the file has a header of {header_size:,} bytes; expected at most"):
        parse_tensors(content, Path("x"))


def test_very_many_tensors_without_numbers_are_refused_before_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safetensors.numpy.load", lambda content: pytest.fail("it was read"))
    header = json.dumps(
        {f"t{n}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for n in range(50_000)}
    ).encode()
    with pytest.raises(ModelError, match=r"x: the file has 50,001 arrays; expected at most [\d,]+ for its size"):
        parse_tensors(len(header).to_bytes(8, "little") + header, Path("x"))


def test_text_of_a_file_is_shown_on_one_line_and_not_whole() -> None:
    assert shown("größe") == "größe"
    assert shown("a\nb\x1b[2J\u202e") == r"'a\nb\x1b[2J\u202e'"
    assert shown("x" * 1000, 5) == "xxxxx…"
