"""What the service refuses: other hosts and pages, wrong tokens, large, compressed, slow and malformed requests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from elman.serve.api import gate as gate_module
from elman.serve.api.batches import Batches
from elman.serve.api.generation import GenerateRequest
from elman.serve.api.limits import Limits
from elman.serve.api.predictions import request_type
from elman.serve.api.served_models import ServedModel
from elman.serve.api.streams import ModelStreams, OpenRequest, reads_streams
from elman.serve.api.telemetry import Telemetry

from .conftest import MODELS
from .services import RunningService, serving

TOKEN = "a-secret-of-24-characters"
QUICK = Limits(
    body_bytes=2_000, receive_seconds=0.4, send_seconds=0.4, idle_seconds=1.0, request_seconds=0.5, waiting=2, texts=2
)
PREDICT = "/v1/heat/predict"
BODY = {"inputs": ["abc"]}


@pytest.fixture(scope="module")
def strict(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service with a token and low limits."""
    runs = [str(folders[name]) for name in ("heat", "book", "flow")]
    with serving(tmp_path_factory.mktemp("streams"), runs, QUICK, token=TOKEN) as running:
        yield running


def authorized(**headers: str) -> dict[str, str | None]:
    return {"Authorization": f"Bearer {TOKEN}", **headers}


