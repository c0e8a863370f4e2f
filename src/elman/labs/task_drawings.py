"""Drawings of the labs of the chapter `tasks`: lines, texts with errors, states, inputs and outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from elman.figures.sequences import draw_states

from .figures import COLOURS
from .lab import Draw, Language, Text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = "os^D"
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


def accuracy_by_updates(steps: Any, lines: Sequence[tuple[Text, Any]], level: tuple[float, Text]) -> Draw:
    """Return the drawing of named accuracies over the updates, and of a level to compare them with."""

    def draw(figure: Figure, language: Language) -> None:
        axes = figure.subplots()
        draw_lines(axes, language, steps, lines, Text("updates", "更新次数"))
        axes.axhline(level[0], color="0.5", linewidth=1)
        axes.text(steps[-1], level[0] - 0.01, level[1].in_language(language), ha="right", va="top")
        axes.set_ylabel(
            Text("test accuracy, mean of the seeds", "测试集准确率，各随机种子的平均").in_language(language)
        )
        axes.set_ylim(0.4, 1.02)
        axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1.0, 0.15))

    return draw


def errors_by_lag_of_tasks(panels: Sequence[tuple[Text, Sequence[tuple[Text, Any]]]], delays: int) -> Draw:
    """Return the drawing of named errors by lag, one panel a task; a window of delays ends between two lags."""

    def draw(figure: Figure, language: Language) -> None:
        figure.set_size_inches(8.0, 3.6)
        for axes, (title, lines) in zip(figure.subplots(1, len(panels), sharey=True), panels, strict=True):
            lags = range(len(lines[0][1]))
            draw_lines(axes, language, lags, lines, Text("steps since the cue", "距提示的步数"))
            axes.axvline(delays - 0.5, color="0.5", linewidth=1)
            axes.text(delays - 0.3, 0.5, f"D = {delays}", color="0.3")
            axes.set(title=title.in_language(language), ylim=(-0.05, 1.25))
        figure.axes[0].set_ylabel(Text("squared error / variance", "均方误差 / 方差").in_language(language))
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)

    return draw


def perplexity_by_position(lines: Sequence[tuple[Text, Any]]) -> Draw:
    """Return the drawing of named perplexities by the position in a window; the last line leaps at the end."""

    def draw(figure: Figure, language: Language) -> None:
        axes = figure.subplots()
        positions = range(1, len(lines[0][1]) + 1)
        draw_lines(axes, language, positions, lines, Text("position in the window", "窗口里的位置"))
        name = Text("perplexity of x_(t+1)", "x_(t+1) 的困惑度").in_language(language)
        axes.set(yscale="log", ylim=(0.9, 20), ylabel=name)
        axes.set_yticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
        axes.minorticks_off()
        note = Text("the last position:\nnothing to copy", "最后一个位置：\n无可抄写").in_language(language)
        end, last = len(positions), lines[-1][1][-1]
        axes.annotate(note, (end, last), (0.65 * end, last * 1.15), arrowprops={"arrowstyle": "->"}, va="center")
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, frameon=False)

    return draw


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
        image = draw_states(below, states, words, language)
        figure.colorbar(image, ax=below, label=Text("h after the word", "读完该词后的 h").in_language(language))

    return draw


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
