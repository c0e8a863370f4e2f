"""Pages in Chromium: a web server of our own, and what a page must never do."""

from __future__ import annotations

import functools
import http.server
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from elman.cells.activations import Array

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


def pixels(page: Any, selector: str, rows: int, columns: int) -> Any:
    """Return the colours (rows, columns, 3) of a heat map."""
    data = page.evaluate(
        """async ([selector, rows, columns]) => {
            const image = new Image();
            image.src = document.querySelector(selector + " image").getAttribute("href");
            await image.decode();
            const canvas = Object.assign(document.createElement("canvas"), { width: columns, height: rows });
            const context = canvas.getContext("2d");
            context.drawImage(image, 0, 0);
            return [image.width, image.height, [...context.getImageData(0, 0, columns, rows).data]];
        }""",
        [selector, rows, columns],
    )
    assert data[:2] == [columns, rows]
    return np.array(data[2]).reshape(rows, columns, 4)[..., :3]


def heat_map_shares(page: Any, selector: str, rows: int, columns: int) -> Array:
    """Return the values from 0 to 1 (rows, columns) that the colours of a heat map show on a light page, to 1/244."""
    none, all_of_it = 0xFF, 0x0B  # the reds of the colours of 0 and of 1
    return np.asarray((none - pixels(page, selector, rows, columns)[..., 0]) / (none - all_of_it))
