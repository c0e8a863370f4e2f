"""Write the numbers of the pages of theory: outputs of snippets, and tables of hand-derived gradients.

    make docs-pages

The pages are executed as for the site (website/executed.py). A gradient that differs from finite differences is an
error. A test compares the pages with what is computed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))

from website.contents import LANGUAGES  # noqa: E402
from website.executed import FOLDER, update_page  # noqa: E402


def pages() -> Iterator[tuple[Path, str]]:
    """Yield the path and the text of each page."""
    for language in LANGUAGES:
        for path in sorted((DOCS / language / FOLDER).glob("*.md")):
            yield path, update_page(path.read_text("utf-8"), path.relative_to(DOCS.parent).as_posix(), language)


if __name__ == "__main__":
    for path, text in pages():
        path.write_text(text, encoding="utf-8")
