"""SIGINT (Ctrl-C) and SIGTERM as a request to stop, which the training loop checks after each step."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class StopRequest:
    """The number of the signal that asked training to stop, or None."""

    number: int | None = None


@contextlib.contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Catch SIGINT and SIGTERM while the block runs; a second signal has its usual effect."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request  # only the main thread can set signal handlers
        return
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def record_request(number: int, frame: FrameType | None) -> None:
        request.number = number
        for caught, handler in handlers.items():
            signal.signal(caught, handler)

    for number in handlers:
        signal.signal(number, record_request)
    try:
        yield request
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
