"""elman studio: runs and models in the browser, on this machine."""

from __future__ import annotations

import os
import sys
import tempfile
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import print_json, say, show
from .options import Json, Quiet

if TYPE_CHECKING:
    from elman.serve.server import Address

RUNS = Path("runs")


def studio(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FOLDER]...",
            help="Run folders, model folders, and folders that hold them or data files.  [default: runs]",
            show_default=False,
        ),
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, metavar="N", help="Port.  [default: the first free one from 8870]")
    ] = None,
    browser: Annotated[
        bool | None,
        typer.Option(
            "--browser/--no-browser",
            help="Open the page in a browser.  [default: yes, on a terminal]",
            show_default=False,
        ),
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Open a page in the browser: look inside models, watch, start and compare trainings."""
    from elman.serve.server import serve_studio

    if folders is None and not RUNS.exists():
        RUNS.mkdir()

    def announce(address: Address) -> None:
        if as_json:
            print_json({"url": address.url, "port": address.port})
            sys.stdout.flush()
        else:
            print(address.url, flush=True)
        if not quiet:
            show("Open this address in a browser on this machine. Ctrl-C ends the studio.")
        if _opens_browser(browser):
            link.write(f'<script>location.replace("{address.url}")</script>')
            link.flush()
            webbrowser.open(Path(link.name).as_uri())

    # The browser is given a file that only this user can read: the arguments of a process can be read by everybody.
    with tempfile.NamedTemporaryFile("w", prefix="elman-studio-", suffix=".html", encoding="utf-8") as link:
        serve_studio(folders or [RUNS], port, announce, say)


def _opens_browser(browser: bool | None) -> bool:
    """Return whether the page is opened: on a terminal of a screen, if the option is not given."""
    if browser is not None:
        return browser
    has_screen = sys.platform in ("darwin", "win32") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    return has_screen and sys.stdout.isatty()
