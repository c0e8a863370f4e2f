"""What every request must have, and how many are answered at a time.

A request is refused, before anything reads or computes, if it has another Host, no token where one is needed, or a body
that is compressed or too large, whatever Content-Length says. Its body is received as a whole, within a time limit, so
that a slow client takes no part of what is limited next:

The requests that wait for a model are limited. The limit is high for a burst, and low when there is a standing queue,
that is when they have not been few for a tenth of a second. Then more of them only make all of them wait, and 429 with
Retry-After is the better answer. This is the idea of Nichols and Jacobson (2012), "Controlling queue delay", for
requests. The place of a request is free when its answer begins, so that a client that reads slowly takes none; texts,
which are computed while they are sent, have places of their own.

An answer must be complete within a time limit, and each part of it must be read within one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .limits import BUSY_SECONDS, Limits
from .telemetry import Telemetry

OPEN_TO_ALL = ("/healthz", "/readyz")  # without a token
DOCUMENTATION = ("/docs", "/redoc", "/openapi.json", "/static-offline-docs/")
COMPUTED = "/v1/"  # the beginning of the paths whose requests are limited
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
RETRY_SECONDS = 1
LINGER_SECONDS = 2.0
MAX_DIGITS = 20  # of Content-Length; int refuses thousands, even if they are zeros
REFUSALS = {  # status, code, message
    "host": (403, "host", "Host: the request is for another name; expected one that the service was started with"),
    "origin": (403, "origin", "Origin: the request comes from a page of another site, which may not use the service"),
    "token": (401, "token", "the token is missing or wrong; expected the header Authorization: Bearer TOKEN"),
    "encoding": (415, "encoding", "Content-Encoding: the body is compressed; expected one that is not"),
    "length": (413, "length", "the body is too large"),
    "slow": (408, "slow", "the request did not arrive in time"),
    "memory": (503, "busy", "too many requests are being received; try again"),
    "busy": (429, "busy", "too many requests are in progress; try again"),
    "ending": (503, "ending", "the service is ending; try again"),
    "deadline": (503, "deadline", "the answer took too long; try again, or ask for less"),
}


# Refusals of bodies that were not read. If the connection were closed while the client still sends, it could lose the
# answer, so the body is read for a while, and thrown away.
UNREAD = ("length", "encoding", "memory", "token", "host", "origin")


class Refused(Exception):
    """A request is refused, for a key of REFUSALS."""


class Gate:
    """Middleware around the app."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        models: Iterable[str],
        hosts: Iterable[str] | None,
        token: str | None,
        limits: Limits,
        telemetry: Telemetry,
    ) -> None:
        """Take the names of the models, those that Host may have, None for any, and the token, if one is needed."""
        self._app, self._models, self._limits, self._telemetry = app, frozenset(models), limits, telemetry
        self._hosts = None if hosts is None else frozenset(host.lower() for host in hosts)
        self._token = None if token is None else token.encode()
        self._places: dict[str, _Places] = {}  # by model, and for texts
        self._received = 0  # bytes of bodies that are being received
        self.is_ending = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        answer = _Answer(scope, send, self)
        try:
            await self._respond(scope, receive, answer)
        except Refused as refusal:
            await answer.refuse(str(refusal), receive)
        finally:
            self._telemetry.answered(scope, answer.status, answer.seconds, answer.size)

    def is_busy(self, path: str) -> bool:
        """Return whether a request is refused because too many are in progress."""
        return path.startswith(COMPUTED) and self._places_of(path).is_full()

    def _places_of(self, path: str) -> _Places:
        """Return the places for requests of a path."""
        model, _, endpoint = path.removeprefix(COMPUTED).partition("/")
        kind = "text" if endpoint == "generate" else model if model in self._models else "other"
        if kind not in self._places:
            few = self._limits.texts if kind == "text" else self._limits.waiting_busy
            most = self._limits.texts if kind == "text" else self._limits.waiting
            self._places[kind] = _Places(most, few)
        return self._places[kind]

    @property
    def send_seconds(self) -> float:
        """How long a client may leave a part of an answer unread."""
        return self._limits.send_seconds

    async def _respond(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        self._check(scope)
        body = b""
        try:
            async with asyncio.timeout(self._limits.receive_seconds):
                body = await self._body(scope, receive)
        except TimeoutError:
            raise Refused("slow") from None
        if not scope["path"].startswith(COMPUTED):
            await self._app(scope, _Replayed(body, receive), answer.send)
            return
        if self.is_ending:
            raise Refused("ending")
        is_text = scope["path"].endswith("/generate")
        answer.place = self._places_of(scope["path"]).take(until_end=is_text)
        try:
            async with asyncio.timeout(self._limits.request_seconds):
                await self._app(scope, _Replayed(body, receive), answer.send)
        except TimeoutError:
            raise Refused("deadline") from None
        finally:
            answer.place.give_back()

    def _check(self, scope: Scope) -> None:
        """Refuse a request by its headers."""
        headers, path = Headers(scope=scope), scope["path"]
        hosts = headers.getlist("host")
        if self._hosts is not None and (len(hosts) != 1 or hosts[0].lower() not in self._hosts):
            raise Refused("host")
        origins = {origin.lower().partition("://")[2] for origin in headers.getlist("origin")}
        if self._token is None and not origins <= {host.lower() for host in hosts}:
            raise Refused("origin")  # without a token, any page in a browser of this machine could ask
        is_open = path in OPEN_TO_ALL or path.startswith(DOCUMENTATION)
        if self._token is not None and not is_open:
            kind, _, token = headers.get("authorization", "").partition(" ")
            is_bearer = kind.lower() == "bearer"
            if not secrets.compare_digest(token.strip().encode() if is_bearer else b"", self._token):
                raise Refused("token")
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise Refused("encoding")
        length = headers.get("content-length", "0")
        if len(length) > MAX_DIGITS or not length.isdigit() or int(length) > self._limits.body_bytes:
            raise Refused("length")

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """Return the whole body; one part too many is refused as soon as it arrives."""
        parts, size = [], 0
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refused("slow")
                part = message.get("body", b"")
                size += len(part)
                self._received += len(part)
                if size > self._limits.body_bytes:
                    raise Refused("length")
                if self._received > self._limits.bodies_bytes:
                    raise Refused("memory")
                parts.append(part)
                if not message.get("more_body", False):
                    return b"".join(parts)
        finally:
            self._received -= size


class _Places:
    """The places of requests that wait for one model, and how many there may be."""

    def __init__(self, most: int, few: int) -> None:
        self._most, self._few, self._count = most, few, 0
        self._last_few = -BUSY_SECONDS  # when few were taken

    def is_full(self) -> bool:
        """Return whether there is no place."""
        if self._count >= self._most:
            return True
        if self._count < self._few:
            self._last_few = time.monotonic()
            return False
        return time.monotonic() - self._last_few > BUSY_SECONDS

    def take(self, *, until_end: bool = False) -> _Place:
        """Return a place, to be given back when the answer begins, or at its end; none is a refusal."""
        if self.is_full():
            raise Refused("busy")
        self._count += 1
        return _Place(self, until_end=until_end)

    def give_back(self) -> None:
        """Count one place less."""
        self._count -= 1
        if self._count < self._few:
            self._last_few = time.monotonic()


class _Place:
    """A place that is taken, and given back once."""

    def __init__(self, places: _Places, *, until_end: bool) -> None:
        self._places: _Places | None = places
        self._until_end = until_end

    def begin_answer(self) -> None:
        """Give the place back if it is only needed until now."""
        if not self._until_end:
            self.give_back()

    def give_back(self) -> None:
        """Give the place back."""
        places, self._places = self._places, None
        if places is not None:
            places.give_back()


class _Answer:
    """The answer to a request, as it is sent: its status, its size, and the time it took."""

    def __init__(self, scope: Scope, send: Send, gate: Gate) -> None:
        self._scope, self._send, self._gate = scope, send, gate
        self._start = time.perf_counter()
        self.status, self.size = 0, 0
        self.place: _Place | None = None

    @property
    def seconds(self) -> float:
        """The time since the request."""
        return time.perf_counter() - self._start

    async def send(self, message: Message) -> None:
        """Send a part of the answer; a client that does not read it in time is given up."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self.place is not None:
                self.place.begin_answer()
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if self._gate.is_ending:
                headers["Connection"] = "close"
        self.size += len(message.get("body", b""))
        async with asyncio.timeout(self._gate.send_seconds):
            await self._send(message)

    async def refuse(self, refusal: str, receive: Receive) -> None:
        """Send the answer of a refusal, if no other has begun; else the connection is closed."""
        if self.status:
            raise ConnectionAbortedError(refusal)
        status, headers, content = refusal_answer(refusal)
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        content = b"" if self._scope["method"] == "HEAD" else content
        await self.send({"type": "http.response.body", "body": content, "more_body": True})
        if refusal in UNREAD:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LINGER_SECONDS):
                    while (await receive()).get("more_body", False):
                        pass
        await self.send({"type": "http.response.body"})


class _Replayed:
    """A body that has been received, then what comes after it."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        return await self._receive()


def refusal_answer(refusal: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Return status, headers and body of the answer for a key of REFUSALS."""
    status, code, text = REFUSALS[refusal]
    content = error_content(code, text)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    if status in (429, 503):
        headers.append((b"retry-after", str(RETRY_SECONDS).encode()))
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if status in (408, 413, 415):  # what else comes of the body is not read
        headers.append((b"connection", b"close"))
    return status, headers, content


def refusal_bytes(refusal: str) -> bytes:
    """Return the same answer as it is sent."""
    status, headers, content = refusal_answer(refusal)
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode(), *(b": ".join(header) for header in headers)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + content


def error_content(code: str, message: str, **more: Any) -> bytes:
    """Return the body of an answer that reports an error."""
    return json.dumps({"error": {"code": code, "message": message, **more}}).encode()
