"""The style of all figures: colours that differ in grey, fonts with Chinese characters; PNG, SVG and PDF files."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.checkpoint import check_output_file, translate_disk_errors
from elman.errors import ConfigError, missing_package_error
from elman.translations import Language, Text, environment_language

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Draw = Callable[["Figure", Language], None]

# Okabe and Ito's colours: readers who are colour-blind can tell them apart, and their lightness differs in grey.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
LINE_STYLES = ["-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1))]
SIGNED_MAP, SHARE_MAP = "cividis", "Blues"  # of heat maps; in grey, lightness rises or falls with the value
CHINESE_FONTS = [
    *("Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei"),
    *("Microsoft YaHei", "SimHei", "PingFang SC", "Hiragino Sans GB", "Noto Sans CJK JP", "Arial Unicode MS"),
]
NO_CHINESE_FONT = (
    "没有找到中文字体，图中文字改用英文。请安装一种，例如 Noto Sans CJK（Debian、Ubuntu：apt install fonts-noto-cjk）。"
)
FORMATS = ("png", "svg")
SUFFIXES = (".png", ".svg", ".pdf")  # of a file that a user names
SIZE = (6.4, 4.0)  # inches
UNIT = Text("unit", "单元")
DOTS_PER_INCH = 150
VISIBLE = {" ": "␣", "\n": "↵", "\t": "→", "": "∅"}


def write_figures(
    folder: Path, drawings: Mapping[str, Draw], language: Language, notify: Callable[[str], None]
) -> list[Path]:
    """Write drawings to a folder, each as NAME.png and NAME.svg, and return the PNG files.

    Without a Chinese font, figures have English labels, and notify is told.
    """
    drawn_language = available_language(language, notify)
    with translate_disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for name, draw in drawings.items():
        write_figure([folder / f"{name}.{suffix}" for suffix in FORMATS], draw, drawn_language)
    return [folder / f"{name}.{FORMATS[0]}" for name in drawings]


def save_drawings(folder: str | Path, drawings: Mapping[str, Draw], language: Language | None) -> list[Path]:
    """Write drawings for a caller in Python: the language is that of the environment, and messages are warnings."""
    check_figure_folder(Path(folder), "plot")
    return write_figures(Path(folder), drawings, language or environment_language(), warnings.warn)


def write_figure(paths: list[Path], draw: Draw, language: Language) -> None:
    """Draw once, and write the figure to files, whose suffixes say the formats."""
    with figure_style(language):
        figure = drawn(draw, language)
        fix_layout(figure)
        for path in paths:
            metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix.lower(), {})
            with translate_disk_errors(path):
                figure.savefig(path, dpi=DOTS_PER_INCH, metadata=metadata)


def png_image(draw: Draw, language: Language) -> bytes:
    """Draw, and return the content of a PNG file."""
    image = io.BytesIO()
    with figure_style(language):
        figure = drawn(draw, language)
        fix_layout(figure)
        figure.savefig(image, format="png", dpi=DOTS_PER_INCH)
    return image.getvalue()


def check_figure_file(path: Path, flag: str) -> None:
    """Raise an error, before the work, if a figure cannot be drawn or written to a file."""
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"{flag}: given {path.name!r}; expected a name that ends in {', '.join(SUFFIXES)}")
    check_output_file(path, flag)
    require_matplotlib()


def check_figure_folder(path: Path, flag: str) -> None:
    """Raise an error, before the work, if figures cannot be drawn or written to a folder."""
    if path.exists() and not path.is_dir():
        raise ConfigError(f"{flag}: {path} is a file; expected a folder", hint="Choose another name")
    require_matplotlib()


def require_matplotlib() -> None:
    """Raise the error that names the extra if matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        raise missing_package_error(error) or error from None


def available_language(language: Language, notify: Callable[[str], None]) -> Language:
    """Return the language of the labels: English, and a message, where there is no Chinese font."""
    if language == "zh" and not chinese_fonts():
        notify(NO_CHINESE_FONT)
        return "en"
    return language


def drawn(draw: Draw, language: Language) -> Figure:
    """Return a new figure after it was drawn."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    draw(figure, language)
    return figure


def fix_layout(figure: Figure) -> None:
    """Compute the layout once; with a layout engine, savefig would draw twice and compute it for each file."""
    figure.set_dpi(DOTS_PER_INCH)
    engine = figure.get_layout_engine()
    if engine and figure.axes:
        engine.execute(figure)
    figure.set_layout_engine(None)


def figure_style(language: Language) -> Any:
    """Return a context in which figures have the style of elman.

    The data may have Chinese characters in both languages; the language decides which font comes first.
    """
    import matplotlib as mpl
    from cycler import cycler

    fonts = [*chinese_fonts(), "DejaVu Sans"]
    style: dict[str, Any] = {
        "font.family": fonts if language == "zh" else fonts[::-1],
        "axes.prop_cycle": cycler(color=COLOURS) + cycler(linestyle=LINE_STYLES),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.unicode_minus": False,
        "figure.autolayout": False,
        "figure.constrained_layout.use": False,
        "svg.fonttype": "path",
        "svg.hashsalt": "elman",
    }
    return mpl.rc_context(style)


def chinese_fonts() -> list[str]:
    """Return the first font with Chinese characters that is installed, or nothing."""
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    return [name for name in CHINESE_FONTS if name in installed][:1]


def visible(token: str) -> str:
    """Return a token as it is drawn: white space as signs, and dollar signs that do not begin a formula."""
    return VISIBLE.get(token, token).replace("\n", "↵").replace("\t", "→").replace("$", r"\$")
