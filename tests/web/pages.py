"""Pages in Chromium: a web server of our own, and what a page must never do."""

from __future__ import annotations

import functools
import http.server
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .exchange import MODULES, ROOT, serving

AXE = ROOT / "web/node_modules/axe-core/axe.min.js"


class _Server(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Write nothing."""


@contextmanager
def site() -> Iterator[str]:
    """Yield the address of the folder that is shipped."""
    with serving(functools.partial(_Server, directory=str(MODULES))) as address:
        yield address


@contextmanager
def visit(browser: Any, address: str, *, script: str = "", **options: Any) -> Iterator[Any]:
    """Yield a page; afterwards it must have asked nobody else for anything, and have nothing on its console.

    script: what runs before the scripts of the page.
    """
    context = browser.new_context(**options)
    context.add_init_script(script)
    page = context.new_page()
    requests: list[str] = []
    messages: list[str] = []
    context.on("request", lambda request: requests.append(request.url))
    context.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    try:
        page.goto(address)
        yield page
    finally:
        context.close()
    home = address.split("#")[0].rsplit("/", 1)[0]
    assert requests
    assert [url for url in requests if not url.startswith((home, "data:", "blob:"))] == []
    assert messages == []


def accessibility_problems(page: Any) -> list[str]:
    """Return what axe-core finds serious or critical on a page."""
    page.evaluate(Path(AXE).read_text("utf-8"))
    result = page.evaluate("axe.run()")
    return [
        f"{violation['id']}: {node['html']}"
        for violation in result["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
