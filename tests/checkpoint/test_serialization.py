"""Serialization: tensors and JSON objects are restored exactly, and nothing is unpickled."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.checkpoint import checksummed_folder
from elman.checkpoint.serialization import Tensors, json_bytes, parse_json, parse_tensors, tensor_bytes
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
