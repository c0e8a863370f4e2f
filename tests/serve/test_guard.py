"""Who may ask the studio: its own page, with the token. Everything else is refused before it is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from elman.serve import guard

from .studios import TOKEN, RunningStudio, running


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    folder = tmp_path_factory.mktemp("runs")
    with running([folder]) as studio:
        yield studio


PATHS = ["/", "/trace.html", "/api/options", "/api/events", "/nothing", "/docs", "/openapi.json"]
HOSTILE: dict[str, tuple[dict[str, str | None], int]] = {
    "another host": ({"Host": "elman.example.com"}, 403),
    "another port": ({"Host": "127.0.0.1:1"}, 403),
    "no host": ({"Host": None}, 403),
    "address of the network": ({"Host": "192.168.0.7:8870"}, 403),
    "page of another site": ({"Origin": "http://evil.example"}, 403),
    "page of another port": ({"Origin": "http://127.0.0.1:1"}, 403),
    "page from a disk": ({"Origin": "null"}, 403),
    "encrypted page": ({"Origin": "https://127.0.0.1"}, 403),
    "request of another site": ({"Sec-Fetch-Site": "cross-site"}, 403),
    "request of another port": ({"Sec-Fetch-Site": "same-site"}, 403),
    "no token": ({"X-Elman-Token": None}, 401),
    "wrong token": ({"X-Elman-Token": "another"}, 401),
    "part of the token": ({"X-Elman-Token": TOKEN[:-1]}, 401),
    "token and more": ({"X-Elman-Token": TOKEN + "x"}, 401),
    "empty token": ({"X-Elman-Token": ""}, 401),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_request_is_refused(studio: RunningStudio, name: str, path: str) -> None:
    headers, status = HOSTILE[name]
    answer = studio.ask("GET", path, headers=headers)
    assert answer.status == status
    assert b"script" not in answer.body
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("name", [name for name in HOSTILE if name != "no host"])  # which is no HTTP
def test_a_hostile_request_changes_nothing(studio: RunningStudio, name: str) -> None:
    folder = str(studio.studio.folders.paths[0])
    headers = HOSTILE[name][0]
    for path in (f"/api/files?folder={folder}&name=evil.txt", "/api/trainings", "/api/stop", "/api/resume"):
        assert studio.ask("POST", path, b"{}", headers=headers).status in (400, 401, 403)
    assert list(Path(folder).iterdir()) == []


def test_port_80_is_left_out_of_the_host() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None: ...

    for port, host, refusal in [
        (80, "127.0.0.1", None),
        (80, "localhost:80", None),
        (80, "evil.example", "host"),
        (8870, "127.0.0.1", "host"),
    ]:
        scope = {"path": "/", "method": "GET", "query_string": b"token=x", "headers": [(b"host", host.encode())]}
        assert guard.Guard(app, token="x", port=port)._refusal(scope) == refusal


def test_a_preflight_request_is_refused(studio: RunningStudio) -> None:
    headers = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST", "X-Elman-Token": None}
    answer = studio.ask("OPTIONS", "/api/trace", headers=headers)
    assert answer.status == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_the_token_may_stand_in_the_address(studio: RunningStudio) -> None:
    assert studio.ask("GET", f"/api/options?token={TOKEN}", headers={"X-Elman-Token": None}).status == 200
    assert studio.ask("GET", "/api/options?token=wrong", headers={"X-Elman-Token": None}).status == 401
    assert studio.ask("GET", "/api/options?token=%FF", headers={"X-Elman-Token": None}).status == 401


def test_a_refusal_says_what_to_do_in_the_language_of_the_browser(studio: RunningStudio) -> None:
    answer = studio.ask("GET", "/", headers={"X-Elman-Token": None})
    assert answer.body.decode() == (
        "The token is missing or wrong. Open the address that `elman studio` printed, with its token.\n"
    )
    chinese = studio.ask("GET", "/", headers={"X-Elman-Token": None, "Accept-Language": "zh-CN,zh;q=0.9"})
    assert chinese.body.decode() == "令牌缺失或不正确。请打开 `elman studio` 输出的地址，其中带有令牌。\n"


def test_the_pages_may_ask_nobody_else_and_are_framed_by_nobody_else(studio: RunningStudio) -> None:
    page = studio.ask("GET", f"/?token={TOKEN}", headers={"X-Elman-Token": None})
    assert page.status == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline' 'sha" not in policy
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["cross-origin-resource-policy"] == "same-origin"
    assert "frame-ancestors 'self'" in studio.ask("GET", "/trace.html").headers["content-security-policy"]


def test_a_body_may_not_be_too_large(studio: RunningStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MAX_BODY", 1000)
    monkeypatch.setattr(guard, "MAX_UPLOAD", 2000)
    folder = studio.studio.folders.paths[0]
    upload = f"/api/files?folder={folder}&name=big.txt"
    assert studio.ask("POST", "/api/trace", b"x" * 1001).status == 413
    assert studio.ask("POST", upload, b"x" * 2001).status == 413
    assert studio.ask("POST", "/api/trace", headers={"Content-Length": "-1"}).status in (400, 413)
    chunked = {"Content-Length": None, "Transfer-Encoding": "chunked"}
    body = b"".join(b"3e8\r\n" + b"x" * 1000 + b"\r\n" for _ in range(4)) + b"0\r\n\r\n"
    assert studio.ask("POST", "/api/trace", body, headers=chunked).json["text"] == "The body is too large."
    assert studio.ask("POST", upload, body, headers=chunked).status == 413
    assert list(folder.iterdir()) == []  # nothing of it stays


def test_a_link_opens_the_page_and_nothing_else(studio: RunningStudio) -> None:
    headers: dict[str, str | None] = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    opened = {**headers, "Sec-Fetch-Dest": "document", "X-Elman-Token": None}
    assert studio.ask("GET", f"/?token={TOKEN}", headers=opened).status == 200
    assert studio.ask("GET", "/?token=wrong", headers=opened).status == 401
    assert studio.ask("GET", f"/api/options?token={TOKEN}", headers=opened).status == 403
    assert studio.ask("GET", f"/?token={TOKEN}", headers={**headers, "Sec-Fetch-Dest": "iframe"}).status == 403
