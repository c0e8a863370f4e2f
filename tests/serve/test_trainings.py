"""Trainings in processes: started, watched, stopped, resumed, and what is seen of one that dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from elman.serve.server import serve_studio

from .studios import RunningStudio, running

pytestmark = pytest.mark.integration

SECONDS = 60.0


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[RunningStudio]:
    (tmp_path / "text.txt").write_text("the time traveller for so it will be convenient to speak of him\n" * 200)
    (tmp_path / "empty.txt").write_text("")
    with running([tmp_path]) as studio:
        yield studio


def wait_for(condition: Callable[[], Any]) -> Any:
    """Return what the condition returns as soon as that is something."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError("too slow")


def entries(studio: RunningStudio, language: Any = "en") -> dict[str, Any]:
    return studio.studio.list_entries(language)


def run_of(studio: RunningStudio, state: str) -> Any:
    """Return the only run if it is in a state."""
    runs = entries(studio)["runs"]
    return runs[0] if runs and runs[0]["state"] == state else None


def start(studio: RunningStudio, folder: Path, *, data: str = "text.txt", **options: str) -> Any:
    request = {"task": "lm", "data": f"{folder}/{data}", "folder": str(folder), "name": "run"}
    settings = {
        "model.hidden_size": "8",
        "training.threads": "1",
        **{k.replace("__", "."): v for k, v in options.items()},
    }
    answer = studio.ask("POST", "/api/trainings", {**request, "options": settings})
    assert "x-elman-problem" not in answer.headers, answer.json
    return answer.json["run"]


def ended(studio: RunningStudio) -> Any:
    """Return the only training if it has ended."""
    (training,) = entries(studio)["trainings"]
    return training if training["exit_code"] is not None else None


def test_a_training_is_started_stopped_resumed_and_extended(studio: RunningStudio, tmp_path: Path) -> None:
    name = start(studio, tmp_path, training__minutes="5", model__tie_weights="no")
    assert name == f"{tmp_path}/run"
    run = wait_for(lambda: run_of(studio, "training") if entries(studio)["runs"][:1] else None)
    assert run["task"] == "lm"
    assert studio.ask("POST", "/api/resume", {"run": name}).json["message"] == "the run is training"
    step = wait_for(lambda: entries(studio)["runs"][0]["step"])
    assert "x-elman-problem" not in studio.ask("POST", "/api/stop", {"run": name}).headers
    assert studio.ask("POST", "/api/stop", {"run": name}).status == 200  # once more does no harm
    assert wait_for(lambda: ended(studio))["exit_code"] == 128 + signal.SIGTERM
    stopped = wait_for(lambda: run_of(studio, "stopped"))
    assert stopped["step"] >= step
    assert stopped["progress"] < 1.0

    assert studio.ask("POST", "/api/resume", {"run": name, "minutes": 0.001}).json == {"run": name}
    assert wait_for(lambda: ended(studio))["exit_code"] == 0
    finished = run_of(studio, "finished")
    assert finished["step"] > stopped["step"]
    assert finished["has_model"]
    assert finished["best"][0]["name"] == "loss"
    answer = studio.ask("POST", "/api/trace", {"model": name, "input": "the time"})
    assert answer.json["axes"]["tokens"] == list("the time")


def test_a_training_that_cannot_begin_says_why(studio: RunningStudio, tmp_path: Path) -> None:
    start(studio, tmp_path, data="empty.txt")
    training = wait_for(lambda: ended(studio))
    assert training["exit_code"] == 3
    assert "empty.txt: is empty; expected text" in training["messages"]
    assert entries(studio)["runs"] == []
    assert start(studio, tmp_path)  # the name is free again


