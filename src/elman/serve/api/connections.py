"""Connections of HTTP/1.1 that are closed if no request comes, or if a request comes too slowly.

uvicorn limits the time between two requests. What is added here is the time from the first byte of a request, or from
the connection, to the end of its headers; gate.py limits the time of its body and of the answer.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


def protocol(receive_seconds: float) -> type[H11Protocol]:
    """Return uvicorn's protocol with a limit of the time until the headers are complete."""

    class Timed(H11Protocol):
        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._expect_headers()

        def data_received(self, data: bytes) -> None:
            if self._deadline is None and self.conn.their_state is h11.IDLE:
                self._expect_headers()
            super().data_received(data)
            if self.conn.their_state is not h11.IDLE:
                self._cancel()

        def connection_lost(self, exc: Exception | None) -> None:
            self._cancel()
            super().connection_lost(exc)

        def _expect_headers(self) -> None:
            self._deadline = self.loop.call_later(receive_seconds, self.transport.abort)

        def _cancel(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    return Timed
