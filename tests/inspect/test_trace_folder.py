"""The trace folder: what is written is read again to the bit, other programs can read it, damage is found."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from elman.checkpoint.checksummed_folder import read_folder, write_folder
from elman.errors import ConfigError, ModelError
from elman.inspect import TRACE_FORMAT, read_trace, write_trace
from elman.models.trace import Trace
from tests.tasks.classifier.models import tiny_predictor as tiny_classifier
from tests.tasks.seq2seq.models import tiny_predictor as tiny_encoder_decoder


@pytest.fixture(scope="module")
def traces() -> list[Trace]:
    return [
        tiny_classifier("attention").trace("fed", gradients=True),
        tiny_encoder_decoder("general").trace("dab", beam=3, gradients=True),
    ]


@pytest.mark.parametrize("number", [0, 1])
def test_a_trace_is_read_as_it_was_written(traces: list[Trace], number: int, tmp_path: Path) -> None:
    trace = traces[number]
    write_trace(trace, tmp_path / "trace")
    write_trace(trace, tmp_path / "trace")  # a trace is replaced
    again = read_trace(tmp_path / "trace")
    assert {name: array.tobytes() for name, array in again.arrays.items()} == {
        name: array.tobytes() for name, array in trace.arrays.items()
    }
    assert again.facts == json.loads(json.dumps(trace.facts))
    assert (again.task, again.input, again.axes) == (trace.task, trace.input, trace.axes)
    for mine, other in zip(again.layers, trace.layers, strict=True):
        assert {n: (a.tobytes(), a.shape) for n, a in mine.arrays.items()} == {
            n: (a.tobytes(), a.shape) for n, a in other.arrays.items()
        }
        assert (mine.name, mine.direction, mine.cell, mine.axis, mine.states, mine.gates) == (
            other.name,
            other.direction,
            other.cell,
            other.axis,
            other.states,
            other.gates,
        )


def test_other_programs_read_the_arrays_by_the_documented_names(traces: list[Trace], tmp_path: Path) -> None:
    write_trace(traces[0], tmp_path / "trace")
    arrays = load_file(tmp_path / "trace" / "trace.safetensors")
    backward = traces[0].layer("layers.1", "backward")
    np.testing.assert_array_equal(arrays["layers.1.gate.f_reverse"], backward.gate("f"))
    np.testing.assert_array_equal(arrays["layers.1.d_h_reverse"], backward["d_h"])
    np.testing.assert_array_equal(arrays["logits"], traces[0]["logits"])
    description = json.loads((tmp_path / "trace" / "trace.json").read_text("utf-8"))
    assert description["format"] == TRACE_FORMAT == 1
    assert description["axes"] == {"tokens": ["f", "e", "d"]}


def test_damage_is_found(traces: list[Trace], tmp_path: Path) -> None:
    folder = tmp_path / "trace"
    write_trace(traces[0], folder)
    content = bytearray((folder / "trace.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "trace.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match=r"trace\.safetensors: the file differs from what was written"):
        read_trace(folder)
    with pytest.raises(ModelError, match=r"not a trace folder; expected trace\.json in it\. Write one with"):
        read_trace(tmp_path)


def test_another_version_is_an_error(traces: list[Trace], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elman.inspect.trace_folder.TRACE_FORMAT", 2)
    write_trace(traces[0], tmp_path / "trace")
    monkeypatch.undo()
    with pytest.raises(ModelError, match=r"format version 2; expected 1\. Install the version of elman that wrote"):
        read_trace(tmp_path / "trace")


def test_a_folder_with_other_files_is_not_replaced(traces: list[Trace], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ConfigError, match=r"contains other files \(notes.txt\), so it is not replaced"):
        write_trace(traces[0], tmp_path)
    with pytest.raises(ConfigError, match="this is a file; expected a new folder"):
        write_trace(traces[0], tmp_path / "notes.txt")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("task", 3),
        ("input", None),
        ("axes", []),
        ("axes", {"tokens": "abc"}),
        ("axes", {"tokens": [1]}),
        ("axes", {}),
        ("facts", []),
        ("exact", 1),
        ("step_error", True),
        ("step_error", "0"),
        ("arrays", "logits"),
        ("arrays", ["x" * 10_000]),
        ("layers", {}),
        ("layers", [3]),
        ("layers.direction", "sideways"),
        ("layers.axis", "\x1b[2J\n"),
        ("layers.gates", ["no such gate"]),
        ("layers.states", ["s"]),
        ("layers.cell", ["lstm"]),
    ],
)
def test_a_description_with_a_wrong_value_is_an_error_of_one_line(
    traces: list[Trace], key: str, value: object, tmp_path: Path
) -> None:
    write_trace(traces[0], tmp_path / "trace")
    files = read_folder(tmp_path / "trace", ("trace.json", "trace.safetensors"))
    description = json.loads(files["trace.json"])
    place = description["layers"][0] if key.startswith("layers.") else description
    place[key.removeprefix("layers.")] = value
    write_folder(tmp_path / "trace", {**files, "trace.json": json.dumps(description).encode()})
    with pytest.raises(
        ModelError, match=r"trace\.json: the description (does not match the arrays|has a wrong value)"
    ) as error:
        read_trace(tmp_path / "trace")
    assert str(error.value).isprintable()
    assert len(error.value.message) < 400
