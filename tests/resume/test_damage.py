"""Runs that were killed and then damaged: another checkpoint takes over, or an error names what is wrong."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.checkpoint.checksummed_folder import MANIFEST
from elman.checkpoint.serialization import parse_tensors
from elman.errors import ConfigError, DataError, ModelError

from .cases import CASES, FIRST
from .runs import Runs, after_a_best_checkpoint, before_the_source_is_read, update


def test_a_damaged_newest_checkpoint_costs_only_its_steps(runs: Runs, tmp_path: Path) -> None:
    last_update = update(runs.reference(FIRST)[1], -1)
    for name in ("tensors.safetensors", "state.json", MANIFEST):
        run = tmp_path / name / "run"
        runs.killed(FIRST, last_update, run)
        newest = sorted((run / "checkpoints").iterdir())[-1]
        content = bytearray((newest / name).read_bytes())
        content[len(content) // 2] ^= 8
        (newest / name).write_bytes(content)
        assert runs.go(FIRST, run) == 0
        runs.assert_same(run, FIRST)


def test_a_damaged_checkpoint_that_was_also_the_best_costs_only_its_steps(runs: Runs, tmp_path: Path) -> None:
    run = tmp_path / "run"
    runs.killed(FIRST, after_a_best_checkpoint(runs.reference(FIRST)[1]), run)
    assert (run / "best").read_text() == (run / "last").read_text()
    newest = run / "checkpoints" / (run / "best").read_text().strip()
    (newest / "state.json").write_bytes(b"{}")
    assert runs.go(FIRST, run) == 0
    runs.assert_same(run, FIRST)


class Killed(BaseException):
    """The process ends here, as far as one test process can tell."""


class Terminal:
    """A standard input whose reader is killed."""

    @property
    def buffer(self) -> Any:
        raise Killed


def test_text_from_a_pipe_that_was_never_read_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, display: Any
) -> None:
    from elman.experiment import resume, train

    monkeypatch.setattr(sys, "stdin", Terminal())
    with pytest.raises(Killed):
        train(["-"], tmp_path / "run", CASES[FIRST], display)
    with pytest.raises(DataError) as caught:
        resume(tmp_path / "run", display)
    told = "was stopped before its text was read, and the text is gone"
    hint = "Train again with --overwrite, giving the text again"
    assert str(caught.value) == f"{tmp_path / 'run'}: {told}. {hint}"
    assert caught.value.exit_code == 3


def test_text_that_was_deleted_before_it_was_read_is_told(runs: Runs, tmp_path: Path, display: Any) -> None:
    from elman.experiment import resume

    runs.killed(FIRST, before_the_source_is_read(runs.reference(FIRST)[1]), tmp_path / "run")
    content = runs.text.read_bytes()
    runs.text.unlink()
    try:
        with pytest.raises(DataError, match="no such file"):
            resume(tmp_path / "run", display)
    finally:
        runs.text.write_bytes(content)
    assert runs.go(FIRST, tmp_path / "run") == 0
    runs.assert_same(tmp_path / "run", FIRST)


def test_when_every_checkpoint_is_damaged_it_is_told(half_done: Path, display: Any) -> None:
    from elman.experiment import resume

    for folder in (half_done / "checkpoints").iterdir():
        (folder / "state.json").unlink()
    with pytest.raises(ModelError, match=r"every checkpoint is damaged\. Train again with --overwrite$"):
        resume(half_done, display)


@pytest.mark.parametrize("name", ["train.ids", "valid.ids"])
def test_damaged_training_data_is_told(half_done: Path, display: Any, name: str) -> None:
    from elman.experiment import resume

    content = bytearray((half_done / "data" / name).read_bytes())
    content[5] ^= 1
    (half_done / "data" / name).write_bytes(content)
    with pytest.raises(ModelError, match=f"{name}: differs from what was written. Train again"):
        resume(half_done, display)


def test_a_config_that_was_edited_into_nonsense_is_told(half_done: Path, display: Any) -> None:
    from elman.experiment import resume

    path = half_done / "config.toml"
    path.write_text(path.read_text().replace("embedding_size = 8", "embedding_size = -8"))
    with pytest.raises(ModelError, match=r"model\.embedding_size") as caught:
        resume(half_done, display)
    assert "-8" in str(caught.value)
    assert "Train again with --overwrite" in str(caught.value)


def test_a_config_that_no_longer_fits_the_checkpoint_is_told(half_done: Path, display: Any) -> None:
    from elman.experiment import resume

    path = half_done / "config.toml"
    path.write_text(path.read_text().replace("embedding_size = 8", "embedding_size = 9"))
    with pytest.raises(ModelError, match="the checkpoint does not match this run"):
        resume(half_done, display)


def test_a_model_folder_cannot_be_trained_on(half_done: Path, display: Any) -> None:
    from elman.experiment import resume

    with pytest.raises(ModelError, match=r"not a run folder\. Name a folder that `elman train` has created$"):
        resume(half_done / "model", display)


def test_training_again_without_overwrite_is_refused_and_touches_nothing(
    runs: Runs, half_done: Path, display: Any
) -> None:
    from elman.experiment import train

    before = {p: p.read_bytes() for p in half_done.rglob("*") if p.is_file()}
    with pytest.raises(ConfigError, match=f"the folder already exists. Continue with `elman resume {half_done}`"):
        train([runs.text], half_done, CASES[FIRST], display)
    assert {p: p.read_bytes() for p in half_done.rglob("*") if p.is_file()} == before


def test_no_checkpoint_on_the_way_holds_a_number_that_is_not_finite(runs: Runs, half_done: Path) -> None:
    checked = 0
    for path in half_done.rglob("*.safetensors"):
        for name, tensor in parse_tensors(path.read_bytes(), path).items():
            assert np.isfinite(tensor).all(), (path, name)
            checked += 1
    assert checked > 30
