"""Requests to the kernels in a JavaScript engine, and their answers: JSON with arrays as base64 of their bytes.

web/tests/answers.ts computes the answers, in Node.js and in Chromium. `make test-web` bundles it into web/build.
"""

from __future__ import annotations

import base64
import functools
import http.server
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "web/build"
MODULES = ROOT / "src/elman/web"
PAGE = '<!doctype html><html lang="en"><title>kernels</title><script type="module" src="browser.js"></script></html>'
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_OPTIONS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]


class Engine(Protocol):
    """A JavaScript engine that answers requests."""

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer, in which arrays are NumPy's."""


def module_name(dtype: Any) -> str:
    """Return the file of the kernels of a precision."""
    return f"kernels-{np.dtype(dtype).name}.wasm"


def encoded(value: Any) -> Any:
    """Return a value with every array in its JSON form."""
    if isinstance(value, np.ndarray):
        array = np.ascontiguousarray(value)
        data = base64.b64encode(array.tobytes()).decode()
        return {"dtype": array.dtype.name, "shape": list(array.shape), "data": data}
    if isinstance(value, Mapping):
        return {name: encoded(item) for name, item in value.items()}
    return value


def decoded(value: Any) -> Any:
    """Return a value with arrays in place of their JSON form."""
    if isinstance(value, dict) and value.keys() == {"dtype", "shape", "data"}:
        return np.frombuffer(base64.b64decode(value["data"]), value["dtype"]).reshape(value["shape"])
    if isinstance(value, dict):
        return {name: decoded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [decoded(item) for item in value]
    return value


def _result(answer: dict[str, Any]) -> dict[str, Any]:
    if "error" in answer:
        raise AssertionError(answer["error"])
    result: dict[str, Any] = decoded(answer)
    return result


class Node:
    """Node.js as a child process."""

    def __init__(self) -> None:
        if not (SCRIPTS / "node.mjs").exists():
            raise FileNotFoundError("web/build has no test programs; run `make web-tests`")
        command = ["node", str(SCRIPTS / "node.mjs"), str(MODULES)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer, in which arrays are NumPy's."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(encoded(request)) + "\n")
        self._process.stdin.flush()
        return _result(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


class Browser:
    """A page in Chromium."""

    def __init__(self, page: Any) -> None:
        self._page = page

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer, in which arrays are NumPy's."""
        return _result(self._page.evaluate("request => window.answer(request)", encoded(request)))


@contextmanager
def node() -> Iterator[Node]:
    """Yield Node.js."""
    engine = Node()
    try:
        yield engine
    finally:
        engine.close()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield a page in a Chromium of its own that has the test scripts and the modules."""
    with open_browser() as browser, page_in(browser) as page:
        yield page


@contextmanager
def page_in(browser: Any) -> Iterator[Browser]:
    """Yield a page in Chromium that has the test scripts and the modules."""
    with serving(_Files) as address:
        page = browser.new_page()
        page.goto(f"{address}/kernels.html")
        page.wait_for_function("window.answer !== undefined")
        yield Browser(page)
        page.close()


@contextmanager
def open_browser() -> Iterator[Any]:
    """Yield Chromium, as playwright drives it."""
    from playwright.sync_api import sync_playwright  # only here: not everybody who runs these tests has a browser

    executable = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if executable is None:
        raise FileNotFoundError("no Chromium is found; install it (Debian and Ubuntu: apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_OPTIONS)
        try:
            yield browser
        finally:
            browser.close()


class _Files(http.server.SimpleHTTPRequestHandler):
    """The page, its script and the modules, as one folder."""

    def do_GET(self) -> None:
        name = self.path.lstrip("/")
        path = (SCRIPTS if name.endswith(".js") else MODULES) / name
        content = PAGE.encode() if name == "kernels.html" else path.read_bytes() if path.is_file() else None
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(name))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Write nothing."""


@contextmanager
def serving(handler: Any) -> Iterator[str]:
    """Yield the address of a web server on this machine."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=functools.partial(server.serve_forever, poll_interval=0.05))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
