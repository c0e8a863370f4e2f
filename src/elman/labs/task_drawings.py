"""Drawings of the labs of the chapter `tasks`: lines, texts with errors, shaded words, states, inputs and outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .figures import COLOURS
from .lab import Draw, Language, Text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = "os^D"
LINE_LENGTH = 70  # characters of a monospaced font of 10 points
WHITE_INK = 0.3  # weight from which a word is written in white
BOX = 0.66


class Step(NamedTuple):
    """What is read and written at a step; `own` inputs are earlier outputs of the network."""

    input: str
    output: str
    own: bool = False


def draw_lines(axes: Axes, language: Language, x: Any, lines: Sequence[tuple[Text, Any]], x_name: Text) -> None:
    """Draw named lines over x, each with a marker and a line style of its own."""
    for marker, (name, y) in zip(MARKERS, lines, strict=False):
        axes.plot(x, y, marker=marker, markersize=4, label=name.in_language(language))
    axes.set_xlabel(x_name.in_language(language))


def texts_with_errors(truth: str, texts: Sequence[tuple[Text, str]]) -> Draw:
    """Return the drawing of a text and versions of it, letter below letter; wrong letters are bold and shaded."""

    def draw(figure: Figure, language: Language) -> None:
        from matplotlib.patches import Rectangle

        figure.set_size_inches(9.0, 1.9)
        axes = figure.subplots()
        for row, (name, text) in enumerate([(Text("text", "原文"), truth), *texts]):
            axes.text(-1.0, row, name.in_language(language), ha="right", va="center")
            for column, (letter, right) in enumerate(zip(text, truth, strict=True)):
                wrong = letter != right
                if wrong:
                    axes.add_patch(Rectangle((column - 0.5, row - 0.35), 1.0, 0.7, color=COLOURS[4], alpha=0.6, lw=0))
                shown = "␣" if letter == " " and wrong else letter
                axes.text(column, row, shown, ha="center", va="center", weight="bold" if wrong else "normal")
        note = Text("shaded: wrong", "阴影：填错").in_language(language)
        axes.text(len(truth) - 0.5, len(texts) + 0.8, note, ha="right", va="center", fontsize=8)
        axes.set(xlim=(-7, len(truth)), ylim=(len(texts) + 1.1, -0.7))
        axes.set_axis_off()

    return draw


def states_under_words(words: Sequence[str], p: Any, states: Any) -> Draw:
    """Return the drawing of P(positive) (seeds, T) after each word, and below it of the states (T, H) of seed 0."""

    def draw(figure: Figure, language: Language) -> None:
        above, below = figure.subplots(2, sharex=True, height_ratios=(1, 2))
        others = Text("other seeds", "其他随机种子").in_language(language)
        for k, row in enumerate(p[1:]):
            above.plot(row, "-", color="0.75", linewidth=1, label="" if k else others)
        above.plot(p[0], "o-", label=Text("seed 0", "随机种子 0").in_language(language))
        above.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, frameon=False)
        above.set_ylim(-0.05, 1.05)
        above.set_ylabel(Text("P(positive)", "P(正面)").in_language(language))
        image = below.imshow(states.T, aspect="auto", cmap="RdBu_r", vmin=-1, vmax=1)
        below.set_ylabel(Text("hidden unit", "隐藏单元").in_language(language))
        below.set_xticks(range(len(words)), words, rotation=30)
        figure.colorbar(image, ax=below, label=Text("h after the word", "读完该词后的 h").in_language(language))

    return draw


def shaded_words(texts: Sequence[tuple[Text, Sequence[str], Sequence[float]]]) -> Draw:
    """Return the drawing of titles, words and weights: each word on a box, the darker the larger its weight."""

    def draw(figure: Figure, language: Language) -> None:
        for axes, (title, words, weights) in zip(figure.subplots(len(texts), 1), texts, strict=True):
            axes.set_title(title.in_language(language), loc="left", fontsize=10)
            lines = _draw_words(axes, words, weights)
            axes.set(xlim=(0, LINE_LENGTH), ylim=(-lines, 0.7))
            axes.set_axis_off()
        note = Text("the darker, the more attention", "颜色越深，注意力越大").in_language(language)
        figure.supxlabel(note, fontsize=8)

    return draw


def _draw_words(axes: Axes, words: Sequence[str], weights: Sequence[float]) -> int:
    """Draw the words in lines, and return the number of lines."""
    from matplotlib.colors import to_rgb

    colour = np.array(to_rgb(COLOURS[0]))
    x, line = 0, 0
    for word, weight in zip(words, weights, strict=True):
        if x + len(word) > LINE_LENGTH:
            x, line = 0, line + 1
        shade = tuple(1.0 - (1.0 - colour) * min(1.0, 2.0 * weight))
        box = {"facecolor": shade, "edgecolor": "none", "boxstyle": "round,pad=0.2"}
        ink = "white" if weight > WHITE_INK else "black"
        axes.text(x, -line, word, family="DejaVu Sans Mono", fontsize=10, color=ink, bbox=box)
        x += len(word) + 1
    return line + 1


def input_output_patterns(patterns: Sequence[tuple[Text, Sequence[Step]]]) -> Draw:
    """Return the drawing of titles and steps: below the inputs, in the middle the hidden states, above the outputs."""

    def draw(figure: Figure, language: Language) -> None:
        figure.set_size_inches(9.5, 2.6)
        widths = [max(len(steps), 2) + 0.6 for _, steps in patterns]
        all_axes = figure.subplots(1, len(patterns), width_ratios=widths)
        for axes, (title, steps), width in zip(all_axes, patterns, widths, strict=True):
            for t, step in enumerate(steps):
                _draw_step(axes, t, step)
            axes.set(xlim=(-0.8, width - 0.8), ylim=(-0.5, 2.5), aspect="equal")
            axes.set_title(title.in_language(language), fontsize=8)
            axes.set_axis_off()
        note = Text(
            "below: inputs (dotted: its own previous output)    middle: hidden states    above: outputs",
            "下：输入（虚线框是自己的上一个输出）　中：隐状态　上：输出",
        )
        figure.supxlabel(note.in_language(language), fontsize=8)

    return draw


def _draw_step(axes: Axes, t: int, step: Step) -> None:
    _draw_box(axes, t, 0, step.input, "white" if step.own else COLOURS[5], dotted=step.own)
    _draw_box(axes, t, 1, "", COLOURS[4])
    _draw_arrow(axes, (t, 0.32), (t, 0.68))
    if step.output:
        _draw_box(axes, t, 2, step.output, COLOURS[2])
        _draw_arrow(axes, (t, 1.32), (t, 1.68))
    if t:
        _draw_arrow(axes, (t - 0.65, 1), (t - 0.35, 1))


def _draw_box(axes: Axes, t: int, height: int, text: str, colour: str, *, dotted: bool = False) -> None:
    from matplotlib.patches import Rectangle

    style: dict[str, Any] = {"facecolor": colour, "edgecolor": "black", "linestyle": ":" if dotted else "-"}
    axes.add_patch(Rectangle((t - BOX / 2, height - 0.3), BOX, 0.6, **style))
    axes.text(t, height, text, ha="center", va="center")


def _draw_arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    from matplotlib.patches import FancyArrowPatch

    axes.add_patch(FancyArrowPatch(start, end, arrowstyle="->", mutation_scale=8, shrinkA=0, shrinkB=0))