HOSTILE: dict[str, tuple[dict[str, str | None], int]] = {
    "another host": ({"Host": "elman.example.com"}, 403),
    "another port": ({"Host": "127.0.0.1:1"}, 403),
    "page of another site": ({"Origin": "http://evil.example"}, 403),
    "page of another port": ({"Origin": "http://127.0.0.1:1"}, 403),
    "page from a disk": ({"Origin": "null"}, 403),
    "compressed": ({"Content-Encoding": "gzip"}, 415),
    "no number": ({"Content-Length": "ten"}, 400),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_headers_are_refused(service: RunningService, name: str) -> None:
    headers, status = HOSTILE[name]
    answer = service.ask("POST", PREDICT, BODY, headers)
    assert answer.status == status
    assert "access-control-allow-origin" not in answer.headers


TOKENS: dict[str, str | None] = {
    "none": None,
    "empty": "Bearer ",
    "another": "Bearer another",
    "a part": f"Bearer {TOKEN[:-1]}",
    "more": f"Bearer {TOKEN}x",
    "of another kind": f"Basic {TOKEN}",
    "alone": TOKEN,
    "not ASCII": "Bearer é",
}


@pytest.mark.parametrize("path", [PREDICT, "/v1/models", "/metrics", "/nothing"])
@pytest.mark.parametrize("name", TOKENS)
def test_without_the_token_nothing_is_answered(strict: RunningService, name: str, path: str) -> None:
    answer = strict.ask("POST", path, BODY, {"Authorization": TOKENS[name]})
    assert (answer.status, answer.error["code"]) == (401, "token")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_with_the_token_requests_are_answered_and_the_state_of_health_without(strict: RunningService) -> None:
    assert strict.ask("POST", PREDICT, BODY, authorized()).status == 200
    assert strict.ask("GET", "/metrics", headers=authorized()).status == 200
    for path in ("/healthz", "/readyz", "/docs", "/openapi.json"):
        assert strict.ask("GET", path).status == 200


MALFORMED: dict[str, tuple[bytes, int, str]] = {
    "not JSON": (b"{", 400, "Invalid JSON: EOF while parsing an object at line 1 column 1"),
    "not UTF-8": (b'{"inputs": ["\xff"]}', 400, "Invalid JSON: invalid unicode code point"),
    "deep": (b'{"inputs": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "Invalid JSON: recursion limit exceeded"),
    "a long number": (b'{"inputs": [' + b"9" * 10_000 + b"]}", 400, "Invalid JSON: number out of range"),
    "a list": (b"[]", 422, "Input should be an object"),
    "nothing": (b"", 400, "Invalid JSON: EOF while parsing a value"),
    "no inputs": (b"{}", 422, "Field required"),
    "an empty list": (b'{"inputs": []}', 422, "List should have at least 1 item"),
    "numbers": (b'{"inputs": [1]}', 422, "Input should be a valid string"),
    "half of a pair": (b'{"inputs": ["\\ud800"]}', 400, "Invalid JSON: unexpected end of hex escape"),
    "another field": (b'{"inputs": ["a"], "model": "x"}', 422, "Extra inputs are not permitted"),
    "another option": (b'{"inputs": ["a"], "options": {"plot": "/tmp/x"}}', 422, "Extra inputs are not permitted"),
    "a wrong option": (b'{"inputs": ["a"], "options": {"threshold": ["2"]}}', 422, ""),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_bodies_are_refused_with_their_reason(service: RunningService, name: str) -> None:
    body, status, message = MALFORMED[name]
    answer = service.ask("POST", PREDICT, body)
    assert answer.status == status, answer.body
    assert message in answer.error["message"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/turn/predict", {"inputs": ["a"], "options": {"beam": 65}}, 422),
        ("/v1/turn/predict", {"inputs": ["a"], "options": {"beam": 1, "n_best": 2}}, 422),
        ("/v1/turn/predict", {"inputs": ["a" * 100_001]}, 422),
        ("/v1/sales/predict", {"inputs": ["/etc/passwd"]}, 422),
        ("/v1/sales/predict", {"inputs": [{"\ud800": [1]}]}, 400),
        ("/v1/tags/predict", {"inputs": [["a", "\ud800"]]}, 400),
        ("/v1/sales/predict", {"inputs": [{"a": ["\udfff"]}]}, 400),
        ("/v1/book/generate", {"prompt": "\ud800"}, 400),
        ("/v1/book/generate", {"max_tokens": 10**6}, 422),
        ("/v1/book/generate", {"temperature": -1}, 422),
        ("/v1/book/generate", b'{"temperature": NaN}', 422),
        ("/v1/book/streams", {"state": "no base64!"}, 422),
        ("/v1/book/streams", {"state": "AAAA"}, 409),
        ("/v1/book/streams", {"series": "A"}, 422),
        ("/v1/sales/streams", {"series": "A"}, 422),
        ("/v1/shops/streams", {"series": "A", "state": "AAAA"}, 422),
        ("/v1/turn/predict", {"inputs": ["a" * 20_000], "options": {"beam": 60}}, 422),
        ("/v1/heat/predict", {"inputs": ["a" * 2_000], "options": {"explain": True}}, 422),
        ("/v1/shops/streams", {}, 422),
        ("/v1/shops/streams", {"series": "Z"}, 422),
        ("/v1/book/streams/unknown", {"inputs": [1]}, 404),
        ("/v1/book/streams/..%2f..%2fetc", {"inputs": [1]}, 404),
        ("/v1/tags/streams", {}, 404),
        ("/v1/nothing/predict", {}, 404),
        ("/v1/book/predict", {}, 404),
    ],
)
def test_wrong_requests_have_the_right_status(service: RunningService, path: str, body: Any, status: int) -> None:
    answer = service.ask("POST", path, body)
    assert answer.status == status, answer.body
    assert answer.error["message"]


def test_wrong_inputs_of_a_stream_leave_it_as_it_is(service: RunningService) -> None:
    path = f"/v1/book/streams/{service.ask('POST', '/v1/book/streams', {}).json['stream']}"
    before = service.ask("GET", path).body
    for inputs in ([99], [-1], [1.5], ["a"], {"a": 1}):
        assert service.ask("POST", path, {"inputs": inputs}).status == 422
    assert service.ask("GET", path).body == before


@pytest.mark.parametrize("name", ["flow", "live-tags"])
def test_half_of_a_pair_is_no_token_of_a_stream(service: RunningService, name: str) -> None:
    path = f"/v1/{name}/streams/{service.ask('POST', f'/v1/{name}/streams', {}).json['stream']}"
    before = service.ask("GET", path).body
    assert service.ask("POST", path, {"inputs": ["a", "\ud800"]}).status == 400
    assert service.ask("GET", path).body == before


def test_a_length_of_thousands_of_digits_is_refused(service: RunningService) -> None:
    length = "0" * 5_000 + str(len(json.dumps(BODY)))
    assert service.ask("POST", PREDICT, BODY, {"Content-Length": length}).status == 413


def test_a_body_that_is_declared_too_large_is_not_read(strict: RunningService) -> None:
    with strict.connection() as connection:
        head = f"POST {PREDICT} HTTP/1.1\r\nHost: 127.0.0.1:{strict.port}\r\nAuthorization: Bearer {TOKEN}\r\n"
        connection.sendall(f"{head}Content-Length: 2001\r\n\r\n".encode())
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer


@pytest.mark.parametrize("headers", ["", "Content-Encoding: gzip\r\n"])
def test_a_client_that_sends_all_of_a_body_that_is_refused_gets_the_answer(
    service: RunningService, headers: str
) -> None:
    size = 8_000_000  # more than the buffers of the system
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\n{headers}Content-Length: {size}\r\n\r\n"
    with service.connection() as connection:
        connection.sendall(head.encode() + b"x" * size)
        assert received(connection)[:13] == (b"HTTP/1.1 415 " if headers else b"HTTP/1.1 413 ")


def test_a_body_in_chunks_is_refused_as_soon_as_it_is_too_large(strict: RunningService) -> None:
    with strict.connection() as connection:
        head = f"POST {PREDICT} HTTP/1.1\r\nHost: 127.0.0.1:{strict.port}\r\nAuthorization: Bearer {TOKEN}\r\n"
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        for _ in range(3):
            connection.sendall(b"3e8\r\n" + b"x" * 1_000 + b"\r\n")
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", None),  # silent
        (b"POST / HTTP/1.1\r\nHost: 127", None),  # in the middle of a header
        (b"HEAD", b"408"),  # in the middle of a body
    ],
)
def test_slow_requests_are_given_up(strict: RunningService, sent: bytes, status: bytes | None) -> None:
    start = time.monotonic()
    with strict.connection() as connection:
        if sent == b"HEAD":
            head = f"POST {PREDICT} HTTP/1.1\r\nHost: 127.0.0.1:{strict.port}\r\nAuthorization: Bearer {TOKEN}\r\n"
            connection.sendall(f"{head}Content-Length: 20\r\n\r\n{{".encode())
        else:
            connection.sendall(sent)
        answer = received(connection)
    assert 0.3 < time.monotonic() - start < 5.0
    assert answer[9:12] == (status or b"")


