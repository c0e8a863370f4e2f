"""Pictures as numbers: the lines of a chart (web/panels/line_chart.ts), the colours of a heat map (heat_map.ts)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from elman.cells.activations import Array


def lines(page: Any, figure: str) -> list[list[list[tuple[float, float]]]]:
    """Return for every line of the figure that a selector names its pieces, each with its points in pixels."""
    paths = page.locator(figure).evaluate("(e) => [...e.querySelectorAll('path')].map((p) => p.getAttribute('d'))")
    number = r"(-?[\d.]+)"
    pieces = [[piece for piece in path.split("M") if piece] for path in paths]
    return [
        [[(float(x), float(y)) for x, y in re.findall(f"{number},{number}", piece)] for piece in path]
        for path in pieces
    ]


def assert_line(points_shown: Sequence[tuple[float, float]], steps: Sequence[float], values: Sequence[float]) -> None:
    """Compare a line with numbers: its points are an affine function of them, ascending to the right and to the top."""
    assert len(points_shown) == len(steps)
    for shown, expected, sign in zip(np.transpose(points_shown), (steps, values), (1, -1), strict=True):
        if len(set(expected)) == 1:
            assert len(set(shown)) == 1
            continue
        slope, offset = np.polyfit(expected, shown, 1)
        assert slope * sign > 0
        np.testing.assert_allclose(slope * np.array(expected) + offset, shown, atol=0.01)


def assert_lines(
    shown: Sequence[Sequence[Sequence[tuple[float, float]]]], series: Sequence[tuple[Sequence[float], Sequence[float]]]
) -> None:
    """Compare the lines of one chart, which have no gaps, with numbers: all have the same axes."""
    assert [len(pieces) for pieces in shown] == [1] * len(series)
    assert [len(pieces[0]) for pieces in shown] == [len(steps) for steps, _ in series]
    points = [point for pieces in shown for point in pieces[0]]
    assert_line(points, [x for steps, _ in series for x in steps], [y for _, values in series for y in values])


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
