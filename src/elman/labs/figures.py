"""The figures of labs, in the style of all figures of elman: PNG and SVG files, or the cells of a notebook."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from elman.figures.style import COLOURS as COLOURS
from elman.figures.style import FORMATS, available_language, drawn, figure_style, write_figure
from elman.figures.style import LINE_STYLES as LINE_STYLES

from .lab import Draw, Language


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
    """Show a figure below the cell of a notebook; without IPython, only draw it."""
    drawn_language = available_language(language, lambda message: None)
    with figure_style(drawn_language):
        figure = drawn(draw, drawn_language)
        try:
            from IPython.display import display
        except ModuleNotFoundError:
            figure.canvas.draw()
        else:
            display(figure)
