"""A service that runs in a thread of the test, and requests to it by the standard library."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from elman.serve.api.limits import Limits
from elman.serve.api.served_models import ServedModels
from elman.serve.api.workers import Settings, Worker, listen

from ..requests import Answer, ask


class RunningService(NamedTuple):
    """A service that listens on a port."""

    port: int
    models: ServedModels
    worker: Worker

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str | None] | None = None) -> Answer:
        """Return the response to a request; a header None is left out."""
        return ask(self.port, method, path, body, headers or {})

    def connection(self) -> socket.socket:
        """Return a connection without any request."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)


@contextmanager
def serving(
    folder: Path, runs: Sequence[str], limits: Limits | None = None, *, send_buffer: int | None = None, **settings: Any
) -> Iterator[RunningService]:
    """Yield a service of models; afterwards it has ended. The folder holds the states of streams.

    send_buffer: bytes that the system takes of an answer before the client reads it.
    """
    options = Settings(port=0, logs=False, limits=limits or Limits(), **settings)
    models = ServedModels(runs)
    with listen(options.host, options.port) as listener:
        if send_buffer is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        worker = Worker(models, options, listener, folder)
        thread = threading.Thread(target=worker.run)
        thread.start()
        while not worker.is_started:
            time.sleep(0.005)
        try:
            yield RunningService(listener.getsockname()[1], models, worker)
        finally:
            worker.end()
            thread.join(20.0)
            assert not thread.is_alive()
