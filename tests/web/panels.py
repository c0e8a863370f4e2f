"""Panels that are tested without a page of the project: a page of the tests has them (web/tests/panels.ts)."""

from __future__ import annotations

import http.server
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .exchange import SCRIPTS, serving
from .pages import visit

PAGE = """<!doctype html>
<html lang="en">
  <meta charset="utf-8" />
  <meta name="viewport" content="width=device-width, initial-scale=1" />
  <title>panels</title>
  <link rel="icon" href="data:," />
  <link rel="stylesheet" href="panels.css" />
  <main></main>
  <script type="module" src="panels.js"></script>
</html>
"""


class _Files(http.server.SimpleHTTPRequestHandler):
    """The page, and its script and style, which `node build.mjs` has built."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments, directory=str(SCRIPTS))

    def do_GET(self) -> None:
        if self.path != "/panels.html":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE.encode())

    def log_message(self, *_: object) -> None:
        """Write nothing."""


@contextmanager
def panel_page(browser: Any, **options: Any) -> Iterator[Any]:
    """Yield a page with the panels, on which `window.panels` shows data."""
    with serving(_Files) as address, visit(browser, f"{address}/panels.html", **options) as page:
        page.wait_for_function("window.panels !== undefined")
        yield page
