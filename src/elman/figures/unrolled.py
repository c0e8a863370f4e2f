"""The drawing of a small recurrent network, unrolled over its steps: nodes show the numbers, arrows are the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from elman.translations import Language, Text

from .style import COLOURS, Draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Numbers = Sequence[Sequence[float]]  # of each step and unit

LAYERS = {"x": Text("input", "输入"), "h": Text("hidden state", "隐状态"), "y": Text("output", "输出")}  # upwards
FILLS = {"x": COLOURS[5], "h": COLOURS[4], "y": COLOURS[2]}
GREY, RECURRENT = "0.6", COLOURS[1]
RADIUS, UNIT_DISTANCE, LAYER_DISTANCE, STEP_GAP = 0.46, 1.05, 2.0, 1.2
SHRINK = 15.0  # points between an arrow and the centre of its node
DIGITS, SHORT, SIZES = 6, 4, (10, 6)  # of a number, of a short one, and the sizes of letters for short and long ones


def unrolled_network(x: Numbers, h: Numbers, y: Numbers) -> Draw:
    """Return the drawing of a recurrent network over T steps; x, h and y hold the numbers of each step.

    Arrows are the weights W (from the inputs), U (from the states of the step before) and V (to the outputs).
    """

    def draw(figure: Figure, language: Language) -> None:
        draw_unrolled(figure.add_subplot(), x, h, y, language)

    return draw


def draw_unrolled(axes: Axes, x: Numbers, h: Numbers, y: Numbers, language: Language) -> None:
    """Draw a recurrent network over T steps on axes."""
    network = _Unrolled(axes, {"x": x, "h": h, "y": y})
    for t in range(len(x)):
        network.draw_step(t)
    network.label(language)


@dataclass(frozen=True, slots=True)
class _Unrolled:
    """The nodes of a network on axes. Layers are rows, and steps are groups of columns."""

    axes: Axes
    numbers: dict[str, Numbers]

    @property
    def period(self) -> float:
        """The distance between two steps."""
        return STEP_GAP + UNIT_DISTANCE * max(len(values[0]) for values in self.numbers.values())

    def height(self, layer: str) -> float:
        return LAYER_DISTANCE * list(LAYERS).index(layer)

    def centre(self, layer: str, t: int, unit: int) -> tuple[float, float]:
        middle = (len(self.numbers[layer][t]) - 1) / 2
        return t * self.period + UNIT_DISTANCE * (unit - middle), self.height(layer)

    def draw_step(self, t: int) -> None:
        """Draw the nodes of a step, and the arrows to them."""
        from matplotlib.patches import Circle

        for layer, values in self.numbers.items():
            for unit, value in enumerate(values[t]):
                centre = self.centre(layer, t, unit)
                self.axes.add_patch(Circle(centre, RADIUS, facecolor=FILLS[layer], edgecolor="black", zorder=2))
                text = f"{value:.{DIGITS}g}"
                self.axes.text(*centre, text, ha="center", va="center", fontsize=SIZES[len(text) > SHORT], zorder=3)
        self._connect("x", t, "h", t)
        self._connect("h", t, "y", t)
        if t:
            self._connect("h", t - 1, "h", t)
        self.axes.text(t * self.period, -2.0 * RADIUS, f"t = {t + 1}", ha="center")

    def _connect(self, below: str, t_below: int, above: str, t: int) -> None:
        from matplotlib.patches import FancyArrowPatch

        curve, colour = ("arc3,rad=-0.3", RECURRENT) if below == above else ("arc3", GREY)
        for i in range(len(self.numbers[below][t_below])):
            for j in range(len(self.numbers[above][t])):
                ends = self.centre(below, t_below, i), self.centre(above, t, j)
                arrow = FancyArrowPatch(*ends, arrowstyle="->", connectionstyle=curve, color=colour, zorder=1)
                arrow.set_mutation_scale(8)
                arrow.shrinkA = arrow.shrinkB = SHRINK
                self.axes.add_patch(arrow)

    def label(self, language: Language) -> None:
        """Name the layers and the weights, and set the limits of the axes."""
        left = -0.55 * self.period
        for layer, name in LAYERS.items():
            text = f"{name.in_language(language)} {layer}"
            self.axes.text(left, self.height(layer), text, ha="right", va="center")
        for weights, layer in (("W", "x"), ("V", "h")):
            height = self.height(layer) + LAYER_DISTANCE / 2
            self.axes.text(left, height, weights, ha="right", va="center", color="0.4")
        height = self.height("h") + LAYER_DISTANCE / 2
        self.axes.text(self.period / 2, height, "U", ha="center", va="center", color=RECURRENT)
        self.axes.set_axis_off()
        self.axes.set_aspect("equal")
        steps = len(self.numbers["x"])
        self.axes.set_xlim(-1.35 * self.period, (steps - 0.45) * self.period)
        self.axes.set_ylim(-1.2, self.height("y") + 0.6)
