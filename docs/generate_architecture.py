"""Draw docs/images/architecture-en.svg and -zh.svg: the parts of elman, each above what it imports.

    make docs-pages

The READMEs list the parts in the order in which they may import each other, which tests/test_architecture.py checks. A
part is coloured if one of its files imports torch where the file is loaded, which is read from the sources.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import NamedTuple

from elman.labs.lab import Language, Text
from elman.translations.columns import display_width

DOCS = Path(__file__).parent
ROOT = DOCS.parent
SOURCE = ROOT / "src" / "elman"
READMES: dict[Language, str] = {"en": "README.md", "zh": "README.zh-CN.md"}
PART = re.compile(r"^  (\w+(?:/|\.py))\s{2,}(.+)$", re.MULTILINE)
WIDTH, NAME_WIDTH, LINE, GAP, COLUMNS = 860, 150, 19, 6, 92  # COLUMNS: of a description's line
WITH_TORCH, WITHOUT_TORCH, BORDER = "#f6d7c3", "#d6e6f2", "#5a6b78"
LEGEND = Text(
    "arrow: imports · orange: imports PyTorch when it is loaded · blue: does not",
    "箭头：导入的方向 · 橙色：加载时导入 PyTorch · 蓝色：加载时不导入",
)


class Part(NamedTuple):
    """A folder or a file of src/elman."""

    name: str
    description: str


def parts(language: Language) -> list[Part]:
    """Return the parts in the order of the README, from those that others use to those that use others."""
    text = (ROOT / READMES[language]).read_text("utf-8")
    tree = text[text.index("\nsrc/elman/\n") : text.index("\nbenchmarks/")]
    return [Part(name, description.strip()) for name, description in PART.findall(tree)]


def imports_torch(part: str) -> bool:
    """Whether a file of a part imports torch outside of functions."""
    path = SOURCE / part
    files = [path] if path.is_file() else list(path.rglob("*.py"))
    return any(_imports_torch(ast.parse(file.read_text("utf-8"))) for file in files)


def _imports_torch(tree: ast.Module) -> bool:
    names = [alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in tree.body if isinstance(node, ast.ImportFrom)]
    return any(name.split(".")[0] == "torch" for name in names)


def wrap(text: str, columns: int = COLUMNS) -> list[str]:
    """Return the lines of a text; a Chinese character takes two columns, and a line may end after it."""
    lines, line = [], ""
    for piece in re.findall(r"[\u3000-\u9fff\uff00-\uffef]|[^\s\u3000-\u9fff\uff00-\uffef]+\s*|\s+", text):
        if display_width(line + piece.rstrip()) > columns and piece not in "，。、；：）":
            lines.append(line.rstrip())
            line = ""
        line += piece
    return [*lines, line.rstrip()]


def picture(language: Language) -> str:
    """Return the picture as SVG."""
    boxes, top = [], 10
    for part in reversed(parts(language)):
        lines = wrap(part.description)
        height = LINE * len(lines) + 12
        fill = WITH_TORCH if imports_torch(part.name) else WITHOUT_TORCH
        boxes.append(f'<rect x="40" y="{top}" width="{WIDTH - 50}" height="{height}" rx="4" fill="{fill}"/>')
        boxes.append(_text(52, top + LINE, part.name, "name"))
        boxes += [_text(52 + NAME_WIDTH, top + LINE * (i + 1), line) for i, line in enumerate(lines)]
        top += height + GAP
    arrow = f'<path d="M20 14 V{top - 14} M14 {top - 24} L20 {top - 12} L26 {top - 24}" class="arrow"/>'
    legend = _text(40, top + LINE, LEGEND.in_language(language))
    body = "\n".join([*boxes, arrow, legend])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top + 30}" role="img">\n'
        "<style>text { font: 13px system-ui, 'Noto Sans', 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', "
        "sans-serif; fill: #1c2429; }\n"
        "text.name { font: bold 13px Menlo, Consolas, 'DejaVu Sans Mono', monospace; }\n"
        f"rect {{ stroke: {BORDER}; }} .arrow {{ fill: none; stroke: {BORDER}; stroke-width: 2; }}</style>\n"
        f'<rect width="{WIDTH}" height="{top + 30}" fill="white" style="stroke: none"/>\n{body}\n</svg>\n'
    )


def _text(x: int, y: int, text: str, kind: str = "") -> str:
    name = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}"{name}>{escape(text)}</text>'


def pages() -> Iterator[tuple[Path, str]]:
    """Yield the path and the text of each picture."""
    for language in READMES:
        yield DOCS / "images" / f"architecture-{language}.svg", picture(language)


if __name__ == "__main__":
    for path, text in pages():
        path.write_text(text, encoding="utf-8")
