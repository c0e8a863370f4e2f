"""`elman serve` as a process: what it prints, several workers, one that is killed, and the end of all of them."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

pytestmark = pytest.mark.integration


class Served(NamedTuple):
    """A process that serves."""

    process: subprocess.Popen[str]
    port: int
    errors: Path

    def ask(self, path: str, body: Any = None) -> tuple[int, Any]:
        """Return the status and the JSON of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        content = None if body is None else json.dumps(body)
        connection.request("GET" if body is None else "POST", path, content, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = response.status, response.read()
        connection.close()
        return answer[0], json.loads(answer[1]) if answer[1].startswith(b"{") else answer[1]

    def log(self) -> list[dict[str, Any]]:
        """Return the lines of the log."""
        return [json.loads(line) for line in self.errors.read_text().splitlines() if line.startswith("{")]

    def workers(self) -> set[int]:
        """Return the numbers of the processes that have answered."""
        return {line["process"] for line in self.log()}


@contextlib.contextmanager
def served(folder: Path, tmp_path: Path, *flags: str) -> Iterator[Served]:
    errors = tmp_path / "errors.txt"
    command = [sys.executable, "-m", "elman", "serve", str(folder), "--port", "0", "--json", *flags]
    with (
        errors.open("w") as stream,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stream, text=True) as process,
    ):
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, errors.read_text()
        one = Served(process, json.loads(line)["port"], errors)
        try:
            wait_until(lambda: one.ask("/healthz")[0] == 200)
            yield one
        finally:
            process.kill()


def wait_until(condition: Any, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if condition():
                return
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def predict(one: Served) -> bool:
    status, answer = one.ask("/v1/heat/predict", {"inputs": ["abc"]})
    return status == 200 and answer["predictions"][0]["label"] in ("cold", "hot", "中")


def is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_signal_ends_the_service_after_what_is_in_progress(
    folders: dict[str, Path], tmp_path: Path, number: int, workers: str
) -> None:
    with served(folders["book"], tmp_path, "--workers", workers) as one:
        connections = [http.client.HTTPConnection("127.0.0.1", one.port, timeout=20) for _ in range(4)]
        body = json.dumps({"max_tokens": 5_000, "seed": 1})
        for connection in connections:
            connection.request("POST", "/v1/book/generate", body, {"Content-Type": "application/json"})
        answers = [connection.getresponse() for connection in connections]  # their headers
        one.process.send_signal(number)
        assert [answer.status for answer in answers] == [200] * 4
        for answer in answers:
            assert b"event: end" in answer.read()
        assert one.process.wait(20) == 0, one.errors.read_text()
        for connection in connections:
            connection.close()


def test_a_worker_that_is_killed_is_replaced(folders: dict[str, Path], tmp_path: Path) -> None:
    with served(folders["heat"], tmp_path, "--workers", "2") as one:
        wait_until(lambda: predict(one) and len(one.workers()) == 2)
        killed = min(one.workers())
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: predict(one) and len(one.workers()) == 3)
        assert killed not in {line["process"] for line in one.log()[-3:]}
        one.process.terminate()
        assert one.process.wait(20) == 0
        assert not any(map(is_alive, one.workers()))


def test_workers_end_when_the_process_that_started_them_is_killed(folders: dict[str, Path], tmp_path: Path) -> None:
    with served(folders["heat"], tmp_path, "--workers", "2") as one:
        wait_until(lambda: predict(one) and len(one.workers()) == 2)
        one.process.kill()
        one.process.wait()
        wait_until(lambda: not any(map(is_alive, one.workers())))


def test_a_stream_is_read_by_any_worker_and_outlives_the_one_that_opened_it(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    with served(folders["book"], tmp_path, "--workers", "2") as one:
        _, opened = one.ask("/v1/book/streams", {})
        path = f"/v1/book/streams/{opened['stream']}"
        answers = [one.ask(path, {"inputs": [n % 4]}) for n in range(30)]
        assert {status for status, _ in answers} == {200}
        wait_until(lambda: one.ask("/healthz")[0] == 200 and len(one.workers()) == 2)
        for worker in one.workers():
            os.kill(worker, signal.SIGKILL)
        wait_until(lambda: one.ask(path, {"inputs": [1]})[0] == 200)
        _, metrics = one.ask("/metrics")
        assert b"elman_requests_total" in metrics


def test_the_log_has_no_texts(folders: dict[str, Path], tmp_path: Path) -> None:
    with served(folders["heat"], tmp_path) as one:
        one.ask("/v1/heat/predict", {"inputs": ["abcabc"]})
        one.ask("/v1/abcabc/predict", {"inputs": ["abcabc"]})
        one.process.terminate()
        one.process.wait(20)
        assert "abcabc" not in one.errors.read_text()
        lines = {line["path"]: line for line in one.log()}
        assert set(lines) == {"/healthz", "/v1/heat/predict", "other"}
        line = lines["/v1/heat/predict"]
        assert (line["event"], line["method"], line["status"]) == ("request", "POST", 200)
        assert 0.0 < line["seconds"] < 10.0
        assert line["bytes"] > 100
