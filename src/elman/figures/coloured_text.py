"""Drawings of texts whose tokens are coloured: by the values of units, or by attention weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from elman.translations import Language, Text, display_width

from .style import SHARE_MAP, SIGNED_MAP, UNIT, Draw, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]
Lines = Sequence[Sequence[tuple[int, str, float, float]]]  # of (number, token, left edge, width)

MIN_COLUMNS, LINE_COLUMNS = 24, 72  # of text


def units_on_text(states: Array, tokens: Sequence[str], units: Sequence[int], title: Text) -> Draw:
    """Return the drawing of the tokens, for each of some units of states (T, H) coloured by its value."""
    rows = [(Text(f"{UNIT.en} {unit}", f"{UNIT.zh} {unit}"), states[:, unit]) for unit in units]
    return signed_values_on_text(rows, tokens, title)


def signed_values_on_text(rows: Sequence[tuple[Text, Array]], tokens: Sequence[str], title: Text) -> Draw:
    """Return the drawing of the tokens, for each of some named rows of values (T,) coloured by them."""
    lines = _wrapped([visible(token) for token in tokens])

    def draw(figure: Figure, language: Language) -> None:
        from matplotlib import colormaps
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        limit = max(1e-6, *(float(np.abs(values).max(initial=0.0)) for _, values in rows))
        norm, colour_map = Normalize(-limit, limit), colormaps[SIGNED_MAP]
        columns = _columns(lines)
        figure.set_size_inches(1.4 + 0.115 * columns, 0.9 + len(rows) * (0.35 + 0.27 * len(lines)))
        panels = figure.subplots(len(rows), squeeze=False)[:, 0]
        for panel, (name, values) in zip(panels, rows, strict=True):
            _draw_tokens(panel, lines, [colour_map(norm(value)) for value in values], columns)
            panel.set_title(name.in_language(language), loc="left", fontsize=9)
        figure.suptitle(title.in_language(language), fontsize=11)
        figure.colorbar(ScalarMappable(norm, colour_map), ax=panels.tolist(), pad=0.01, aspect=30)

    return draw


def weights_on_text(texts: Sequence[tuple[Text, Sequence[str], Array]], title: Text) -> Draw:
    """Return the drawing of texts, each a name, tokens and weights (T,): the tokens, coloured by their weights."""
    wrapped = [_wrapped([visible(token) for token in tokens]) for _, tokens, _ in texts]

    def draw(figure: Figure, language: Language) -> None:
        from matplotlib import colormaps
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        norm = Normalize(0.0, max(float(np.max(weights)) for _, _, weights in texts))
        heights = [0.3 + 0.27 * len(lines) for lines in wrapped]
        columns = max(_columns(lines) for lines in wrapped)
        figure.set_size_inches(1.4 + 0.115 * columns, 0.8 + sum(heights))
        panels = figure.subplots(len(texts), squeeze=False, height_ratios=heights)[:, 0]
        for panel, lines, (name, _, weights) in zip(panels, wrapped, texts, strict=True):
            _draw_tokens(panel, lines, [colormaps[SHARE_MAP](norm(weight)) for weight in weights], columns)
            panel.set_title(name.in_language(language), loc="left", fontsize=9)
        figure.suptitle(title.in_language(language), fontsize=11)
        bar = figure.colorbar(ScalarMappable(norm, SHARE_MAP), ax=panels.tolist(), pad=0.01, aspect=15)
        bar.ax.locator_params(nbins=3)

    return draw


def _wrapped(tokens: Sequence[str]) -> Lines:
    """Return the tokens in lines of at most LINE_COLUMNS."""
    lines: list[list[tuple[int, str, float, float]]] = [[]]
    column = 0.0
    for number, token in enumerate(tokens):
        width = 1.0 + 0.66 * display_width(token.replace("\\", ""))
        if column + width > LINE_COLUMNS and lines[-1]:
            lines.append([])
            column = 0.0
        lines[-1].append((number, token, column, width))
        column += width
    return lines


def _columns(lines: Lines) -> float:
    """Return the width of the lines."""
    return max(MIN_COLUMNS, *(line[-1][2] + line[-1][3] for line in lines))


def _draw_tokens(axes: Axes, lines: Lines, colours: Sequence[Any], columns: float) -> None:
    from matplotlib.patches import Rectangle

    # Tokens lie inside the axes. To leave them out of the layout saves most of its time: it measures every text.
    for row, line in enumerate(lines):
        for number, token, left, width in line:
            colour = colours[number]
            corner = left, -row - 0.9
            axes.add_patch(Rectangle(corner, width, 0.9, facecolor=colour, edgecolor="none", in_layout=False))
            dark = 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2] < 0.5
            axes.text(
                left + width / 2,
                -row - 0.45,
                token,
                ha="center",
                va="center",
                fontsize=9,
                color="white" if dark else "black",
                in_layout=False,
            )
    axes.set_xlim(0, columns)
    axes.set_ylim(-len(lines), 0)
    axes.set_axis_off()
