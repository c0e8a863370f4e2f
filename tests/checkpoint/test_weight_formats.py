"""Weights in int8 and bfloat16: what is written is read, and every hostile array is one clear error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.checkpoint import ModelFolder, read_model, write_model
from elman.checkpoint.checksummed_folder import write_folder
from elman.checkpoint.serialization import json_bytes, parse_tensors, tensor_bytes
from elman.checkpoint.weight_formats import (
    BFLOAT16,
    MAX_INT8_COLUMNS,
    float32_weights,
    from_bfloat16,
    to_bfloat16,
    weight_names,
    weights_type,
)
from elman.errors import ModelError

CONFIG = {"task": "lm"}
VALUES = np.array([[1, -127, 3], [0, 0, 0]], np.int8)
SCALE = np.array([0.5, 0.0], np.float32)
BIAS = np.array([1.5, -2.25], np.float32)
INT8: dict[str, Any] = {"w": VALUES, "w.scale": SCALE, "b": BIAS}


def write(folder: Path, tensors: dict[str, Any], version: int = 2) -> Path:
    """Write a folder whose checksums are right."""
    files = {"config.json": json_bytes({**CONFIG, "format": version}), "model.safetensors": tensor_bytes(tensors)}
    write_folder(folder, files)
    return folder


def test_bfloat16_is_rounded_to_nearest_and_ties_to_even() -> None:
    exact = np.array([1.0, -2.5, 0.0, 3.0], np.float32)
    assert from_bfloat16(to_bfloat16(exact)).tobytes() == exact.tobytes()
    step = np.float32(2.0**-7)  # of numbers from 1 to 2
    ties = np.array([1.0 + step / 2, 1.0 + 3 * step / 2, 1.0 + step * 0.51], np.float32)
    assert from_bfloat16(to_bfloat16(ties)).tolist() == [1.0, 1.0 + 2 * step, 1.0 + step]


def test_the_largest_finite_number_stays_finite_in_bfloat16() -> None:
    largest = np.array([np.finfo(np.float32).max, -np.finfo(np.float32).max], np.float32)
    assert np.isfinite(from_bfloat16(to_bfloat16(largest))).all()


def test_bfloat16_differs_by_at_most_one_part_in_256() -> None:
    x = np.random.default_rng(0).normal(size=(30, 30)).astype(np.float32)
    error = np.abs(from_bfloat16(to_bfloat16(x)) - x) / np.abs(x)
    assert 2.0**-10 < error.max() <= 2.0**-8


@pytest.mark.parametrize("tensors", [INT8, {"w": to_bfloat16(np.eye(3, dtype=np.float32)), "b": BIAS}])
def test_a_folder_holds_the_weights_as_they_are_and_has_the_second_format(
    tmp_path: Path, tensors: dict[str, Any]
) -> None:
    write_model(tmp_path / "m", ModelFolder(CONFIG, tensors, {}))
    assert json.loads((tmp_path / "m" / "config.json").read_text("utf-8"))["format"] == 2
    read = read_model(tmp_path / "m").tensors
    assert {name: (a.dtype, a.shape, a.tobytes()) for name, a in read.items()} == {
        name: (a.dtype, a.shape, a.tobytes()) for name, a in tensors.items()
    }


def test_other_programs_read_the_file_too(tmp_path: Path) -> None:
    """torch reads bfloat16 of the file."""
    torch = pytest.importorskip("torch")
    from safetensors.torch import load

    x = np.random.default_rng(1).normal(size=(3, 5)).astype(np.float32)
    read = load(tensor_bytes({"w": to_bfloat16(x), "b": BIAS, "ids": np.arange(3)}))
    assert (read["w"].dtype, read["b"].dtype, read["ids"].dtype) == (torch.bfloat16, torch.float32, torch.int64)
    assert read["w"].float().numpy().tobytes() == torch.from_numpy(x).bfloat16().float().numpy().tobytes()


def test_float32_weights_are_unpacked() -> None:
    weights = float32_weights(INT8)
    assert {name: array.dtype for name, array in weights.items()} == {"w": np.float32, "b": np.float32}
    assert weights["w"].tolist() == [[0.5, -63.5, 1.5], [0.0, 0.0, 0.0]]
    assert weight_names(INT8) == ["w", "b"]
    assert [weights_type(t) for t in (INT8, {"w": to_bfloat16(BIAS)}, {"b": BIAS})] == ["int8", "bfloat16", "float32"]


def test_bytes_that_have_an_unknown_type_are_damage(tmp_path: Path) -> None:
    header = json.dumps({"w": {"dtype": "F8_E4M3", "shape": [8], "data_offsets": [0, 8]}}).encode()
    with pytest.raises(ModelError, match="not in the safetensors format"):
        parse_tensors(len(header).to_bytes(8, "little") + header + bytes(8), tmp_path)


@pytest.mark.parametrize(
    ("tensors", "problem"),
    [
        ({"w": VALUES, "b": BIAS}, "w is an int8 matrix without a float32 scale for each of its 2 rows"),
        ({**INT8, "w.scale": SCALE[:1]}, "w is an int8 matrix without a float32 scale for each of its 2 rows"),
        ({**INT8, "w.scale": SCALE.astype(np.float64)}, "w is an int8 matrix without a float32 scale"),
        ({**INT8, "w.scale": SCALE[:, None]}, "w is an int8 matrix without a float32 scale"),
        ({**INT8, "w.scale": np.array([0.5, np.nan], np.float32)}, r"w\.scale is not an array of finite scales"),
        ({**INT8, "w.scale": np.array([0.5, np.inf], np.float32)}, r"w\.scale is not an array of finite scales"),
        ({**INT8, "w.scale": np.array([0.5, -0.5], np.float32)}, r"w\.scale is not an array of finite scales of 0"),
        ({**INT8, "w.scale": np.array([0.5, 3e38], np.float32)}, r"w\.scale is not an array of finite scales of 0"),
        ({**INT8, "w": np.array([[1, -128], [0, 0]], np.int8)}, "w has the number -128; expected -127 to 127"),
        ({**INT8, "w": np.ones(2, np.int8)}, r"w has shape \(2,\); expected an int8 matrix of 1 to 131,072 columns"),
        ({**INT8, "w": np.ones((2, 0), np.int8)}, r"w has shape \(2, 0\); expected an int8 matrix"),
        ({**INT8, "w": np.ones((2, MAX_INT8_COLUMNS + 1), np.int8)}, r"w has shape \(2, 131073\); expected an int8"),
        ({"b": BIAS, "c.scale": SCALE}, r"c\.scale is the scale of no int8 matrix"),
        ({"w": np.ones((2, 2), np.uint8)}, "w is not an array of float32, bfloat16 or int8 numbers"),
        ({"w": np.ones((2, 2), np.float64)}, "w is not an array of float32, bfloat16 or int8 numbers"),
        ({"w": np.array([np.inf], np.float32)}, "w is not an array of finite float32 numbers"),
        ({"w": np.array([0x7F80], "<u2").view(BFLOAT16)}, "w is not an array of finite bfloat16 numbers"),
        ({"w": np.array([0xFFC1], "<u2").view(BFLOAT16)}, "w is not an array of finite bfloat16 numbers"),
    ],
)
def test_hostile_weights_are_one_error(tmp_path: Path, tensors: dict[str, Any], problem: str) -> None:
    folder = write(tmp_path / "m", tensors)
    with pytest.raises(ModelError, match=problem) as caught:
        read_model(folder)
    assert caught.value.where == str(folder / "model.safetensors")


@pytest.mark.parametrize("tensors", [INT8, {"w": to_bfloat16(BIAS)}])
def test_the_first_format_has_only_float32(tmp_path: Path, tensors: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="w is not an array of finite float32 numbers"):
        read_model(write(tmp_path / "m", tensors, version=1))