def test_the_second_request_of_a_connection_is_given_up_too(strict: RunningService) -> None:
    head = f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{strict.port}\r\n\r\n".encode()
    with strict.connection() as connection:
        connection.sendall(head)
        answer = b""
        while not answer.endswith(b'{"status":"ok"}'):
            answer += connection.recv(1_000)
        connection.sendall(head[:-3])
        start = time.monotonic()
        assert received(connection) == b""
    assert 0.3 < time.monotonic() - start < 0.9  # before the limit of an idle connection


NO_REQUESTS: dict[str, tuple[str, bytes]] = {
    "empty lines": ("", b"\r\n"),
    "the rest of a body that was refused": ("Authorization: none\r\nContent-Length: 1000\r\n", b"x"),
}


@pytest.mark.parametrize("name", NO_REQUESTS)
@pytest.mark.parametrize("times", [1, 60])
def test_what_comes_after_an_answer_does_not_keep_the_connection(strict: RunningService, name: str, times: int) -> None:
    headers, content = NO_REQUESTS[name]
    with strict.connection() as connection:
        connection.sendall(f"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1:{strict.port}\r\n{headers}\r\n".encode())
        assert connection.recv(1_000).startswith(b"HTTP/1.1 401 ")
        start = time.monotonic()
        connection.settimeout(0.05)
        is_open = True
        while is_open and time.monotonic() - start < 4.0:
            with contextlib.suppress(TimeoutError):
                try:
                    if times:
                        connection.sendall(content)
                        times -= 1
                    is_open = connection.recv(100) != b""
                except ConnectionError:
                    is_open = False
    assert not is_open
    assert time.monotonic() - start < 2.5


