"""How figures of labs are drawn: one style, PNG and SVG files or the cells of a notebook, and Chinese fonts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .lab import Draw, Language

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours: readers who are colour-blind can tell them apart, and their lightness differs in grey.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
LINE_STYLES = ["-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1))]
CHINESE_FONTS = [
    *("Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei"),
    *("Microsoft YaHei", "SimHei", "PingFang SC", "Hiragino Sans GB", "Noto Sans CJK JP", "Arial Unicode MS"),
]
NO_CHINESE_FONT = (
    "没有找到中文字体，图中文字改用英文。请安装一种，例如 Noto Sans CJK（Debian、Ubuntu：apt install fonts-noto-cjk）。"
)
FORMATS = ("png", "svg")
SIZE = (6.4, 4.0)  # inches
DOTS_PER_INCH = 150


def figure_writer(folder: Path, lab: str, language: Language, notify: Callable[[str], None]) -> Any:
    """Return a function that draws a figure of a lab and writes it to a folder, as LAB-NAME.png and LAB-NAME.svg.

    Without a Chinese font, figures have English labels, and notify is told.
    """
    drawn_language: Language = "zh" if language == "zh" and chinese_fonts() else "en"
    if drawn_language != language:
        notify(NO_CHINESE_FONT)

    def write(name: str, draw: Draw, _: Language) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with figure_style(drawn_language):
            figure = drawn(draw, drawn_language)
            for suffix in FORMATS:
                metadata = {"Date": None} if suffix == "svg" else {}
                figure.savefig(folder / f"{lab}-{name}.{suffix}", dpi=DOTS_PER_INCH, metadata=metadata)
        notify(str(folder / f"{lab}-{name}.png"))

    return write


def show_figure(name: str, draw: Draw, language: Language) -> None:
    """Show a figure below the cell of a notebook; without IPython, only draw it."""
    drawn_language: Language = "zh" if language == "zh" and chinese_fonts() else "en"
    with figure_style(drawn_language):
        figure = drawn(draw, drawn_language)
        try:
            from IPython.display import display
        except ModuleNotFoundError:
            figure.canvas.draw()
        else:
            display(figure)


def drawn(draw: Draw, language: Language) -> Figure:
    """Return a new figure after it was drawn."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    draw(figure, language)
    return figure


def figure_style(language: Language) -> Any:
    """Return a context in which figures have the style of elman."""
    import matplotlib as mpl
    from cycler import cycler

    style: dict[str, Any] = {
        "font.family": [*(chinese_fonts() if language == "zh" else []), "DejaVu Sans"],
        "axes.prop_cycle": cycler(color=COLOURS) + cycler(linestyle=LINE_STYLES),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.unicode_minus": False,
        "svg.fonttype": "path",
        "svg.hashsalt": "elman",
    }
    return mpl.rc_context(style)


def chinese_fonts() -> list[str]:
    """Return the first font with Chinese characters that is installed, or nothing."""
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    return [name for name in CHINESE_FONTS if name in installed][:1]
