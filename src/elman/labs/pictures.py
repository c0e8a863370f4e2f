"""Drawings of labs, apart from them so that a lab can be read in a few minutes. Each function returns a drawing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from elman.cells.activations import Array

from .figures import COLOURS
from .lab import Draw, Language, Text, format_value

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def unrolled_derivatives(steps: Sequence[dict[str, Any]]) -> Draw:
    """Return the unrolled network of bptt: values go up and to the right, derivatives down and to the left."""
    blue, orange = COLOURS[:2]

    def draw(figure: Figure, language: Language) -> None:
        ax = figure.subplots()
        ax.set(xlim=(-0.3, 7.6), ylim=(-0.6, 5.7))
        ax.axis("off")

        def arrow(start: tuple[float, float], end: tuple[float, float], colour: str, label: str = "") -> None:
            style = {"arrowstyle": "->", "color": colour, "linestyle": "-" if colour == blue else "--"}
            ax.annotate("", end, start, arrowprops=style)
            ax.text(max(start[0], end[0]) + 0.06, (start[1] + end[1]) / 2, label, color=colour, fontsize=8, va="center")

        for t, values in enumerate(steps, start=1):
            x = 2.8 * (t - 1) + 0.4
            for row, name in enumerate("xhy"):
                text = f"${name}_{t}$\n" + format_value(values[name], 3).replace(", ", "\n")
                ax.text(x, 2.4 * row, text, ha="center", va="center", fontsize=8, bbox={"boxstyle": "round", "fc": "w"})
            for bottom, name in ((0.6, "a"), (3.0, "y")):
                label = f"$dL/d{name}_{t}$\n" + format_value(values[f"d_{name}"], 3).replace(", ", "\n")
                arrow((x - 0.2, bottom), (x - 0.2, bottom + 1.2), blue)
                arrow((x + 0.2, bottom + 1.2), (x + 0.2, bottom), orange, label)
            if t > 1:
                arrow((x - 2.3, 2.6), (x - 0.5, 2.6), blue)
                arrow((x - 0.5, 2.2), (x - 2.3, 2.2), orange)
                label = f"$U^T dL/du_{t}$\n" + format_value(values["d_h_prev"], 3).replace(", ", "\n")
                ax.text(x - 1.4, 2.1, label, color=orange, fontsize=8, ha="center", va="top")
        solid, dashed = Text("solid: forward", "实线：前向传播"), Text("dashed: backward", "虚线：反向传播")
        ax.text(0.0, 5.6, solid.in_language(language), color=blue)
        ax.text(2.8, 5.6, dashed.in_language(language), color=orange)

    return draw


def losses_by_update(losses: dict[Text, Array]) -> Draw:
    """Return the losses (seeds, updates), the mean of 10 updates: the median and the middle half of the seeds."""

    def draw(figure: Figure, language: Language) -> None:
        ax = figure.subplots()
        for label, values in losses.items():
            blocks = values.reshape(len(values), -1, 10).mean(axis=2)
            updates = 10 * np.arange(blocks.shape[1]) + 5
            low, median, high = np.quantile(blocks, [0.25, 0.5, 0.75], axis=0)
            (line,) = ax.plot(updates, median, label=label.in_language(language))
            ax.fill_between(updates, low, high, color=line.get_color(), alpha=0.15, lw=0)
        ax.set(ylim=(0, None))
        ax.set_xlabel(Text("updates", "更新次数").in_language(language))
        ax.set_ylabel(
            Text("loss (median and middle half of the seeds)", "损失（各种子的中位数与中间一半）").in_language(language)
        )
        ax.legend(frameon=False)

    return draw


def norms_of_products(norms: dict[str, Array]) -> Draw:
    """Return the norms (2, seeds, steps) by the number of steps: of the gradient, and of its direct part."""
    titles = (Text("gradient over k steps", "k 步的梯度"), Text("its direct part", "其中的直接部分"))

    def draw(figure: Figure, language: Language) -> None:
        for part, (ax, title) in enumerate(zip(figure.subplots(1, 2, sharey=True), titles, strict=True)):
            for name, values in norms.items():
                label = mathematical_name(name) if part == 0 else None
                ax.plot(np.arange(1, values.shape[-1] + 1), geometric_mean(values[part]), label=label)
            ax.set(yscale="log", title=title.in_language(language))
            ax.set_xlabel(Text("k (steps)", "k（时间步）").in_language(language))
        figure.axes[0].set_ylabel(Text("largest singular value", "最大奇异值").in_language(language))
        figure.legend(loc="outside lower center", ncols=min(len(norms), 4), frameon=False)

    return draw


def carry_unit(
    x: Array, answers: Array, carries: Array, values: Array, threshold: float, unit: int, *, inverted: bool
) -> Draw:
    """Return the values (T,) of the unit that holds the carry, over the digits x (T, 2) and answers (T,) of a sum."""

    def draw(figure: Figure, language: Language) -> None:
        steps, axes = np.arange(len(x)), figure.subplots()
        label = Text("carry after the digit", "读完这一位后的进位").in_language(language)
        axes.bar(steps, carries.astype(float), width=1.0, color="0.85", label=label)
        label = (
            Text(f"1 - h, hidden unit {unit}", f"1 - h，隐藏单元 {unit}")
            if inverted
            else Text(f"hidden unit {unit}", f"隐藏单元 {unit}")
        ).in_language(language)
        axes.plot(steps, values, "o-", label=label)
        axes.axhline(threshold, color="black", linestyle=":", label=Text("threshold", "阈值").in_language(language))
        columns = [f"{a:.0f}\n{b:.0f}\n{digit:.0f}" for (a, b), digit in zip(x, answers, strict=True)]
        axes.set_xticks([-1.5, *steps], [f"a\nb\n{Text('sum', '和').in_language(language)}", *columns])
        axes.tick_params(axis="x", length=0.0)
        axes.set_xlim(-2.2, len(steps) - 0.5)
        axes.set_ylim(0.0, 1.15)
        axes.set_xlabel(Text("digits, the least significant first", "各位数字，最低位在左").in_language(language))
        axes.set_ylabel(Text("value after the digit", "读完这一位后的值").in_language(language))
        axes.legend(frameon=False, loc="upper right", ncols=3)

    return draw


def gradients_at_padding(sizes: dict[Text, Array], lengths: Array) -> Draw:
    """Return the sizes (B, T) of gradients, one panel each, and where each sequence ends."""

    def draw(figure: Figure, language: Language) -> None:
        T, largest = next(iter(sizes.values())).shape[1], max(size.max() for size in sizes.values())
        for axes, (name, size) in zip(figure.subplots(2, 2).flat, sizes.items(), strict=True):
            image = axes.imshow(size, cmap="Greys", vmin=0.0, vmax=largest, aspect="auto")
            for row, length in enumerate(lengths):
                axes.plot([length - 0.5] * 2, [row - 0.5, row + 0.5], color=COLOURS[1], linestyle="-", linewidth=2)
            axes.set_yticks(range(len(lengths)), [f"n = {length}" for length in lengths])
            axes.set_xticks(range(0, T, 2), range(1, T + 1, 2))
            axes.set_title(name.in_language(language), fontsize="medium")
        label = Text("size of the gradient", "梯度的大小").in_language(language)
        figure.colorbar(image, ax=figure.axes, shrink=0.7, label=label)
        steps = Text("step t (orange: end of the sequence)", "时间步 t（橙线：序列结束处）")
        figure.supxlabel(steps.in_language(language), fontsize="medium")

    return draw


def cost_by_window(results: dict[Text, Sequence[dict[str, Any]]]) -> Draw:
    """Return the operations and the memory of the backward pass by window, a line for each way."""
    titles = (
        ("nodes", Text("operations of the backward pass", "反向传播的运算个数")),
        ("mb", Text("memory, MB", "内存（MB）")),
    )

    def draw(figure: Figure, language: Language) -> None:
        for axes, (name, title) in zip(figure.subplots(1, 2), titles, strict=True):
            for label, rows in results.items():
                values = [row[name] for row in rows]
                axes.plot(range(1, len(rows) + 1), values, marker="o", label=label.in_language(language))
            axes.set_title(title.in_language(language))
            axes.set_xlabel(Text("window", "窗口").in_language(language))
            axes.set_ylim(bottom=0)
            axes.legend(frameon=False)

    return draw


def geometric_mean(values: Array) -> Array:
    """Return the geometric mean over the first axis."""
    return np.asarray(np.exp(np.log(values).mean(axis=0)))


def mathematical_name(name: str) -> str:
    """Return the name of a network with its symbols as formulas."""
    return name.replace("rho", r"$\rho$").replace("b_z", "$b_z$").replace("b_f", "$b_f$")
