"""The sources that Sphinx reads: the pages of docs/, those of the labs and of the API, and what is in which section."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from elman.labs import CHAPTERS, LABS, load_lab
from elman.labs.lab import Language
from website import executed, lab_pages, reference
from website.contents import DOCS, HOME, arrange, written_pages

IMAGES = re.compile(r"\]\(((?:\.\./)+)images/")
OTHER_HOME = re.compile(r"^\[.*\]\(\.\./(?:en|zh)/index\.md\)\n", re.MULTILINE)  # for readers without the site
CODE_OR_LAB = re.compile(r"^ *```.*?^ *```|`elman lab ([\w-]+)(?: --lang zh)?`", re.MULTILINE | re.DOTALL)
WIDE = "\u3000-\u303f\u3400-\u9fff\uff00-\uffef"  # Chinese characters and punctuation
# A line break between two Chinese characters, or after Chinese punctuation: a browser would show it as a space.
BREAK = re.compile(
    rf"^(?P<code> *```.*?^ *```)|(?<=[{WIDE}])\n *(?=[{WIDE}])|(?<=[，。；：、！？）》])\n *(?=[\[A-Za-z])",
    re.MULTILINE | re.DOTALL,
)
DURATION = re.compile(r" (?=(?:1 )?(?:s|min|秒|分钟) \|$)", re.MULTILINE)  # the spaces of `< 1 s`
LAB_OF_A_ROW = re.compile(r"^\| `([\w-]+)` \|", re.MULTILINE)


def write_sources(folder: Path, labs: Path, language: Language, scale: str) -> None:
    """Write all sources of a language into a new folder."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in _pages(folder, labs, language, scale):
        path = folder / f"{name}{'.rst' if name.startswith('api/') else '.md'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    shutil.copytree(DOCS / "images", folder / "images", dirs_exist_ok=True)


def _pages(folder: Path, labs: Path, language: Language, scale: str) -> Iterator[tuple[str, str]]:
    for name in written_pages(language):
        text = (DOCS / language / f"{name}.md").read_text("utf-8")
        if name.startswith(executed.FOLDER):
            text = executed.update_page(text, f"docs/{language}/{name}.md", language)
        text = IMAGES.sub(lambda match: f"]({match[1][3:]}images/", text)
        if name == HOME:
            text = OTHER_HOME.sub("", text) + _sections(language)
        elif name == "labs":
            text = DURATION.sub("\u00a0", LAB_OF_A_ROW.sub(_link_to_lab, text)) + _chapters()
        if language == "zh":
            text = BREAK.sub(lambda match: match["code"] or "", text)
        yield name, _link_labs(text, "../" * name.count("/"))
    yield from lab_pages.write_lab_pages(labs, folder, language, scale)
    yield from reference.pages(language)


def _link_labs(text: str, to_top: str) -> str:
    """Link each `elman lab NAME` outside of blocks of code to the page of the lab."""
    return CODE_OR_LAB.sub(
        lambda match: f"[{match[0]}]({to_top}labs/{match[1]}.md)" if match[1] in LABS else match[0], text
    )


def _sections(language: Language) -> str:
    """Return the tables of contents, which the theme shows in the sidebar."""
    trees = []
    for section, pages in arrange([*written_pages(language), "api"]):
        if pages:
            entries = "\n".join(pages)
            trees.append(
                f"```{{toctree}}\n:hidden:\n:caption: {section.title.in_language(language)}\n\n{entries}\n```\n"
            )
    return "\n" + "\n".join(trees)


def _chapters() -> str:
    """Return the pages of the labs by chapter, for the sidebar."""
    names = [lab.name for chapter in CHAPTERS for lab in map(load_lab, LABS) if lab.chapter == chapter]
    entries = "\n".join(f"labs/{name}" for name in names)
    return f"\n```{{toctree}}\n:hidden:\n\n{entries}\n```\n"


def _link_to_lab(match: re.Match[str]) -> str:
    return f"| [`{match[1]}`](labs/{match[1]}.md) |" if match[1] in LABS else match[0]