def test_a_training_that_is_killed_is_stopped_and_can_be_resumed(studio: RunningStudio, tmp_path: Path) -> None:
    name = start(studio, tmp_path, training__minutes="5", training__checkpoint_every_steps="20")
    wait_for(lambda: entries(studio)["runs"][:1] and entries(studio)["runs"][0]["step"] > 50)
    process = studio.studio.trainings._processes[name].popen
    process.kill()
    assert wait_for(lambda: ended(studio))["exit_code"] == -signal.SIGKILL
    killed = wait_for(lambda: run_of(studio, "stopped"))
    assert studio.ask("POST", "/api/resume", {"run": name, "minutes": 0.001}).json == {"run": name}
    wait_for(lambda: run_of(studio, "finished"))
    assert entries(studio)["runs"][0]["step"] >= killed["step"] - 50


def test_a_training_of_another_terminal_is_watched(studio: RunningStudio, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "elman", "train", "lm", str(tmp_path / "text.txt"), "-o", str(tmp_path / "other")]
    with subprocess.Popen([*command, "--minutes", "5", "--hidden", "8", "--threads", "1", "-q"]) as process:
        try:
            wait_for(lambda: run_of(studio, "training"))
            name = f"{tmp_path}/other"
            answer = studio.ask("POST", "/api/stop", {"run": name})
            assert answer.json["hint"] == "Stop it where it was started, with Ctrl-C"
            events = studio.events(f"run={name}")
            records = next(content for event, content in events if event == "records" and content["records"])
            steps = [record["step"] for record in records["records"]]
            assert steps == sorted(steps)
            assert steps[0] > 0
        finally:
            process.terminate()
    assert run_of(studio, "stopped")


@contextmanager
def command(*arguments: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """Run the studio until it is stopped; afterwards it has ended, whatever has failed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "elman", "studio", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # under nohup, it would be ignored
    )
    with process:
        try:
            yield process
            process.wait(SECONDS)
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_end_of_the_studio_stops_its_trainings_after_a_checkpoint(tmp_path: Path, number: int) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/text.txt").write_text("the time traveller for so it will be convenient\n" * 200)
    with command("--json", "--no-browser", cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        address = json.loads(process.stdout.readline())
        base, token = address["url"].split("?token=")
        request = {"task": "lm", "data": "runs/text.txt", "folder": "runs", "name": "run", "options": {}}
        headers = {"X-Elman-Token": token, "Content-Type": "application/json"}
        posted = urllib.request.Request(f"{base}api/trainings", json.dumps(request).encode(), headers)
        with urllib.request.urlopen(posted) as answer:
            assert json.load(answer) == {"run": "runs/run"}
        watched = urllib.request.urlopen(urllib.request.Request(f"{base}api/events?token={token}"))
        wait_for(lambda: (tmp_path / "runs/run/timing.jsonl").exists())
        process.send_signal(number)
        _, messages = process.communicate(timeout=SECONDS)
        watched.close()
    assert "runs/run was stopped. Continue with: " in messages
    assert "elman resume runs/run" in messages
    assert "Traceback" not in messages
    assert (tmp_path / "runs/run/last").exists()


def test_a_signal_at_the_start_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes after the studio has its handlers, and before uvicorn has its own."""
    run = uvicorn.Server.run

    def run_late(server: uvicorn.Server, sockets: Any) -> None:
        signal.raise_signal(signal.SIGTERM)
        run(server, sockets)

    monkeypatch.setattr(uvicorn.Server, "run", run_late)
    serve_studio([tmp_path], None, lambda address: None, lambda message: None)


def test_two_studios_on_one_port(tmp_path: Path) -> None:
    with command("--json", "--no-browser", cwd=tmp_path) as first:
        assert first.stdout is not None
        port = json.loads(first.stdout.readline())["port"]
        with command("--no-browser", "--port", str(port), cwd=tmp_path) as second:
            _, messages = second.communicate(timeout=SECONDS)
            assert second.returncode == 2
            assert f"--port: {port} is taken, perhaps by another studio; expected a free port" in messages
        with command("--json", "--no-browser", cwd=tmp_path) as third:
            assert third.stdout is not None
            assert json.loads(third.stdout.readline())["port"] != port
            third.terminate()
        first.terminate()
    assert (tmp_path / "runs").is_dir()
