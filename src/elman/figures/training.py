"""Drawings of trainings and of their models: training curves, gradient norms, confusion matrix, reliability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from elman.metrics import BINS, ReliabilityBins
from elman.translations import Language, Text

from .style import COLOURS, LINE_STYLES, SHARE_MAP, SIZE, Draw, visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]
Points = Sequence[tuple[float, float]]

UPDATES = Text("updates", "更新次数")
MOST_NUMBERED = 20  # classes of a confusion matrix whose cells show their counts
DECADE = 10  # the range of gradient norms above which their axis is logarithmic


def training_curves(training: Points, validation: Points) -> Draw:
    """Return the drawing of the loss of training batches and of the validation set, whose lowest loss is marked."""

    def draw(figure: Figure, language: Language) -> None:
        axes = figure.add_subplot()
        if training:
            axes.plot(
                *zip(*training, strict=True), color=COLOURS[0], label=Text("training", "训练").in_language(language)
            )
        if validation:
            steps, losses = zip(*validation, strict=True)
            label = Text("validation", "验证").in_language(language)
            axes.plot(steps, losses, color=COLOURS[1], linestyle="--", marker=".", label=label)
            best = int(np.argmin(losses))
            marked = Text(f"lowest: {losses[best]:.4g}", f"最低：{losses[best]:.4g}").in_language(language)
            axes.plot(steps[best], losses[best], "o", color="black", markerfacecolor="none", markersize=9, label=marked)
        axes.set_xlabel(UPDATES.in_language(language))
        axes.set_ylabel(Text("loss", "损失").in_language(language))
        axes.set_title(Text("Training curves", "训练曲线").in_language(language))
        axes.legend()

    return draw


def validation_curves(runs: Mapping[str, Points]) -> Draw:
    """Return the drawing of the validation losses of several runs by name, each with its lowest loss in the legend."""

    def draw(figure: Figure, language: Language) -> None:
        figure.set_size_inches(SIZE[0] + 2.4, max(SIZE[1], 1.0 + 0.22 * len(runs)))
        axes = figure.add_subplot()
        for number, (name, points) in enumerate(runs.items()):
            steps, losses = zip(*points, strict=True)
            colour, style = COLOURS[number % len(COLOURS)], LINE_STYLES[number // len(COLOURS) % len(LINE_STYLES)]
            marker = "." if len(points) == 1 else None
            label = f"{visible(name)}  {min(losses):.4g}"
            axes.plot(steps, losses, color=colour, linestyle=style, marker=marker, label=label)
        axes.set_xlabel(UPDATES.in_language(language))
        axes.set_ylabel(Text("validation loss", "验证损失").in_language(language))
        axes.set_title(Text("Validation loss of each run", "各次运行的验证损失").in_language(language))
        title = Text("run and lowest loss", "运行及最低损失").in_language(language)
        axes.legend(title=title, loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=7)

    return draw


def gradient_norms(norms: Points, clip: float | None) -> Draw:
    """Return the drawing of the norm of the gradient before clipping, and of the limit of clipping."""

    def draw(figure: Figure, language: Language) -> None:
        axes = figure.add_subplot()
        label = Text("norm, mean of the updates", "范数（各次更新的平均）").in_language(language)
        axes.plot(*zip(*norms, strict=True), color=COLOURS[0], label=label)
        if clip:
            label = Text(f"clipping at {clip:g}", f"梯度裁剪：{clip:g}").in_language(language)
            axes.axhline(clip, color="black", linestyle=":", label=label)
        values = [norm for _, norm in norms if norm > 0.0]
        if values and max(values) > DECADE * min(values):
            axes.set_yscale("log")
        else:
            axes.set_ylim(bottom=0.0)
        axes.set_xlabel(UPDATES.in_language(language))
        axes.set_ylabel(Text("gradient norm", "梯度范数").in_language(language))
        axes.set_title(Text("Gradient norm before clipping", "裁剪前的梯度范数").in_language(language))
        axes.legend()

    return draw


def confusion_matrix(counts: Array, labels: Sequence[str]) -> Draw:
    """Return the drawing of counts (C, C), expected labels in rows; colours are shares of the row."""
    shares = counts / np.maximum(1, counts.sum(1, keepdims=True))

    def draw(figure: Figure, language: Language) -> None:
        C = len(labels)
        side = min(11.0, 2.8 + 0.42 * C)
        figure.set_size_inches(side + 0.8, side)
        axes = figure.add_subplot()
        image = axes.imshow(shares, cmap=SHARE_MAP, vmin=0.0, vmax=1.0, interpolation="nearest")
        names = [visible(label) for label in labels]
        rotation = 0 if max(map(len, names)) <= 3 else 90
        size = 8 if C <= 40 else 5
        axes.set_xticks(range(C), names, rotation=rotation, fontsize=size)
        axes.set_yticks(range(C), names, fontsize=size)
        if C <= MOST_NUMBERED:
            for row, column in np.argwhere(counts):
                colour = "white" if shares[row, column] > 0.55 else "black"
                text = str(counts[row, column])
                axes.text(column, row, text, ha="center", va="center", fontsize=7, color=colour)
        axes.set_xlabel(Text("predicted", "预测标签").in_language(language))
        axes.set_ylabel(Text("expected", "真实标签").in_language(language))
        axes.set_title(Text("Confusion matrix", "混淆矩阵").in_language(language))
        axes.spines[:].set_visible(True)
        label = Text("share of the expected label", "占该真实标签的比例").in_language(language)
        figure.colorbar(image, ax=axes, pad=0.02, shrink=0.85, label=label)

    return draw


def reliability(probabilities: Array, correct: Array) -> Draw:
    """Return the drawing of how often predictions of each probability (N,) are correct (N,), beside how many there are.

    Predictions are grouped by probability into bins of equal width (DeGroot and Fienberg, 1983). The expected
    calibration error, the mean distance from the diagonal weighted by the counts, is that of `elman evaluate`.
    """
    bins = ReliabilityBins.of(probabilities, correct)
    error = bins.expected_calibration_error

    def draw(figure: Figure, language: Language) -> None:
        figure.set_size_inches(5.2, 5.4)
        top, bottom = figure.subplots(2, height_ratios=(3, 1), sharex=True)
        diagonal = Text("perfect calibration", "完全校准").in_language(language)
        top.plot((0, 1), (0, 1), color="0.5", linestyle=":", label=diagonal)
        shown = bins.counts > 0
        label = Text(f"model (expected calibration error {error:.3f})", f"模型（期望校准误差 {error:.3f}）")
        top.plot(
            bins.probabilities[shown],
            bins.accuracies[shown],
            color=COLOURS[0],
            marker="o",
            label=label.in_language(language),
        )
        top.set_ylabel(Text("accuracy", "准确率").in_language(language))
        top.set_ylim(-0.02, 1.02)
        top.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize=8, frameon=False)
        figure.suptitle(Text("Reliability diagram", "可靠性图").in_language(language), fontsize=11)
        edges = np.linspace(0.0, 1.0, BINS + 1)
        bottom.bar(edges[:-1], bins.counts, width=1.0 / BINS, align="edge", color="0.7", edgecolor="white")
        bottom.set_ylabel(Text("predictions", "预测数").in_language(language))
        bottom.set_xlabel(Text("probability of the prediction", "预测的概率").in_language(language))
        bottom.set_xlim(-0.02, 1.02)

    return draw