def test_bytes_one_by_one_do_not_extend_the_time_of_the_headers(strict: RunningService) -> None:
    start = time.monotonic()
    with strict.connection() as connection, contextlib.suppress(OSError):  # it is reset
        for _ in range(100):
            connection.sendall(b"G")
            time.sleep(0.05)
    assert time.monotonic() - start < 4.0


@pytest.mark.parametrize("size", [20_000, 300_000])
def test_headers_without_an_end_are_refused(service: RunningService, size: int) -> None:
    start = time.monotonic()
    with service.connection() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        with contextlib.suppress(OSError):
            for _ in range(size // 10_000):
                connection.sendall(b"x" * 10_000)
                time.sleep(0.01)
        assert received(connection)[:12] in (b"HTTP/1.1 400", b"")
    assert time.monotonic() - start < 4.0  # sooner than a slow request is given up


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("protocol", ["h2c", "websocket"])
def test_another_protocol_is_not_used_and_the_request_answered(
    service: RunningService, protocol: str, parts: int
) -> None:
    body = json.dumps(BODY).encode()
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nConnection: Upgrade, HTTP2-Settings\r\n"
    content = f"{head}Upgrade: {protocol}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with service.connection() as connection:
        connection.sendall(content + (body if parts == 1 else b""))
        if parts == 2:
            time.sleep(0.1)
            connection.sendall(body)
        connection.settimeout(10.0)
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")


def test_requests_one_after_another_are_answered_in_order(service: RunningService) -> None:
    one = f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\n\r\n"
    last = one.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").replace("healthz", "nothing")
    with service.connection() as connection:
        connection.sendall((one + one + last).encode())
        answer = received(connection)
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"200", b"404"]


def test_the_bodies_of_all_requests_together_are_limited(folders: dict[str, Path], tmp_path: Path) -> None:
    limits = Limits(body_bytes=2_000, bodies_bytes=3_000)
    with serving(tmp_path, [str(folders["heat"])], limits) as running:
        body = json.dumps({"inputs": ["abc"] * 200}).encode()[:-2].ljust(1_900)  # no JSON
        head = f"POST {PREDICT} HTTP/1.1\r\nHost: 127.0.0.1:{running.port}\r\nContent-Length: 1900\r\n\r\n".encode()
        with running.connection() as first, running.connection() as second:
            first.sendall(head + body[:-1])
            time.sleep(0.1)
            second.sendall(head + body)
            assert second.recv(100).startswith(b"HTTP/1.1 503 ")
            first.sendall(body[-1:])
            assert first.recv(100).startswith(b"HTTP/1.1 400 ")
        for _ in range(3):
            assert running.ask("POST", PREDICT, {"inputs": ["abc"] * 200}).status == 200


def test_a_client_that_reads_no_part_of_an_answer_is_given_up() -> None:
    async def never_read(message: Any) -> None:
        await asyncio.sleep(10.0)

    async def send() -> None:
        answer = gate_module._Answer({"type": "http"}, never_read, gate)
        await answer.send({"type": "http.response.start", "status": 200, "headers": []})

    limits = Limits(send_seconds=0.05)
    gate = gate_module.Gate(
        never_read,  # type: ignore[arg-type]
        models=(),
        hosts=None,
        token=None,
        limits=limits,
        telemetry=Telemetry(logs=False),
    )
    with pytest.raises(TimeoutError):
        asyncio.run(send())


def test_a_large_answer_that_nobody_reads_is_thrown_away(folders: dict[str, Path], tmp_path: Path) -> None:
    limits = Limits(send_seconds=0.4, idle_seconds=30.0)
    with serving(tmp_path, [str(folders["heat"])], limits, send_buffer=8_192) as running:
        body = json.dumps({"inputs": ["abcdef" * 100] * 500}).encode()
        head = f"POST {PREDICT} HTTP/1.1\r\nHost: 127.0.0.1:{running.port}\r\nContent-Type: application/json\r\n"
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            connection.connect(("127.0.0.1", running.port))
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            begin = connection.recv(1_000)
            assert begin.startswith(b"HTTP/1.1 200 ")
            length = int(begin.split(b"content-length: ")[1].split(b"\r\n")[0])
            time.sleep(1.2)
            assert len(received(connection)) < length - 100_000


