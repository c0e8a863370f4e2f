"""A page that is shipped in web/, with data in it, as one HTML file. It needs no server, and no other file.

The page has an empty element <script type="application/json" id="NAME">, which takes the JSON.
"""

from __future__ import annotations

from pathlib import Path

import elman
from elman.checkpoint.durable_files import replace_file

PAGES = Path(elman.__file__).parent / "web"


def write_data_page(name: str, data: str, path: str | Path) -> None:
    """Write the page NAME.html with JSON in its element NAME, replacing an existing file."""
    replace_file(Path(path), data_page(name, data))


def data_page(name: str, data: str) -> bytes:
    """Return the page NAME.html with JSON in its element NAME.

    Nothing in the JSON ends the script; a lone surrogate is escaped, as JSON can.
    """
    content = data.replace("<", "\\u003c").encode("utf-8", "backslashreplace")
    start, end = b'<script type="application/json" id="%s">' % name.encode(), b"</script>"
    before, after = (PAGES / f"{name}.html").read_bytes().split(start + end)
    return b"".join((before, start, content, end, after))
