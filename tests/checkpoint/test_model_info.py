"""The origin of a model: written, read, and checked."""

from __future__ import annotations

import copy
import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from elman.checkpoint import ModelInfo, checked_name, data_hash, name_of_folder, present_date, single_numbers
from elman.errors import ConfigError, ModelError
from elman.tasks.loading import load

from .versioned_runs import predictor_of

WHOLE = {"name": "书", "version": 3, "date": "2026-12-01T13:30:00Z", "data_sha256": "0" * 64, "metrics": {"loss": 0.5}}


def test_an_origin_is_read_as_it_was_written() -> None:
    info = ModelInfo(**WHOLE)  # type: ignore[arg-type]
    assert info.as_json() == WHOLE
    assert ModelInfo.of_config({"info": WHOLE}, Path("config.json")) == info


def test_a_folder_that_was_written_before_says_nothing() -> None:
    assert ModelInfo.of_config({}, Path("config.json")) == ModelInfo()
    assert ModelInfo().as_json() == {}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", 1),
        ("name", "a" * 201),
        ("version", 0),
        ("version", True),
        ("version", 1.0),
        ("date", "2026-12-01"),
        ("date", None),
        ("data_sha256", "0" * 63),
        ("data_sha256", "G" * 64),
        ("metrics", []),
        ("metrics", {"loss": "0.5"}),
        ("metrics", {"loss": float("nan")}),
        ("metrics", {"loss": 10**400}),
        ("unknown", 1),
    ],
)
def test_a_damaged_origin_is_one_clear_error(key: str, value: Any) -> None:
    with pytest.raises(ModelError, match=r"config\.json: info: given \{.*expected the origin of the model"):
        ModelInfo.of_config({"info": {**WHOLE, key: value}}, Path("config.json"))


@pytest.mark.parametrize("value", [None, [], "info", 3])
def test_an_origin_that_is_no_object_is_an_error(value: Any) -> None:
    with pytest.raises(ModelError, match="expected the origin of the model"):
        ModelInfo.of_config({"info": value}, Path("config.json"))


def test_the_hash_of_one_file_is_that_of_sha256sum_and_that_of_several_depends_on_their_order() -> None:
    a, b = (hashlib.sha256(content).hexdigest() for content in (b"a", b"b"))
    assert data_hash([a]) == a
    assert data_hash([a, b]) == hashlib.sha256(f"{a}\n{b}\n".encode()).hexdigest()
    assert data_hash([a, b]) != data_hash([b, a])


def test_the_date_is_that_of_the_clock_or_of_the_variable_for_reproducible_results(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert present_date() == "2023-11-14T22:13:20Z"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "soon")
    assert present_date() > "2026"
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert ModelInfo.of_config({"info": {"date": present_date()}}, Path()).date is not None


def test_metrics_are_single_finite_numbers() -> None:
    metrics = {"loss": 0.5, "count": 3, "task": "lm", "f1": {"a": 1.0}, "none": None, "nan": float("nan"), "yes": True}
    assert single_numbers(metrics) == {"loss": 0.5, "count": 3}


@pytest.mark.parametrize("name", ["two\nlines", "a" * 201, "\ud800"])
def test_a_name_is_one_short_line(name: str) -> None:
    with pytest.raises(ConfigError, match=r"--name: given .* expected one line of at most 200 characters"):
        checked_name(name)
    assert checked_name("模型 2") == "模型 2"


def test_a_model_is_named_after_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert name_of_folder(tmp_path / "two\nlines") == "twolines"
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path / "run")
    assert name_of_folder(Path()) == "run"


def test_a_predictor_keeps_its_origin_when_it_is_saved_copied_and_pickled(tmp_path: Path) -> None:
    predictor = predictor_of(3)
    predictor.save(tmp_path / "folder")
    for other in (load(tmp_path / "folder"), copy.deepcopy(predictor), pickle.loads(pickle.dumps(predictor))):
        assert other.info == predictor.info
    config = json.loads((tmp_path / "folder" / "config.json").read_bytes())
    assert config["info"] == {"name": "run", "version": 3, "date": "2026-12-01T13:30:00Z", "metrics": {"loss": 1 / 3}}
