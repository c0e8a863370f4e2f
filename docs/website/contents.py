"""The sections of the site, and which page belongs to which. A page that no section names belongs to HOW_TO."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from elman.translations import LANGUAGES as LANGUAGES
from elman.translations import Language, Text

DOCS = Path(__file__).parent.parent
HOME = "index"


class Section(NamedTuple):
    """A part of the sidebar: its title, and its pages as names or patterns of names, in their order."""

    title: Text
    pages: tuple[str, ...]


HOW_TO = Section(Text("How-to", "操作方法"), ("howto", "*"))
SECTIONS = (
    Section(Text("Getting started", "快速入门"), ("getting-started", "install")),
    Section(
        Text("Guides", "指南"),
        (
            *("guide", "classifier", "tagger", "seq2seq", "forecaster", "python", "streaming"),
            *("serve", "export", "c", "quantize", "weights", "layers", "data*"),
            *("inspect*", "browser"),
        ),
    ),
    Section(Text("Labs and exercises", "实验与练习"), ("assignments", "labs", "exercise*", "grad*", "mistakes")),
    Section(
        Text("Theory", "理论"),
        (
            *("theory/bptt", "theory/lstm", "theory/gru", "theory/six-grus", "conventions"),
            *("theory/gradient-clipping", "theory/initialisation", "theory/truncation", "theory/perplexity"),
            "theory/*",
        ),
    ),
    HOW_TO,
    Section(Text("Reference", "参考"), ("options", "defaults", "formats", "glossary", "api")),
    Section(Text("Inside elman", "内部结构"), ("architecture", "kernels", "speed")),
)


def written_pages(language: Language) -> list[str]:
    """Return the names of the pages that are written by hand or generated into docs/: `guide`, `theory/bptt`."""
    folder = DOCS / language
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.md"))


def arrange(pages: Iterable[str]) -> list[tuple[Section, list[str]]]:
    """Return the sections with their pages, each page once. A name goes before a pattern that matches the page, too."""
    names = sorted(set(pages) - {HOME})
    home_of = {name: _section_of(name) for name in names}
    arranged = []
    for section in SECTIONS:
        members = [name for name in names if home_of[name] is section]
        arranged.append((section, sorted(members, key=lambda name: _position(section, name))))
    return arranged


def _section_of(name: str) -> Section:
    named = [section for section in SECTIONS if name in section.pages]
    matching = [
        section for section in SECTIONS if any(fnmatchcase(name, page) for page in section.pages if page != "*")
    ]
    return (named or matching or [HOW_TO])[0]


def _position(section: Section, name: str) -> tuple[int, str]:
    places = [place for place, page in enumerate(section.pages) if fnmatchcase(name, page)]
    return places[0], name
