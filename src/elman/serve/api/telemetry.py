"""Telemetry: metrics for Prometheus, and a log of one JSON object a line, without texts.

Several workers write their numbers into files of one folder, which are added when they are asked for: the folder is
named in the environment before this module is imported. A thread writes the log, so that a reader who does not read it
stops nobody; then lines are left out.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sys
import threading
import time
from pathlib import Path
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.types import Scope

from .limits import METRICS_FOLDER

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
INPUTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024)


class Telemetry:
    """The metrics of a process, and its log. What cannot be recorded is left out: no request fails because of it."""

    def __init__(self, *, logs: bool) -> None:
        """Start counting; logs: write a line to stderr for each answer."""
        self._log = _Log() if logs else None
        self._registry = registry = CollectorRegistry()
        labels = ["model", "endpoint"]
        self._requests = Counter(
            "elman_requests", "Requests that were answered.", [*labels, "status"], registry=registry
        )
        self._seconds = Histogram(
            "elman_request_seconds", "Time to the end of an answer.", labels, buckets=SECONDS, registry=registry
        )
        self._batches = Histogram(
            "elman_batch_inputs", "Inputs that were computed together.", ["model"], buckets=INPUTS, registry=registry
        )
        self._versions = Counter("elman_new_versions", "New versions of models that were loaded.", registry=registry)
        self._streams = Gauge(
            "elman_streams", "Streams that are open.", ["model"], registry=registry, multiprocess_mode="mostrecent"
        )

    def answered(self, scope: Scope, status: int, seconds: float, size: int) -> None:
        """Record an answer: its status, the time that it took and the bytes of its body."""
        route = scope.get("route")
        template = getattr(route, "path", None) or "other"  # not the path, which may be anything
        model, endpoint = _names(template)
        with contextlib.suppress(OSError):
            self._requests.labels(model, endpoint, str(status)).inc()
            self._seconds.labels(model, endpoint).observe(seconds)
        self.log("request", method=scope["method"], path=template, status=status, seconds=round(seconds, 6), bytes=size)

    def refused(self) -> None:
        """Record a request that was refused before its path was looked at."""
        with contextlib.suppress(OSError):
            self._requests.labels("", "busy", "429").inc()

    def batch(self, model: str, inputs: int) -> None:
        """Record a batch."""
        with contextlib.suppress(OSError):
            self._batches.labels(model).observe(inputs)

    def new_version(self) -> None:
        """Record that a new version of a model is served."""
        with contextlib.suppress(OSError):
            self._versions.inc()

    def streams(self, model: str, count: int) -> None:
        """Record how many streams are open."""
        with contextlib.suppress(OSError):
            self._streams.labels(model).set(count)

    def metrics(self) -> tuple[bytes, str]:
        """Return the metrics of all workers, and their media type."""
        registry = self._registry
        if METRICS_FOLDER in os.environ and Path(os.environ[METRICS_FOLDER]).is_dir():
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry), CONTENT_TYPE_LATEST

    def log(self, event: str, **fields: Any) -> None:
        """Write a line of the log."""
        if self._log is not None:
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            self._log.write(json.dumps({"time": now, "event": event, "process": os.getpid(), **fields}))

    def close(self) -> None:
        """Write what is left of the log."""
        if self._log is not None:
            self._log.close()


class _Log:
    """Lines for stderr, written by a thread."""

    MAX_WAITING = 10_000  # lines
    END_SECONDS = 2.0

    def __init__(self) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue(self.MAX_WAITING)
        self._thread = threading.Thread(target=self._work, name="elman-log", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Let a line be written; it is left out if too many wait."""
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(line)

    def close(self) -> None:
        """Wait until all lines are written, but not for long."""
        with contextlib.suppress(queue.Full):
            self._lines.put(None, timeout=self.END_SECONDS)
        self._thread.join(self.END_SECONDS)

    def _work(self) -> None:
        while (line := self._lines.get()) is not None:
            with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
                sys.stderr.write(line + "\n")
                sys.stderr.flush()


def _names(template: str) -> tuple[str, str]:
    """Return the model and the endpoint of the path of a route: /v1/book/predict."""
    parts = template.strip("/").split("/")
    return (parts[1], "/".join(parts[2:])) if parts[0] == "v1" and len(parts) > 2 else ("", template)
