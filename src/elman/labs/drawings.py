"""Drawings that several labs share: an unrolled network whose nodes show their numbers, and an attention matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .figures import COLOURS
from .lab import Draw, Language, Text, format_value

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Numbers = Sequence[Sequence[float]]  # of each step and unit

LAYERS = {"x": Text("input", "输入"), "h": Text("hidden state", "隐状态"), "y": Text("output", "输出")}  # upwards
FILLS = {"x": COLOURS[5], "h": COLOURS[4], "y": COLOURS[2]}
GREY, RECURRENT = "0.6", COLOURS[1]
RADIUS, UNIT_DISTANCE, LAYER_DISTANCE, STEP_GAP = 0.46, 1.05, 2.0, 1.2
SHRINK = 15.0  # points between an arrow and the centre of its node
DIGITS, DIGIT_SIZE = 6, 6


def unrolled_network(x: Numbers, h: Numbers, y: Numbers) -> Draw:
    """Return the drawing of a recurrent network over T steps; x, h and y hold the numbers of each step.

    Arrows are the weights W (from the inputs), U (from the states of the step before) and V (to the outputs).
    """

    def draw(figure: Figure, language: Language) -> None:
        network = _Unrolled(figure.add_subplot(), {"x": x, "h": h, "y": y})
        for t in range(len(x)):
            network.draw_step(t)
        network.label(language)

    return draw


def draw_attention(axes: Axes, weights: Any, source: Sequence[str], target: Sequence[str], language: Language) -> Any:
    """Draw attention weights (target tokens, source tokens) as a matrix in grey, and return the image."""
    image = axes.imshow(weights, cmap="Greys", vmin=0.0, vmax=1.0)
    axes.set_xticks(range(len(source)), source)
    axes.set_yticks(range(len(target)), target)
    axes.set_xlabel(Text("source", "源序列").in_language(language))
    axes.set_ylabel(Text("target", "目标序列").in_language(language))
    return image


def add_attention_scale(figure: Figure, image: Any, language: Language) -> None:
    """Add the scale of the weights of draw_attention's image to the right of all axes."""
    label = Text("attention weight", "注意力权重").in_language(language)
    figure.colorbar(image, ax=figure.axes, shrink=0.6, label=label)


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
                text = format_value(float(value), DIGITS)
                self.axes.text(*centre, text, ha="center", va="center", fontsize=DIGIT_SIZE, zorder=3)
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