def test_two_large_answers_that_nobody_reads_do_not_keep_the_connection(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    limits = Limits(send_seconds=0.4, idle_seconds=30.0)
    with serving(tmp_path, [str(folders["heat"])], limits, send_buffer=8_192) as running:
        path = "/static-offline-docs/swagger-ui-bundle.js"
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            connection.connect(("127.0.0.1", running.port))
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{running.port}\r\n\r\n".encode() * 2)
            server = running.worker._server
            assert server is not None
            deadline = time.monotonic() + 5.0
            time.sleep(0.2)
            assert server.server_state.connections
            while server.server_state.connections and time.monotonic() < deadline:
                time.sleep(0.05)
            assert not server.server_state.connections


def test_when_the_service_ends_new_requests_are_refused_and_connections_closed(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    with serving(tmp_path, [str(folders["heat"])]) as running:
        server = running.worker._server
        assert server is not None
        server._gate.is_ending, server._service.is_ready = True, False
        answer = running.ask("POST", PREDICT, BODY)
        assert (answer.status, answer.error["code"], answer.headers["connection"]) == (503, "ending", "close")
        assert answer.headers["retry-after"] == "1"
        assert running.ask("GET", "/readyz").status == 503
        assert running.ask("GET", "/healthz").status == 200


def test_an_answer_that_nobody_reads_is_given_up(strict: RunningService) -> None:
    body = json.dumps({"max_tokens": 5_000, "seed": 1}).encode()
    head = f"POST /v1/book/generate HTTP/1.1\r\nHost: 127.0.0.1:{strict.port}\r\nAuthorization: Bearer {TOKEN}\r\n"
    connections = []
    for _ in range(2):  # as many as may be in progress
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_024)
        connection.connect(("127.0.0.1", strict.port))
        connection.sendall(
            f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        )
        connections.append(connection)
    time.sleep(1.5)
    assert strict.ask("POST", PREDICT, BODY, authorized()).status == 200
    for connection in connections:
        connection.close()


def test_a_busy_service_says_when_to_try_again(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = Limits(waiting=3, request_seconds=5.0)
    with serving(tmp_path, [str(folders["heat"])], limits) as running:
        release = threading.Event()
        predictor = running.models["heat"].predictor
        predict = type(predictor).predict_proba

        def slow(self: Any, texts: Any) -> Any:
            release.wait(5.0)
            return predict(self, texts)

        monkeypatch.setattr(type(predictor), "predict_proba", slow)
        statuses: list[int] = []
        threads = [
            threading.Thread(target=lambda: statuses.append(running.ask("POST", PREDICT, BODY).status))
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        refused = running.ask("POST", PREDICT, BODY)
        assert (refused.status, refused.error["code"], refused.headers["retry-after"]) == (429, "busy", "1")
        line = b'elman_requests_total{endpoint="busy",model="",status="429"} 1.0'
        assert line in running.ask("GET", "/metrics").body.splitlines()
        assert running.ask("GET", "/healthz").status == 200
        for start in (f"HEAD {PREDICT} HTTP/1.1", f"GET {PREDICT} HTTP/1.0"):
            with running.connection() as connection:  # no body after HEAD; the connection is closed if the client asks
                connection.sendall(f"{start}\r\nHost: 127.0.0.1:{running.port}\r\nConnection: close\r\n\r\n".encode())
                sent = time.monotonic()
                head, _, content = received(connection).partition(b"\r\n\r\n")
                assert time.monotonic() - sent < 3.0
            assert (head[9:12], content == b"") == (b"429", start.startswith("HEAD"))
        release.set()
        for thread in threads:
            thread.join()
        assert statuses == [200, 200, 200]
        assert running.ask("POST", PREDICT, BODY).status == 200


def test_a_place_is_given_back_once_at_the_beginning_of_an_answer_or_at_its_end() -> None:
    places = gate_module._Places(2, 8)
    first, second = places.take(), places.take(until_end=True)
    with pytest.raises(gate_module.Refused, match="busy"):
        places.take()
    for _ in range(2):
        first.begin_answer()
        second.begin_answer()
    places.take()
    with pytest.raises(gate_module.Refused):
        places.take()
    for _ in range(2):
        second.give_back()
    places.take()
    with pytest.raises(gate_module.Refused):
        places.take()


def test_a_busy_model_leaves_places_for_another_one(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    with serving(tmp_path, [str(folders["heat"]), str(folders["tags"])], Limits(waiting=2)) as running:
        kind = type(running.models["heat"].predictor)
        predict = kind.predict_proba

        def slow(self: Any, texts: Any) -> Any:
            release.wait(5.0)
            return predict(self, texts)

        monkeypatch.setattr(kind, "predict_proba", slow)
        threads = [threading.Thread(target=running.ask, args=("POST", PREDICT, BODY)) for _ in range(2)]
        for thread in threads:
            thread.start()
        time.sleep(0.2)
        assert running.ask("POST", PREDICT, BODY).status == 429
        assert running.ask("POST", "/v1/tags/predict", {"inputs": ["Ann"]}).status == 200
        release.set()
        for thread in threads:
            thread.join()


def test_a_standing_queue_lowers_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    places = gate_module._Places(100, 8)
    taken: list[Any] = []

    def enter() -> bool:
        try:
            taken.append(places.take())
        except gate_module.Refused:
            return False
        return True

    assert all(enter() for _ in range(100))  # a burst
    assert not enter()
    for _ in range(50):
        taken.pop().give_back()
    now[0] = 0.05
    assert enter()  # not for long
    now[0] = 0.11
    assert not enter()  # for too long
    for _ in range(43):
        taken.pop().give_back()
    assert not enter()
    taken.pop().give_back()
    assert all(enter() for _ in range(50))  # the queue was gone: a burst again


def test_an_answer_that_takes_too_long_is_given_up(strict: RunningService, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = strict.models["heat"].predictor
    predict = type(predictor).predict_proba

    def slow(self: Any, texts: Any) -> Any:
        time.sleep(0.8)
        return predict(self, texts)

    monkeypatch.setattr(type(predictor), "predict_proba", slow)
    answer = strict.ask("POST", PREDICT, BODY, authorized())
    assert (answer.status, answer.error["code"], answer.headers["retry-after"]) == (503, "deadline", "1")
    monkeypatch.undo()
    time.sleep(0.5)
    assert strict.ask("POST", PREDICT, BODY, authorized()).status == 200


def received(connection: socket.socket) -> bytes:
    """Return all bytes until the connection is closed; b"" if it is reset."""
    parts = []
    try:
        while part := connection.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


@pytest.mark.parametrize("name", MODELS)
def test_a_body_full_of_errors_has_few_of_them(folders: dict[str, Path], tmp_path: Path, name: str) -> None:
    """Each error takes some hundred bytes, and a body may have as many as it has bytes."""
    model = ServedModel(name, folders[name])
    kinds: list[Any] = [GenerateRequest, OpenRequest]
    if model.spec.prediction is not None:
        kinds.append(request_type(model.spec, Limits()))
    if reads_streams(model):
        kinds.append(ModelStreams(model, Batches(1, lambda count: None), tmp_path, Limits()).request_type)
    wrong: list[Any] = [
        {str(n): n for n in range(20_000)},
        {"inputs": [{}] * 20_000},
        {"inputs": [[{}] * 20_000] * 9},
        {"inputs": [{"a": [{}] * 20_000}] * 9},
        {"inputs": [{str(n): [{}] for n in range(20_000)}]},
        {"inputs": ["a"], "options": {str(n): n for n in range(20_000)}},
    ]
    for kind in kinds:
        for body in wrong:
            with pytest.raises(ValidationError) as raised:
                kind.model_validate(body)
            assert raised.value.error_count() < 10


def test_errors_name_no_path_of_the_machine(service: RunningService, folders: dict[str, Path]) -> None:
    answer = service.ask("POST", "/v1/sales/predict", {"inputs": [{"a": [1.0], "b": [2.0], "c": ["x"]}]})
    assert b"error" in answer.body
    assert not re.search(rb"/(tmp|home|root|work)/", answer.body)
