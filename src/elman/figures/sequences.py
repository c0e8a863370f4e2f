"""Drawings over the steps of a sequence: states, gates, attention weights, gradient norms by lag, a beam search."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from elman.translations import Language, Text

from .style import COLOURS, SHARE_MAP, SIGNED_MAP, UNIT, Draw, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

Array = npt.NDArray[Any]

BEAM = Text("Beam search: prefixes and their log probabilities", "束搜索：前缀及其对数概率")
STEP, ATTENTION = Text("step", "时间步"), Text("Attention weights", "注意力权重")
MOST_TICKS = 60  # labels of steps along an axis
HORIZONTAL = 4  # characters of a label that is not turned in any case; longer ones if there is room
INCHES_PER_CHARACTER = 0.09  # of the labels of steps
INCHES_PER_STEP, WIDEST = 0.2, 13.0
PERCENTILES = 10, 90  # of the band of the units of a gate
LABELLED_POINTS = 60
MOST_MARKERS = 30  # points of a line that has markers; markers of more points hide its style
MOST_INSIDE = 4  # lines whose legend is inside the axes


def state_map(states: Array, tokens: Sequence[str], title: Text) -> Draw:
    """Return the drawing of states (T, H) as a heat map above the tokens: one row for each unit."""

    def draw(figure: Figure, language: Language) -> None:
        T, H = states.shape
        figure.set_size_inches(_width(T), min(8.0, max(2.6, 1.4 + 0.06 * H)))
        axes = figure.add_subplot()
        image = draw_states(axes, states, tokens, language)
        axes.set_title(title.in_language(language))
        figure.colorbar(image, ax=axes, pad=0.01)

    return draw


def draw_states(axes: Axes, states: Array, tokens: Sequence[str], language: Language) -> AxesImage:
    """Draw states (T, H) as a heat map above the tokens on axes, and return the image, for a colour bar."""
    limit = float(np.abs(states).max(initial=1e-6))
    image = axes.imshow(states.T, cmap=SIGNED_MAP, vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
    label_steps(axes, tokens)
    axes.set_ylabel(UNIT.in_language(language))
    return image


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


class Attention(NamedTuple):
    """Attention weights (target, source) of one network on one pair, and what they are."""

    title: Text
    weights: Array
    source: Sequence[str]
    target: Sequence[str]


def attention_map(weights: Array, source: Sequence[str], target: Sequence[str]) -> Draw:
    """Return the drawing of attention weights (target, source); dark is strong."""
    return attention_maps([Attention(ATTENTION, weights, source, target)])


def attention_maps(panels: Sequence[Attention]) -> Draw:
    """Return the drawing of several attention maps side by side, with one colour bar; dark is strong."""

    def draw(figure: Figure, language: Language) -> None:
        T, S = max(len(panel.target) for panel in panels), sum(len(panel.source) for panel in panels)
        column = 0.32 if len(panels) == 1 else 0.24  # inches
        figure.set_size_inches(min(WIDEST, 1.8 + 0.8 * len(panels) + column * S), min(12.0, 1.6 + 0.28 * T))
        all_axes = figure.subplots(1, len(panels), squeeze=False)[0]
        style: dict[str, Any] = {"aspect": "auto", "interpolation": "nearest"}
        for axes, panel in zip(all_axes, panels, strict=True):
            image = axes.imshow(panel.weights, cmap=SHARE_MAP, vmin=0.0, vmax=1.0, **style)
            label_steps(axes, panel.source)
            _label_ticks(axes, panel.target, vertical=True)
            axes.set_xlabel(Text("source", "源序列").in_language(language))
            axes.set_title(panel.title.in_language(language))
        all_axes[0].set_ylabel(Text("target", "目标序列").in_language(language))
        figure.colorbar(image, ax=all_axes.tolist(), pad=0.02)

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
            marker = "." if len(values) <= MOST_MARKERS else ""
            axes.plot(np.where(values > 0.0, values, np.nan), marker=marker, label=name.in_language(language))
        axes.set_yscale("log")
        axes.margins(x=0.02)
        _integer_ticks(axes)
        axes.set_xlabel(Text("lag k: steps before the loss", "时滞 k：损失之前的步数").in_language(language))
        axes.set_ylabel(
            Text(r"norm of $\partial L/\partial h_{t-k}$", r"$\partial L/\partial h_{t-k}$ 的范数").in_language(
                language
            )
        )
        axes.set_title(Text("Gradient norm by lag", "各时滞的梯度范数").in_language(language))
        axes.grid(visible=True, axis="y", color="0.9")
        if len(norms) <= MOST_INSIDE:
            axes.legend()
        else:
            figure.legend(loc="outside right center", frameon=False, fontsize=8)

    return draw


def beam_tree(
    nodes: Sequence[Mapping[str, Any]], title: Text = BEAM, format_number: Callable[[float], str] = "{:.1f}".format
) -> Draw:
    """Return the drawing of the prefixes of a beam search; the best hypothesis is emphasized.

    Prefixes of one parent are together, likely ones on top. A node has depth, token, parent (the
    number of a node, or None), log_probability and best. Below a token is its log probability, by format_number.
    """
    places = [(int(node["depth"]), -row) for node, row in zip(nodes, _rows(nodes), strict=True)]
    depths = 1 + max((depth for depth, _ in places), default=0)
    widest = 1 - min((y for _, y in places), default=0)

    def draw(figure: Figure, language: Language) -> None:
        figure.set_size_inches(min(WIDEST, 1.6 + 0.75 * depths), min(9.0, 1.4 + 0.62 * widest))
        axes = figure.add_subplot()
        for node, (x, y) in zip(nodes, places, strict=True):
            best = bool(node["best"])
            if node["parent"] is not None:
                start = places[int(node["parent"])]
                colour, width = ("black", 2.0) if best else ("0.7", 0.8)
                axes.plot((start[0], x), (start[1], y), linestyle="-", zorder=1, color=colour, linewidth=width)
            box = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": "black" if best else "0.6"}
            label = f"{visible(node['token'])}\n{format_number(node['log_probability'])}"
            weight = "bold" if best else "normal"
            axes.text(x, y, label, ha="center", va="center", fontsize=7, fontweight=weight, bbox=box, zorder=2)
        axes.set_xlim(-0.6, depths - 0.4)
        axes.set_ylim(-widest + 0.4, 0.6)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        _integer_ticks(axes)
        axes.set_xlabel(Text("tokens of the prefix", "前缀的词元数").in_language(language))
        axes.set_title(title.in_language(language))

    return draw


def _rows(nodes: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the row of each node of a tree, 0 at the top, so that no lines to the parents cross."""
    rows: dict[Any, int] = {}
    for depth in sorted({node["depth"] for node in nodes}):
        order = {
            number: (rows.get(node["parent"], 0), -node["log_probability"])
            for number, node in enumerate(nodes)
            if node["depth"] == depth
        }
        rows |= {number: row for row, number in enumerate(sorted(order, key=order.__getitem__))}
    return [rows[number] for number in range(len(nodes))]


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
    figure = axes.get_figure(root=True)
    width = figure.get_size_inches()[0] if figure else 0.0
    room = axes.get_position().width * width * every / max(1, len(names)) / INCHES_PER_CHARACTER
    rotation = 0 if max(map(len, names), default=0) <= max(HORIZONTAL, room) else 90
    axes.set_xticks(ticks, [names[i] for i in ticks], rotation=rotation, fontsize=8)


def _integer_ticks(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))


def _width(steps: int) -> float:
    """Return the width in inches of a figure with so many steps."""
    return min(WIDEST, max(5.0, 1.6 + INCHES_PER_STEP * steps))
