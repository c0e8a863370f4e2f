"""Drawings over the steps of a sequence: states, units on text, gates, attention, norms by lag, a beam search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from elman.translations import Language, Text

from .style import COLOURS, SHARE_MAP, SIGNED_MAP, Draw, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]

STEP, UNIT = Text("step", "时间步"), Text("unit", "单元")
MOST_TICKS = 60  # labels of steps along an axis
HORIZONTAL = 4  # characters of the longest label that is not turned
INCHES_PER_STEP, WIDEST = 0.2, 13.0
PERCENTILES = 10, 90  # of the band of the units of a gate
LABELLED_POINTS = 60
MIN_COLUMNS, LINE_COLUMNS = 24, 72  # of text in a drawing of tokens


def state_map(states: Array, tokens: Sequence[str], title: Text) -> Draw:
    """Return the drawing of states (T, H) as a heat map under the tokens: one row for each unit."""

    def draw(figure: Figure, language: Language) -> None:
        T, H = states.shape
        figure.set_size_inches(_width(T), min(8.0, max(2.6, 1.4 + 0.06 * H)))
        axes = figure.add_subplot()
        limit = float(np.abs(states).max(initial=1e-6))
        image = axes.imshow(states.T, cmap=SIGNED_MAP, vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
        label_steps(axes, tokens)
        axes.set_ylabel(UNIT.in_language(language))
        axes.set_title(title.in_language(language))
        figure.colorbar(image, ax=axes, pad=0.01)

    return draw


def units_on_text(states: Array, tokens: Sequence[str], units: Sequence[int], title: Text) -> Draw:
    """Return the drawing of the tokens, for each of some units of states (T, H) coloured by its value."""
    lines = _wrapped([visible(token) for token in tokens])

    def draw(figure: Figure, language: Language) -> None:
        from matplotlib import colormaps
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        chosen = states[:, list(units)]
        limit = float(np.abs(chosen).max(initial=1e-6))
        norm, colour_map = Normalize(-limit, limit), colormaps[SIGNED_MAP]
        columns = max(line[-1][2] + line[-1][3] for line in lines)
        figure.set_size_inches(1.4 + 0.115 * max(MIN_COLUMNS, columns), 0.9 + len(units) * (0.35 + 0.27 * len(lines)))
        panels = figure.subplots(len(units), squeeze=False)[:, 0]
        for panel, unit in zip(panels, units, strict=True):
            _draw_tokens(panel, lines, [colour_map(norm(value)) for value in states[:, unit]])
            panel.set_title(f"{UNIT.in_language(language)} {unit}", loc="left", fontsize=9)
        figure.suptitle(title.in_language(language), fontsize=11)
        figure.colorbar(ScalarMappable(norm, colour_map), ax=panels.tolist(), pad=0.01, aspect=30)

    return draw


def gates_over_time(gates: Mapping[str, Array], tokens: Sequence[str], title: Text) -> Draw:
    """Return the drawing of gates (T, H) over the steps: the mean of the units and the band of most of them."""
    band = Text(
        f"{PERCENTILES[0]} % to {PERCENTILES[1]} % of the units", f"{PERCENTILES[0]}% 至 {PERCENTILES[1]}% 的单元"
    )

    def draw(figure: Figure, language: Language) -> None:
        steps = np.arange(len(tokens))
        figure.set_size_inches(_width(len(tokens)), 0.9 + 1.25 * len(gates))
        panels = figure.subplots(len(gates), sharex=True, squeeze=False)[:, 0]
        for panel, (name, values) in zip(panels, gates.items(), strict=True):
            low, high = np.percentile(values, PERCENTILES, axis=1)
            panel.fill_between(
                steps, low, high, color=COLOURS[0], alpha=0.25, linewidth=0, label=band.in_language(language)
            )
            mean = Text("mean", "平均值").in_language(language)
            panel.plot(steps, values.mean(1), color=COLOURS[0], linestyle="-", marker=".", label=mean)
            lowest = -1.05 if values.min(initial=0.0) < 0.0 else -0.05
            if values.max(initial=0.0) <= 1.0 and values.min(initial=0.0) >= -1.0:
                panel.set_ylim(lowest, 1.05)
            panel.set_ylabel(name, rotation=0, ha="right", va="center")
        panels[0].legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize=8, frameon=False)
        label_steps(panels[-1], tokens)
        figure.suptitle(title.in_language(language), fontsize=11)

    return draw


def attention_map(weights: Array, source: Sequence[str], target: Sequence[str]) -> Draw:
    """Return the drawing of attention weights (target, source); dark is strong."""

    def draw(figure: Figure, language: Language) -> None:
        T, S = weights.shape
        figure.set_size_inches(min(WIDEST, 2.6 + 0.32 * S), min(12.0, 1.6 + 0.28 * T))
        axes = figure.add_subplot()
        image = axes.imshow(weights, cmap=SHARE_MAP, vmin=0.0, vmax=1.0, aspect="auto", interpolation="nearest")
        label_steps(axes, source)
        _label_ticks(axes, target, vertical=True)
        axes.set_xlabel(Text("source", "源序列").in_language(language))
        axes.set_ylabel(Text("target", "目标序列").in_language(language))
        axes.set_title(Text("Attention weights", "注意力权重").in_language(language))
        figure.colorbar(image, ax=axes, pad=0.02)

    return draw


def principal_components(states: Array, tokens: Sequence[str], title: Text) -> Draw:
    """Return the drawing of states (T, H) in the plane of their two principal components, joined in time."""
    centred = states - states.mean(0)
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    directions = np.concatenate([directions, np.zeros((2, states.shape[1]))])[:2]
    points = centred @ directions.T
    shares = np.append(sizes**2, [0.0, 0.0]) / max(float((sizes**2).sum()), 1e-12)

    def draw(figure: Figure, language: Language) -> None:
        figure.set_size_inches(6.8, 5.2)
        axes = figure.add_subplot()
        axes.plot(*points.T, color="0.75", linewidth=0.8, linestyle="-", zorder=1)
        time = axes.scatter(points[:, 0], points[:, 1], c=np.arange(len(points)), cmap=SIGNED_MAP, s=22, zorder=2)
        for point, token in list(zip(points, tokens, strict=True))[:LABELLED_POINTS]:
            axes.annotate(visible(token), tuple(point), xytext=(3, 3), textcoords="offset points", fontsize=8)
        component = Text("principal component", "主成分").in_language(language)
        axes.set_xlabel(f"{component} 1 ({100 * shares[0]:.0f} %)")
        axes.set_ylabel(f"{component} 2 ({100 * shares[1]:.0f} %)")
        axes.set_title(title.in_language(language))
        figure.colorbar(time, ax=axes, pad=0.01, label=STEP.in_language(language))

    return draw


def norms_by_lag(norms: Mapping[Text, Array]) -> Draw:
    """Return the drawing of gradient norms (lags,) by layer, on a logarithmic axis; zeros are left out."""

    def draw(figure: Figure, language: Language) -> None:
        axes = figure.add_subplot()
        for name, values in norms.items():
            axes.plot(np.where(values > 0.0, values, np.nan), marker=".", label=name.in_language(language))
        axes.set_yscale("log")
        _integer_ticks(axes)
        axes.set_xlabel(Text("lag k: steps before the loss", "时滞 k：损失之前的步数").in_language(language))
        axes.set_ylabel(
            Text(r"norm of $\partial L/\partial h_{t-k}$", r"$\partial L/\partial h_{t-k}$ 的范数").in_language(
                language
            )
        )
        axes.set_title(Text("Gradient norm by lag", "各时滞的梯度范数").in_language(language))
        axes.grid(visible=True, axis="y", color="0.9")
        axes.legend()

    return draw


def beam_tree(nodes: Sequence[Mapping[str, Any]]) -> Draw:
    """Return the drawing of the prefixes of a beam search, likely ones on top; the best hypothesis is emphasized.

    A node has depth, token, parent (the number of a node, or None), log_probability and best.
    """
    ranks: dict[int, int] = {}
    places = []
    for node in nodes:
        depth = int(node["depth"])
        ranks[depth] = ranks.get(depth, -1) + 1
        places.append((depth, -ranks[depth]))

    def draw(figure: Figure, language: Language) -> None:
        depths, widest = max(ranks, default=0) + 1, max(ranks.values(), default=0) + 1
        figure.set_size_inches(min(WIDEST, 1.6 + 0.75 * depths), min(9.0, 1.4 + 0.62 * widest))
        axes = figure.add_subplot()
        for node, (x, y) in zip(nodes, places, strict=True):
            best = bool(node["best"])
            if node["parent"] is not None:
                start = places[int(node["parent"])]
                colour, width = ("black", 2.0) if best else ("0.7", 0.8)
                axes.plot((start[0], x), (start[1], y), linestyle="-", zorder=1, color=colour, linewidth=width)
            box = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": "black" if best else "0.6"}
            label = f"{visible(node['token'])}\n{node['log_probability']:.1f}"
            weight = "bold" if best else "normal"
            axes.text(x, y, label, ha="center", va="center", fontsize=7, fontweight=weight, bbox=box, zorder=2)
        axes.set_xlim(-0.6, depths - 0.4)
        axes.set_ylim(-widest + 0.4, 0.6)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        _integer_ticks(axes)
        axes.set_xlabel(Text("tokens of the prefix", "前缀的词元数").in_language(language))
        title = Text("Beam search: prefixes and their log probabilities", "束搜索：前缀及其对数概率")
        axes.set_title(title.in_language(language))

    return draw


def label_steps(axes: Axes, tokens: Sequence[str]) -> None:
    """Label the steps along the horizontal axis with their tokens, or with some of them if there are many."""
    _label_ticks(axes, tokens, vertical=False)


def _label_ticks(axes: Axes, tokens: Sequence[str], *, vertical: bool) -> None:
    names = [visible(token) for token in tokens]
    most = MOST_TICKS if max(map(len, names), default=0) < 8 else MOST_TICKS // 3
    every = max(1, -(-len(names) // most))
    ticks = list(range(0, len(names), every))
    if vertical:
        axes.set_yticks(ticks, [names[i] for i in ticks], fontsize=8)
        return
    rotation = 0 if max(map(len, names), default=0) <= HORIZONTAL else 90
    axes.set_xticks(ticks, [names[i] for i in ticks], rotation=rotation, fontsize=8)


def _integer_ticks(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _width(steps: int) -> float:
    """Return the width in inches of a figure with so many steps."""
    return min(WIDEST, max(5.0, 1.6 + INCHES_PER_STEP * steps))


def _wrapped(tokens: Sequence[str]) -> list[list[tuple[int, str, float, float]]]:
    """Return lines of (number, token, left edge, width), each at most LINE_COLUMNS wide."""
    lines: list[list[tuple[int, str, float, float]]] = [[]]
    column = 0.0
    for number, token in enumerate(tokens):
        width = 0.7 + sum(2.0 if ord(character) > 0x2E80 else 1.0 for character in token.replace("\\", ""))
        if column + width > LINE_COLUMNS and lines[-1]:
            lines.append([])
            column = 0.0
        lines[-1].append((number, token, column, width))
        column += width
    return lines


def _draw_tokens(axes: Axes, lines: Sequence[Sequence[tuple[int, str, float, float]]], colours: Sequence[Any]) -> None:
    from matplotlib.patches import Rectangle

    # Tokens lie inside the axes. To leave them out of the layout saves most of its time: it measures every text.
    for row, line in enumerate(lines):
        for number, token, left, width in line:
            colour = colours[number]
            axes.add_patch(
                Rectangle((left, -row - 0.9), width, 0.9, facecolor=colour, edgecolor="none", in_layout=False)
            )
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
    axes.set_xlim(0, max(MIN_COLUMNS, *(line[-1][2] + line[-1][3] for line in lines)))
    axes.set_ylim(-len(lines), 0)
    axes.set_axis_off()
