"""The status of a run: what it does now, whoever has started it."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from elman.checkpoint import RunFolder, replace_file
from elman.errors import ConfigError
from elman.serve.run_status import StatusReader
from tests.tasks.language_model.models import tiny_predictor

from .studios import write_run


def test_a_finished_run(tmp_path: Path) -> None:
    write_run(tmp_path / "run", tiny_predictor())
    status = StatusReader(tmp_path / "run").read()
    assert (status.state, status.task, status.step, status.seconds) == ("finished", "lm", 100, 10.0)
    assert (status.progress, status.best_step, status.has_model) == (1.0, 100, True)
    assert status.best == {"loss": 2.5, "perplexity": 12.2, "loss_error": 0.1}


def test_a_run_from_its_request_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "run"
    run = RunFolder.create(path, {"task": "tag", "sources": {}, "values": {}, "language": "en"})
    reader = StatusReader(path)
    assert reader.read()[:5] == ("preparing", "tag", 0, 0.0, None)
    replace_file(run / "config.toml", b'task = "tag"\n[training]\nminutes = 2.0\n')
    assert reader.read()[:5] == ("training", "tag", 0, 0.0, 0.0)
    run.append_record("timing.jsonl", {"step": 50, "seconds": 30.0})
    assert reader.read()[:5] == ("training", "tag", 50, 30.0, 0.25)
    with (path / "timing.jsonl").open("a") as stream:
        stream.write('{"step": 60, "sec')
    assert reader.read().step == 50
    run.append_record("metrics.jsonl", {"step": 50, "train": {}, "valid": {"loss": 1.0}})
    run.save_checkpoint(50, {}, {"step": 50, "seconds": 30.0, "finished": False, "best_step": 50}, best=True)
    assert reader.read().best == {"loss": 1.0}
    run.unlock()
    assert reader.read().state == "stopped"
    run.lock()
    run.save_checkpoint(50, {}, {"step": 50, "seconds": 30.0, "finished": True, "best_step": 50}, best=True)
    assert reader.read().progress == 1.0
    state = {"step": 50, "seconds": 30.0, "finished": False, "best_step": 50}
    run.save_checkpoint(50, {}, state, best=True)  # more minutes: the same step is no longer the last one
    assert reader.read().progress == 0.25
    run.save_checkpoint(90, {}, {"step": 90, "seconds": 120.0, "finished": True, "best_step": 50}, best=False)
    run.unlock()
    assert reader.read()[:5] == ("finished", "tag", 90, 120.0, 1.0)


def test_the_progress_of_a_budget_in_epochs_is_not_known(tmp_path: Path) -> None:
    write_run(tmp_path / "run", finished=False)
    replace_file(tmp_path / "run/config.toml", b'task = "lm"\n[training]\nepochs = 3.0\n')
    assert StatusReader(tmp_path / "run").read().progress is None


def test_damaged_files_are_no_obstacle(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    for name in ("config.toml", "timing.jsonl", "metrics.jsonl", "request.json"):
        (tmp_path / "run" / name).write_bytes(b"\xff[[[\n")
    (tmp_path / "run/checkpoints/step-00000100/state.json").write_bytes(b"[")
    status = StatusReader(tmp_path / "run").read()
    assert (status.state, status.task, status.step, status.best) == ("stopped", None, 0, None)


def test_asking_whether_a_run_is_locked_never_keeps_a_training_out(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            RunFolder(tmp_path / "run").is_locked()

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(50):
            run = RunFolder.open(tmp_path / "run")
            assert run.is_locked()
            run.unlock()
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_second_training_is_refused_all_the_same(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    run = RunFolder.open(tmp_path / "run")
    with pytest.raises(ConfigError, match="another process is training in this folder"):
        RunFolder.open(tmp_path / "run")
    run.unlock()


def test_a_run_that_resumes_shows_the_validations_of_its_new_records(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    reader = StatusReader(tmp_path / "run")
    reader.read()
    lines = (tmp_path / "run/metrics.jsonl").read_text().splitlines()
    lines[-1] = json.dumps({"step": 100, "train": {}, "valid": {"loss": 1.5}})
    (tmp_path / "run/metrics.jsonl").write_text("\n".join(lines) + "\n")
    assert reader.read().best == {"loss": 1.5}


@pytest.mark.parametrize("name", ["metrics.jsonl", "timing.jsonl", "config.toml", "last", "request.json"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path, name: str) -> None:
    write_run(tmp_path / "run", tiny_predictor())
    (tmp_path / "run" / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / "run" / name)
    assert StatusReader(tmp_path / "run").read().state in ("finished", "stopped")
