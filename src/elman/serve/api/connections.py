"""Connections of HTTP/1.1: those that are silent or slow are closed, and a busy service refuses requests at once.

uvicorn limits the time between two requests. What is added here is the time from the first byte of a request, or from
the connection, to the end of its headers, and their size, and the time in which a client reads what was sent at last;
gate.py limits the time of its body and of the answer.

When more requests come than can be answered, most of the work is to refuse them. So they are refused as soon as their
headers are there, by bytes that are always the same, before anything else is done with them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .limits import Limits

MAX_HEADERS = 16_384  # bytes


def protocol(
    limits: Limits, is_busy: Callable[[str], bool], refusal: bytes, refused: Callable[[], None]
) -> type[HttpToolsProtocol]:
    """Return uvicorn's protocol with limits of the times in which headers are sent and answers are read.

    is_busy says whether a request of a path is refused; refusal is what is sent then, and refused is called.
    """

    class Limited(HttpToolsProtocol):
        _deadline: asyncio.TimerHandle | None = None  # while headers are expected
        _header_bytes = 0

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._expect_headers()

        def on_message_begin(self) -> None:
            super().on_message_begin()
            if self._deadline is None:
                self._expect_headers()

        def on_headers_complete(self) -> None:
            self._cancel()
            super().on_headers_complete()

        def data_received(self, data: bytes) -> None:
            self._header_bytes += len(data)
            super().data_received(data)
            if self._deadline is not None and self._header_bytes > MAX_HEADERS:
                self._cancel()
                self.send_400_response("The headers are too large.")

        def connection_lost(self, exc: Exception | None) -> None:
            self._cancel()
            super().connection_lost(exc)

        def _start_asgi_task(self, cycle: Any, app: Any) -> None:
            if not is_busy(cycle.scope["path"]):
                super()._start_asgi_task(cycle, app)
                return
            self.transport.write(refusal)
            cycle.response_started = cycle.response_complete = True  # what comes of its body is ignored
            refused()
            self.on_response_complete()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self.transport.get_write_buffer_size():
                self.loop.call_later(limits.send_seconds, self._abort_unread)

        def _abort_unread(self) -> None:
            if self.transport.get_write_buffer_size():
                self._abort()

        def _expect_headers(self) -> None:
            self._header_bytes = 0
            self._deadline = self.loop.call_later(limits.receive_seconds, self._abort)

        def _abort(self) -> None:
            self.transport.abort()

        def _cancel(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    return Limited
