"""Telemetry is recorded if it can be, and stops nothing if it cannot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from elman.serve.api import telemetry as telemetry_module
from elman.serve.api.telemetry import Telemetry
from elman.serve.api.workers import Settings

SCOPE = {"type": "http", "method": "GET"}


def test_a_log_that_nobody_reads_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setattr(telemetry_module._Log, "MAX_WAITING", 100)
        monkeypatch.setattr(telemetry_module._Log, "END_SECONDS", 0.1)
        telemetry = Telemetry(logs=True)
        start = time.monotonic()
        for _ in range(5_000):
            telemetry.answered(SCOPE, 200, 0.1, 10)
        telemetry.close()
        assert time.monotonic() - start < 5.0
        reader = threading.Thread(
            target=lambda: [None for _ in iter(lambda: os.read(reading, 65_536), b"")], daemon=True
        )
        reader.start()
        monkeypatch.setattr(telemetry_module._Log, "END_SECONDS", 5.0)
        telemetry.close()  # now that somebody reads, it ends
        assert telemetry._log is not None
        assert not telemetry._log._thread.is_alive()
        monkeypatch.undo()
    reader.join(5.0)
    os.close(reading)


def test_all_lines_are_written_at_the_end(capfd: pytest.CaptureFixture[str]) -> None:
    telemetry = Telemetry(logs=True)
    for number in range(500):
        telemetry.answered(SCOPE, number, 0.1, 10)
    telemetry.close()
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [line["status"] for line in lines] == list(range(500))


def test_metrics_that_cannot_be_written_are_left_out(tmp_path: Path) -> None:
    program = """
import os, shutil
from elman.serve.api.telemetry import Telemetry
telemetry = Telemetry(logs=False)
shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"])
telemetry.answered({"type": "http", "method": "GET"}, 200, 0.1, 10)
telemetry.refused(); telemetry.batch("a", 1); telemetry.streams("a", 1); telemetry.new_version()
print(telemetry.metrics()[1])
"""
    (tmp_path / "metrics").mkdir()
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics")}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("text/plain")


@pytest.mark.parametrize(
    ("settings", "port", "hosts"),
    [
        (Settings(), 8000, {"127.0.0.1:8000", "localhost:8000", "[::1]:8000"}),
        (Settings(host="::1"), 80, {"127.0.0.1", "localhost", "[::1]", "127.0.0.1:80", "localhost:80", "[::1]:80"}),
        (Settings(host="0.0.0.0", token="x"), 8000, None),
        (
            Settings(host="fe80::1", allowed_hosts=("a.example",)),
            8000,
            {"[fe80::1]:8000", "a.example", "a.example:8000"},
        ),
    ],
)
def test_the_names_that_a_request_may_ask(settings: Settings, port: int, hosts: set[str] | None) -> None:
    names = settings.hosts(port)
    assert names == hosts if hosts is None or not settings.allowed_hosts else hosts <= (names or set())
