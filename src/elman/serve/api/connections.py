"""Connections of HTTP/1.1: those that are silent or slow are closed, and a busy service refuses requests at once.

uvicorn limits the time between two requests, but only while nothing arrives. What is added here is the time from the
first byte of a request, from the connection, or from the answer before, to the end of its headers, and their size, and
the time in which a client reads what is sent; gate.py limits the time of its body and of the answer.

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


def _without_upgrade(data: bytes) -> bytes:
    """Return a request without the wish for another protocol, such as h2c, which Java's client has. It may be ignored.

    The parser would take what follows for that protocol.
    """
    head, blank, rest = data.partition(b"\r\n\r\n")
    if b"\r\nupgrade:" not in head.lower():
        return data
    return b"\r\n".join(line for line in head.split(b"\r\n") if not line.lower().startswith(b"upgrade:")) + blank + rest


def protocol(
    limits: Limits, is_busy: Callable[[str], bool], refusal: bytes, refused: Callable[[], None]
) -> type[HttpToolsProtocol]:
    """Return uvicorn's protocol with limits of the times in which headers are sent and answers are read.

    is_busy says whether a request of a path is refused; refusal is what is sent then, and refused is called.
    """

    class Limited(HttpToolsProtocol):
        _deadline: asyncio.TimerHandle | None = None  # of the next headers
        _reads_headers = False
        _header_bytes = 0
        _unread: asyncio.TimerHandle | None = None  # while the client does not read as fast as is sent

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._expect_headers()

        def on_message_begin(self) -> None:
            super().on_message_begin()
            if not self._reads_headers:
                self._expect_headers()

        def on_headers_complete(self) -> None:
            self._cancel()
            super().on_headers_complete()

        def data_received(self, data: bytes) -> None:
            self._header_bytes += len(data)
            super().data_received(_without_upgrade(data) if self._reads_headers else data)
            if self._reads_headers and self._header_bytes > MAX_HEADERS:
                self._cancel()
                self.send_400_response("The headers are too large.")

        def connection_lost(self, exc: Exception | None) -> None:
            self._cancel()
            self._cancel_unread()
            super().connection_lost(exc)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._cancel_unread()
            self._unread = self.loop.call_later(limits.send_seconds, self._abort)  # close() would wait for the client

        def resume_writing(self) -> None:
            super().resume_writing()
            self._cancel_unread()

        def _start_asgi_task(self, cycle: Any, app: Any) -> None:
            if not is_busy(cycle.scope["path"]):
                super()._start_asgi_task(cycle, app)
                return
            head, blank, _ = refusal.partition(b"\r\n\r\n")
            self.transport.write(head + blank if cycle.scope["method"] == "HEAD" else refusal)
            cycle.response_started = cycle.response_complete = True  # what comes of its body is ignored
            refused()
            if not cycle.keep_alive:
                self.transport.close()
            self.loop.call_soon(self._next_request)

        def _next_request(self) -> None:
            if not self.transport.is_closing():
                self.on_response_complete()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self._deadline is None and self.cycle.response_complete:  # what arrives may be no request
                self._deadline = self.loop.call_later(limits.receive_seconds, self._abort)

        def _expect_headers(self) -> None:
            self._cancel()
            self._header_bytes, self._reads_headers = 0, True
            self._deadline = self.loop.call_later(limits.receive_seconds, self._abort)

        def _abort(self) -> None:
            self.transport.abort()

        def _cancel_unread(self) -> None:
            if self._unread is not None:
                self._unread.cancel()
                self._unread = None

        def _cancel(self) -> None:
            self._reads_headers = False
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    return Limited
