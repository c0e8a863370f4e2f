"""The figures of labs, in the style of all figures of elman: PNG and SVG files, or the cells of a notebook."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from elman.figures.style import COLOURS as COLOURS
from elman.figures.style import FORMATS, available_language, png_image, write_figure
from elman.figures.style import LINE_STYLES as LINE_STYLES

from .lab import Draw, Language

NOTEBOOK_WIDTH = 640  # pixels on the screen; the image has more of them


def figure_writer(folder: Path, lab: str, language: Language, notify: Callable[[str], None]) -> Any:
    """Return a function that draws a figure of a lab and writes it to a folder, as LAB-NAME.png and LAB-NAME.svg.

    Without a Chinese font, figures have English labels, and notify is told.
    """
    drawn_language = available_language(language, notify)

    def write(name: str, draw: Draw) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"{lab}-{name}.{suffix}" for suffix in FORMATS]
        write_figure(paths, draw, drawn_language)
        notify(str(paths[0]))

    return write


def show_figure(draw: Draw, language: Language) -> None:
    """Show a figure below the cell of a notebook; outside of IPython, only draw it."""
    image = png_image(draw, available_language(language, lambda message: None))
    if _is_in_ipython():
        from IPython.display import Image, display

        display(Image(image, width=NOTEBOOK_WIDTH))  # a Figure would need matplotlib.pyplot to be imported


def _is_in_ipython() -> bool:
    """Return whether IPython runs this process: to be installed is not enough."""
    try:
        from IPython import get_ipython
    except ModuleNotFoundError:
        return False
    return get_ipython() is not None
