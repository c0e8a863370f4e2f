"""A studio that runs in a thread of the test, and requests to it by the standard library."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import uvicorn

from elman.checkpoint import RunFolder, replace_file
from elman.serve.server import HOST, listen
from elman.serve.studio import Studio, create_app, open_folders

from .requests import Answer, ask

TOKEN = "a-secret"


class RunningStudio(NamedTuple):
    """A studio that listens on a port."""

    studio: Studio
    port: int

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/?token={TOKEN}"

    def ask(self, method: str, path: str, body: Any = None, *, headers: dict[str, str | None] | None = None) -> Answer:
        """Return the response to a request, by default with the token; a header None is left out."""
        return ask(self.port, method, path, body, {"X-Elman-Token": TOKEN, **(headers or {})})

    def events(self, query: str = "") -> Iterator[tuple[str, Any]]:
        """Yield the events of a stream."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        connection.request("GET", f"/api/events?{query}", headers={"X-Elman-Token": TOKEN})
        response = connection.getresponse()
        assert response.status == 200, response.read()
        end = time.monotonic() + 30.0  # comments keep the connection open for ever
        try:
            while (line := response.readline().decode()) and time.monotonic() < end:
                if line.startswith("event: "):
                    yield line.removeprefix("event: ").strip(), json.loads(response.readline().removeprefix(b"data: "))
        finally:
            connection.close()


@contextmanager
def running(folders: Sequence[Path]) -> Iterator[RunningStudio]:
    """Yield a studio for folders; afterwards it has ended, with its trainings."""
    studio = open_folders(folders)
    with listen(None) as listener:
        port = listener.getsockname()[1]
        app = create_app(studio, token=TOKEN, port=port)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1))
        studio.is_ending = lambda: server.should_exit
        thread = threading.Thread(target=lambda: server.run(sockets=[listener]))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield RunningStudio(studio, port)
        finally:
            server.should_exit = True
            thread.join()
            studio.trainings.stop_all(lambda name: None)


def write_run(path: Path, predictor: Any = None, *, steps: int = 100, finished: bool = True, task: str = "lm") -> None:
    """Write a run folder as a training leaves it: config, records, a checkpoint, and the model of a predictor."""
    run = RunFolder.create(path, {"task": task, "sources": {}, "values": {}, "language": "en"})
    replace_file(run / "config.toml", f'task = "{task}"\n[training]\nsteps = {steps}\n'.encode())
    for step in range(10, steps + 1, 10):
        run.append_record("metrics.jsonl", {"step": step, "loss": 3.0 - step / 100, "gradient_norm": 1.0})
        run.append_record("timing.jsonl", {"step": step, "seconds": step / 10})
    valid = {"loss": 2.5, "perplexity": 12.2, "loss_error": 0.1}
    run.append_record("metrics.jsonl", {"step": steps, "train": {"loss": 2.6}, "valid": valid})
    state = {"step": steps, "seconds": steps / 10, "finished": finished, "best_step": steps}
    run.save_checkpoint(steps, {"x": np.zeros(1, np.float32)}, state, best=True)
    if predictor is not None:
        predictor.save(run / "model")
    run.unlock()
