"""`elman export` and elman.export.export: endings, models, files, messages."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import elman
from elman.cells import CELLS, GRU, register
from elman.checkpoint import durable_files
from elman.errors import ConfigError, ElmanError, ModelError, NotFittedError, ResourceError
from elman.export import EXPORTERS, export
from elman.export.result import replace_files
from elman.tasks.seq2seq.ensemble import Ensemble
from elman.translations import translate, use_language
from tests.cells.outside_cell import Decay
from tests.cli.conftest import Done, run_command
from tests.tasks.language_model import models as language_model
from tests.tasks.seq2seq import models as seq2seq

Command = Callable[..., Done]
needs_onnx = pytest.mark.skipif(
    None in map(importlib.util.find_spec, ("onnx", "onnxruntime")), reason="needs the extra onnx"
)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `elman` with arguments."""
    return lambda *arguments: run_command(monkeypatch, capsys, *arguments)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder of a language model."""
    language_model.tiny_predictor("gru").save(tmp_path / "model")
    return tmp_path / "model"


@needs_onnx
def test_the_command_writes_the_file_and_prints_its_name(command: Command, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "book.onnx"
    done = command("export", folder, file)
    assert (done.code, done.out) == (0, f"{file}\n")
    assert done.err.startswith("Compared with the model in 12 batches by onnxruntime: ")
    assert file.stat().st_size > 1000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["book.onnx", "model"]


@needs_onnx
def test_json_has_files_fingerprint_versions_and_the_comparison(command: Command, tmp_path: Path) -> None:
    predictor = seq2seq.tiny_predictor()
    predictor.save(tmp_path / "model")
    done = command("export", tmp_path / "model", tmp_path / "g2p.v1.onnx", "--json")
    files = [tmp_path / f"g2p.v1.{name}.onnx" for name in ("encoder", "step")]
    assert done.json.pop("verification").keys() == {
        *("pairs", "numbers", "choices", "ties", "largest_difference", "where", "rounding", "tolerance")
    }
    assert done.json | {"verification": None} == {
        "format": "onnx",
        "task": "seq2seq",
        "files": [{"file": str(file), "bytes": file.stat().st_size} for file in files],
        "fingerprint": predictor.fingerprint,
        "opset": 13,
        "ir_version": 7,
        "verification": None,
    }


@needs_onnx
def test_messages_are_chinese_in_chinese(command: Command, folder: Path, tmp_path: Path) -> None:
    done = command("export", folder, tmp_path / "a.onnx", "--lang", "zh")
    assert "用 onnxruntime 在 12 个批次上与模型比较：25,141 个数最多相差 " in done.err


@needs_onnx
def test_a_file_of_the_same_name_is_replaced_and_a_link_stays(folder: Path, tmp_path: Path) -> None:
    file, link = tmp_path / "a.onnx", tmp_path / "link.ONNX"
    file.write_text("old")
    link.symlink_to(file)
    result = export(folder, link)
    assert link.is_symlink()
    assert result.files == {link: file.stat().st_size}
    assert file.read_bytes()[:3] != b"old"


@needs_onnx
def test_python_takes_folders_predictors_and_estimators(folder: Path, tmp_path: Path) -> None:
    predictor = elman.load(folder)
    results = [elman.export.export(model, tmp_path / "a.onnx") for model in (folder, str(folder), predictor)]
    assert {result.fingerprint for result in results} == {predictor.fingerprint}
    estimator = elman.LanguageModel()
    with pytest.raises(NotFittedError):
        export(estimator, tmp_path / "a.onnx")
    estimator._predictor = predictor
    assert export(estimator, tmp_path / "a.onnx").fingerprint == predictor.fingerprint


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "book.pt",
            "FILE: given the ending '.pt'; expected one of .onnx, .c, .safetensors. Name the file like book.onnx",
        ),
        ("book", "FILE: given no ending; expected one of .onnx, .c, .safetensors. Name the file like book.onnx"),
    ],
)
def test_an_unknown_ending_is_an_error_that_lists_the_endings(
    name: str, message: str, command: Command, folder: Path, tmp_path: Path
) -> None:
    assert list(EXPORTERS) == [".onnx", ".c", ".safetensors"]
    done = command("export", folder, tmp_path / name)
    assert (done.code, done.err) == (2, f"elman: {tmp_path / name}: {message}\n")


@needs_onnx
@pytest.mark.parametrize("cell", ["residual", "like_gru"])
def test_a_registered_cell_is_refused_with_the_reason(
    cell: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class LikeGRU(GRU):
        """A subclass may compute something else than its base."""

    register(cell, Decay if cell == "residual" else LikeGRU)
    try:
        monkeypatch.setitem(
            language_model.ARCHITECTURES, "outside", {"cell": cell, "hidden_size": (5,), "embedding_size": 3}
        )
        with pytest.raises(ConfigError) as caught:
            export(language_model.tiny_predictor("outside"), tmp_path / "a.onnx")
    finally:
        del CELLS[cell]
    assert caught.value.message == (
        f"the model has the cell '{cell}'; expected one of elman, gru, lstm, layer_norm_lstm, min_gru, reset_before_gru"
    )
    assert list(tmp_path.iterdir()) == []


def test_an_ensemble_and_other_objects_are_refused(tmp_path: Path) -> None:
    model = seq2seq.tiny_predictor()
    with pytest.raises(ConfigError, match=r"^model: given Ensemble; expected a trained model. Export the models"):
        export(Ensemble([model, model]), tmp_path / "a.onnx")
    with pytest.raises(ConfigError, match=r"^model: given int; "):
        export(3, tmp_path / "a.onnx")


@needs_onnx
def test_weights_of_another_type_are_refused(tmp_path: Path) -> None:
    model = language_model.tiny_predictor("gru")
    model.tensors["readout.bias"] = model.tensors["readout.bias"].astype(np.float16)
    with pytest.raises(
        ConfigError, match=r"^the model has quantized weights; expected float32. Export the model it was"
    ):
        export(model, tmp_path / "a.onnx")


@needs_onnx
def test_a_damaged_folder_is_an_error_of_the_model(command: Command, folder: Path, tmp_path: Path) -> None:
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    done = command("export", folder, tmp_path / "a.onnx")
    assert done.code == 4
    assert "model.safetensors" in done.err
    with pytest.raises(ModelError):
        export(folder, tmp_path / "a.onnx")


@needs_onnx
@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("folder.onnx", "FILE: is a folder; expected a file to write"),
        ("nowhere/a.onnx", "FILE: the folder does not exist. Create it: mkdir -p "),
    ],
)
def test_a_place_that_cannot_be_written_is_an_error_before_the_work(
    place: str, message: str, command: Command, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder.onnx").mkdir()
    monkeypatch.setattr("elman.export.onnx.verify", None)
    done = command("export", folder, tmp_path / place)
    assert done.code == 2
    assert message in done.err


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_missing_package_is_an_error_that_names_the_extra(
    package: str, command: Command, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    if package == "onnxruntime":
        pytest.importorskip("onnx")
    done = command("export", folder, tmp_path / "a.onnx", "--json")
    assert (done.code, done.json["code"]) == (1, "failed")
    assert done.json["message"] == f"an export to ONNX needs {package}, which is not installed"
    assert done.json["hint"] == 'Install it: pip install "elman[onnx]"'


@needs_onnx
def test_export_needs_no_torch(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert export(folder, tmp_path / "a.onnx").files


def test_all_files_of_an_export_are_written_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / name for name in ("a", "b")]
    for path in paths:
        path.write_text("old")
    written: list[str] = []

    def fail(path: Path, content: bytes) -> None:
        written.append(path.name)
        if len(written) == 2:
            raise OSError(28, os.strerror(28))
        durable_files.write_synced(path, content)

    monkeypatch.setattr("elman.export.result.write_synced", fail)
    with pytest.raises(ResourceError, match="cannot write: No space left on device"):
        replace_files(dict.fromkeys(paths, b"new"))
    assert [path.read_text() for path in paths] == ["old", "old"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


@needs_onnx
def test_a_model_that_is_too_large_for_a_protocol_buffer_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elman.export.onnx.graph.MAX_BYTES", 1000)
    with pytest.raises(ElmanError, match=r"bytes as ONNX; expected at most 1,000"):
        export(folder, tmp_path / "a.onnx")


@pytest.mark.parametrize(
    ("rounding", "english", "chinese"),
    [
        (None, "2,000 numbers differ by 3.0e-05 at most", "2,000 个数最多相差 3.0e-05"),
        (
            4e-6,
            "2,000 numbers differ by 3.0e-05 at most, where rounding alone changes the model by 4.0e-06",
            "2,000 个数最多相差 3.0e-05；在该处，仅舍入误差就使模型变化 4.0e-06",
        ),
    ],
)
def test_the_summary_has_the_rounding_where_it_matters(rounding: float | None, english: str, chinese: str) -> None:
    from elman.export.onnx import _summary
    from elman.export.onnx.verification import Verification

    summary = _summary(Verification(pairs=12, numbers=2000, largest_difference=3e-5, rounding=rounding))
    assert summary == f"Compared with the model in 12 batches by onnxruntime: {english}"
    with use_language("zh"):
        assert translate(summary) == f"用 onnxruntime 在 12 个批次上与模型比较：{chinese}"
