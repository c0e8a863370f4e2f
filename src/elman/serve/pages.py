"""The pages that the studio serves, each with a content security policy: it runs its own script and nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from starlette.responses import HTMLResponse, Response

import elman

WEB = Path(elman.__file__).parent / "web"
SELF, NONE, INLINE = "'self'", "'none'", "'unsafe-inline'"
POLICY = {
    "default-src": (NONE,),
    "style-src": (INLINE,),
    "img-src": ("data:", "blob:"),
    "base-uri": (NONE,),
    "form-action": (NONE,),
}
STUDIO_POLICY = {"connect-src": (SELF,), "frame-src": (SELF,), "frame-ancestors": (NONE,)}
TRACE_POLICY = {"frame-ancestors": (SELF,)}
_SCRIPT = re.compile(r"<script [^>]*module[^>]*>(.*?)</script>", re.DOTALL)


def studio_page() -> Response:
    """Return the page of the studio, which asks nobody but the studio."""
    return _page("studio.html", STUDIO_POLICY)


def trace_page() -> Response:
    """Return the page that shows a trace; the page of the studio frames it, and sends it the trace."""
    return _page("trace.html", TRACE_POLICY)


def _page(name: str, policy: Mapping[str, tuple[str, ...]]) -> Response:
    content = (WEB / name).read_text("utf-8")
    hashes = [
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in _SCRIPT.findall(content)
    ]
    directives: dict[str, tuple[str, ...]] = {
        **POLICY,
        **policy,
        "script-src": tuple(f"'sha256-{digest}'" for digest in hashes),
    }
    value = "; ".join(" ".join((directive, *sources)) for directive, sources in directives.items())
    return HTMLResponse(content, headers={"Content-Security-Policy": value})
