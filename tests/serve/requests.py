"""Requests to a server on this machine, by the standard library, and their answers."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

SECONDS = 60  # until a test gives up


class Answer(NamedTuple):
    """A response: its status, its body and its headers in lower case."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = self.json["error"]
        return error

    @property
    def events(self) -> list[tuple[str, Any]]:
        """The server-sent events in the body."""
        lines = [part.split("\n") for part in self.body.decode().strip().split("\n\n")]
        return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in lines]


def ask(port: int, method: str, path: str, body: Any, headers: Mapping[str, str | None]) -> Answer:
    """Return the response to a request, whose body is bytes or becomes JSON; a header None is left out."""
    content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    sent: dict[str, str | None] = {"Host": f"127.0.0.1:{port}"}
    if content is not None:
        sent |= {"Content-Type": "application/json", "Content-Length": str(len(content))}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in {**sent, **headers}.items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders(content)
    response = connection.getresponse()
    answer = Answer(response.status, response.read(), {name.lower(): value for name, value in response.getheaders()})
    connection.close()
    return answer
