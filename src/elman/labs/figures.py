"""How figures of labs are drawn and written: one style, PNG and SVG, and fonts that have Chinese characters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .lab import Draw, Language

# Okabe and Ito's colours: readers who are colour-blind can tell them apart, and their lightness differs in grey.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
LINE_STYLES = ["-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1))]
CHINESE_FONTS = [
    *("Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei"),
    *("Microsoft YaHei", "SimHei", "PingFang SC", "Hiragino Sans GB", "Noto Sans CJK JP", "Arial Unicode MS"),
]
FORMATS = ("png", "svg")
SIZE = (6.4, 4.0)  # inches
DOTS_PER_INCH = 150


def figure_writer(
    folder: Path, lab: str, language: Language, notify: Callable[[str], None]
) -> Callable[[str, Draw], None]:
    """Return a function that draws a figure of a lab and writes it to a folder, as LAB-NAME.png and .svg."""
    import matplotlib as mpl
    from cycler import cycler
    from matplotlib.figure import Figure

    fonts = _chinese_fonts() if language == "zh" else []
    if language == "zh" and not fonts:
        notify(
            "没有找到中文字体，图中文字改用英文。可安装 Noto Sans CJK（Debian、Ubuntu：apt install fonts-noto-cjk）。"
        )
    drawn_language: Language = language if fonts else "en"
    style = {
        "font.family": [*fonts, "DejaVu Sans"],
        "axes.prop_cycle": cycler(color=COLOURS) + cycler(linestyle=LINE_STYLES),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.unicode_minus": False,
        "svg.fonttype": "path",
        "svg.hashsalt": "elman",
    }

    def write(name: str, draw: Draw) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with mpl.rc_context(style):
            figure = Figure(figsize=SIZE, layout="constrained")
            draw(figure, drawn_language)
            for suffix in FORMATS:
                path = folder / f"{lab}-{name}.{suffix}"
                metadata = {"Date": None} if suffix == "svg" else {}
                figure.savefig(path, dpi=DOTS_PER_INCH, metadata=metadata)
        notify(str(folder / f"{lab}-{name}.png"))

    return write


def _chinese_fonts() -> list[str]:
    """Return the first font of the list that is installed."""
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    return [name for name in CHINESE_FONTS if name in installed][:1]
