"""Check a built site: every link has a target, every page its counterpart, and nothing is requested from outside.

    python docs/check_site.py [FOLDER]

Links from page to page are followed, with their anchors. What a browser loads with a page (scripts, styles, images,
fonts) has to lie in the folder. Links that a reader may click may lead outside; they are not requested.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

OUTSIDE = ("http:", "https:", "//", "ws:", "wss:", "ftp:")
CLICKED = {"a", "area", "form"}
NOT_LOADED = {"alternate", "author", "canonical", "index", "license", "next", "prev", "search"}  # kinds of <link>
LOADED = {"src", "srcset", "poster", "data", "href", "xlink:href", "background"}
STYLE_URL = re.compile(r"""url\(\s*['"]?([^'")]+)|@import\s+['"]([^'"]+)""")
SCRIPT_REQUEST = re.compile(
    r"""(?:fetch|import|importScripts|sendBeacon|Worker|EventSource|WebSocket)\(\s*["'`]((?:https?:|wss?:|//)[^"'`]+)"""
)


class Page(HTMLParser):
    """What a page has: the anchors, the links that a reader may click, and what a browser loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self._inside = ""
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value is not None}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        self.loaded += _style_urls(values.get("style", ""))
        self._inside = tag if tag in ("script", "style") else ""
        is_link = tag in CLICKED or (tag == "link" and set(values.get("rel", "").split()) <= NOT_LOADED)
        for name in LOADED & values.keys():
            for address in values[name].split(",") if name == "srcset" else [values[name]]:
                (self.links if is_link else self.loaded).append(address.split()[0] if address.strip() else "")

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            self.loaded += _style_urls(data)
        elif self._inside == "script":
            self.loaded += SCRIPT_REQUEST.findall(data)

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""


def problems_of(site: Path) -> list[str]:
    """Return what is wrong with a site, one line each."""
    site = site.resolve()
    pages = {path: Page(path) for path in sorted(site.rglob("*.html"))}
    if not pages:
        return [f"{site}: no pages; expected a built site"]
    problems = []
    for path, page in pages.items():
        name = path.relative_to(site)
        for address in page.loaded:
            problems += [f"{name}: {text}" for text in _problems_of_loaded(site, path, address)]
        for address in page.links:
            if not address.startswith((*OUTSIDE, "mailto:")):
                problems += [f"{name}: {text}" for text in _problems_of_link(site, path, address, pages)]
    problems += [f"{name}: {text}" for name, text in _problems_of_files(site)]
    problems += [f"{name}: not in {other}" for name, other in _without_counterpart(site, pages)]
    return problems


def _problems_of_loaded(site: Path, path: Path, address: str) -> Iterator[str]:
    if not address or address.startswith(("data:", "#")):
        return
    if address.startswith(OUTSIDE):
        yield f"loads {address}; expected a file of the site"
    elif not _target(path, address).is_file():
        yield f"loads {address}, which does not exist"
    elif not _target(path, address).is_relative_to(site):
        yield f"loads {address}, which is not in the folder of the site"


def _problems_of_link(site: Path, path: Path, address: str, pages: dict[Path, Page]) -> Iterator[str]:
    target = _target(path, address)
    anchor = unquote(urlsplit(address).fragment)
    if not target.is_file():
        yield f"link to {address}, which does not exist"
    elif not target.is_relative_to(site):
        yield f"link to {address}, which is not in the folder of the site"
    elif anchor and target in pages and anchor not in pages[target].anchors:
        yield f"link to {address}: the page has no such anchor"


def _target(path: Path, address: str) -> Path:
    """Return the file that an address on a page means."""
    relative = unquote(urlsplit(address).path)
    return (path.parent / relative).resolve() if relative else path


def _problems_of_files(site: Path) -> Iterator[tuple[Path, str]]:
    """Yield what style sheets and scripts load from outside, or from where nothing is."""
    for path in sorted(site.rglob("*.css")):
        for address in _style_urls(path.read_text("utf-8")):
            for text in _problems_of_loaded(site, path, address):
                yield path.relative_to(site), text
    for path in sorted(site.rglob("*.js")):
        for address in SCRIPT_REQUEST.findall(path.read_text("utf-8")):
            yield path.relative_to(site), f"requests {address}"


def _style_urls(text: str) -> list[str]:
    return [first or second for first, second in STYLE_URL.findall(text)]


def _without_counterpart(site: Path, pages: dict[Path, Page]) -> Iterator[tuple[Path, str]]:
    """Yield the pages that the other language lacks."""
    names = {
        code: {p.relative_to(site / code) for p in pages if p.is_relative_to(site / code)} for code in ("en", "zh")
    }
    for code, other in (("en", "zh"), ("zh", "en")):
        for name in sorted(names[code] - names[other]):
            yield Path(code) / name, other


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "_build" / "site")
    problems = problems_of(folder)
    print("\n".join(problems) or f"{folder}: every link has a target, and nothing is loaded from outside")
    sys.exit(bool(problems))
