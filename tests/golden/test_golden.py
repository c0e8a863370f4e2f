"""Model folders of every format version are loaded, and predict what they predicted when they were written."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from elman.checkpoint.model_folder import FORMAT_VERSION, QUANTIZED_FORMAT_VERSION
from elman.tasks.loading import load
from elman.tasks.spec import TASKS

from .predictions import GOLDEN, TOLERANCES, cases, differences, predictions
from .write import CASES, QUANTIZED, write

MAX_BYTES = 600_000  # of all golden models together


@pytest.mark.parametrize(("version", "name"), cases())
def test_a_golden_model_predicts_what_it_predicted(version: str, name: str) -> None:
    record = json.loads((GOLDEN / version / f"{name}.json").read_text("utf-8"))
    predictor = load(GOLDEN / version / name)
    assert differences(predictions(predictor, record["inputs"]), record["predictions"], TOLERANCES[version]) == []
    assert (predictor.info.name, predictor.info.version, predictor.info.date) == (name, 1, "2025-12-01T13:00:00Z")
    assert predictor.info.metrics["loss"] > 0.0
    assert len(predictor.info.data_sha256) == 64


def test_a_golden_model_is_predicted_without_torch() -> None:
    script = (
        "import sys; sys.modules['torch'] = None; sys.modules['tokenizers'] = None\n"
        "import json\n"
        "from tests.golden.predictions import GOLDEN, cases, predictions\n"
        "from elman import load\n"
        "for version, name in cases():\n"
        "    inputs = json.loads((GOLDEN / version / f'{name}.json').read_text('utf-8'))['inputs']\n"
        "    predictions(load(GOLDEN / version / name), inputs)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=GOLDEN.parents[1],
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("version", "expected"), [(FORMAT_VERSION, set(CASES)), (QUANTIZED_FORMAT_VERSION, set(QUANTIZED))]
)
def test_there_are_golden_models_of_every_task_and_of_the_present_formats(version: int, expected: set[str]) -> None:
    present = {name for folder, name in cases() if folder == str(version)}
    assert present == expected, "run `python -m tests.golden.write` once for a new format version"
    assert {CASES[name].task for name in present} == set(TASKS) - {"digits"}
    formats = [json.loads((GOLDEN / str(version) / name / "config.json").read_bytes())["format"] for name in present]
    assert set(formats) == {version}


def test_the_golden_models_are_small() -> None:
    assert sum(path.stat().st_size for path in GOLDEN.rglob("*") if "__pycache__" not in path.parts) < MAX_BYTES


def test_the_awkward_parts_are_in_the_golden_models() -> None:
    def config(name: str) -> Any:
        return json.loads((GOLDEN / "1" / name / "config.json").read_text("utf-8"))

    assert config("lm-chinese-bytes")["text"]["byte_fallback"]
    assert config("lm-words-tied")["model"]["tie_weights"]
    assert config("classify-words-characters")["model"]["character_size"] == 4
    assert config("tag-characters-crf")["model"]["crf"]
    assert config("tag-characters-crf")["model"]["scheme"] != "none"
    assert len(config("seq2seq-subwords-attention")["text"]["source"]["merges"]) > 5
    assert config("seq2seq-chinese-input-feeding")["model"]["input_feeding"]
    assert sorted(config("forecast-several-series-calibrated")["series"]["units"]) == ["north", "南店"]
    for name in ("forecast-several-series-calibrated", "forecast-narx-logarithm"):
        assert config(name)["series"]["calibration"]
    assert config("forecast-narx-logarithm")["model"]["logarithm"]


@pytest.mark.parametrize("name", ["lm-chinese-bytes", "forecast-narx-logarithm"])
def test_a_golden_model_is_written_again_with_the_same_bytes(tmp_path: Path, name: str) -> None:
    """On one machine; on another one, the weights may differ in their last bits."""
    for number in (1, 2):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"scratch-{number}").mkdir()
        write(tmp_path / f"{number}", name, tmp_path / f"scratch-{number}")
    files = [
        {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
        for folder in (tmp_path / "1", tmp_path / "2")
    ]
    assert files[0] == files[1]
    assert f"{name}.json" in files[0]


def test_a_changed_prediction_is_found(tmp_path: Path) -> None:
    name = "classify-chinese-characters"
    shutil.copytree(GOLDEN / "1" / name, tmp_path / name)
    record = json.loads((GOLDEN / "1" / f"{name}.json").read_text("utf-8"))
    predictor = load(tmp_path / name)
    predictor.tensors["readout.bias"][0] += 1e-4
    predictor.save(tmp_path / name)
    (first, *_) = differences(predictions(load(tmp_path / name), record["inputs"]), record["predictions"], 1e-6)
    assert first.startswith(".probabilities[0][0]: ")


@pytest.mark.parametrize(
    ("actual", "expected", "count"),
    [(1.0, 1.0 + 9e-7, 0), (1.0, 1.00001, 1), ([1.0], [1.0, 1.0], 1), ({"a": "b"}, {"a": "c"}, 1), (None, 1.0, 1)],
)
def test_differences_are_listed(actual: Any, expected: Any, count: int) -> None:
    assert len(differences(actual, expected, 1e-6)) == count
