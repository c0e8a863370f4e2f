"""What every request to the studio must have. The page runs in a browser, where every web site may send requests here.

    Host      the address of the studio: a name that an attacker's DNS server points at this machine is refused
    Origin    the studio's own, if the browser sends one: pages of other sites are refused
    token     the secret of the address that the terminal shows, in the header X-Elman-Token, or as ?token= where the
              browser itself opens an address: another user of this machine, and a page that guesses, are refused
    length    the body is not larger than allowed, whatever Content-Length says

Answers carry a content security policy: the page may ask nobody but the studio, and no other page may frame it.
"""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from elman.translations import translate, use_language

NAMES = {"127.0.0.1", "localhost"}
HTTP_PORT = 80  # which a browser leaves out of Host
TOKEN_HEADER = "X-Elman-Token"
MAX_BODY = 5_000_000  # bytes of a request
UPLOADS = "/api/files"
MAX_UPLOAD = 1_000_000_000  # bytes of a data file
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
REFUSALS = {
    "host": (403, "Host: the request is for another name; expected the address that `elman studio` printed."),
    "origin": (403, "Origin: the request comes from a page of another site, which may not use the studio."),
    "token": (401, "The token is missing or wrong. Open the address that `elman studio` printed, with its token."),
    "length": (413, "The body is too large."),
}


class Guard:
    """Middleware that refuses what REFUSALS describes, before anything reads the request."""

    def __init__(self, app: ASGIApp, *, token: str, port: int) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = {f"{name}:{port}" for name in NAMES} | (NAMES if port == HTTP_PORT else set())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await _refuse(refusal, scope, receive, send_with_headers)
            return
        await self._app(scope, _Body(receive, _limit(scope)).receive, send_with_headers)

    def _refusal(self, scope: Scope) -> str | None:
        """Return the key of REFUSALS for a request, or None."""
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return "host"
        if any(origin.removeprefix("http://") != hosts[0] for origin in origins):
            return "origin"
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none") and not _opens_page(scope, headers):
            return "origin"
        in_query = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        token = headers.get(TOKEN_HEADER) or in_query
        if not secrets.compare_digest(token.encode("utf-8", "replace"), self._token):
            return "token"
        length = headers.get("content-length", "0")
        return "length" if not length.isdigit() or int(length) > _limit(scope) else None


def _limit(scope: Scope) -> int:
    """Return how many bytes the body of a request may have."""
    return MAX_UPLOAD if scope["path"] == UPLOADS else MAX_BODY


def _opens_page(scope: Scope, headers: Headers) -> bool:
    """Return whether a browser opens the page itself, from a link or a file; it needs the token all the same."""
    mode, destination = headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")
    return (scope["method"], scope["path"], mode, destination) == ("GET", "/", "navigate", "document")


class _Body:
    """The body of a request, counted while it arrives."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._remaining = limit

    async def receive(self) -> Message:
        """Return the next part; a part too many is an HTTPException, which the app answers."""
        message = await self._receive()
        self._remaining -= len(message.get("body", b""))
        if self._remaining < 0:
            raise HTTPException(*REFUSALS["length"])
        return message


async def _refuse(refusal: str, scope: Scope, receive: Receive, send: Any) -> None:
    status, text = REFUSALS[refusal]
    accepted = Headers(scope=scope).get("accept-language", "")
    asked = parse_qs(scope["query_string"].decode("latin-1")).get("lang", [accepted])[0]
    with use_language("zh" if asked.startswith("zh") else "en"):
        answer = PlainTextResponse(translate(text) + "\n", status)
    await answer(scope, receive, send)
