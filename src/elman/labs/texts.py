"""The text and the files that a lab reads: the user's own text, or a data set of the cache.

A lab never downloads anything. If a data set is not in the cache, the lab is skipped and says which command gets it. At
smoke scale another text stands in for it, so that the lab can still be run from beginning to end.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from elman.data import datasets
from elman.data.catalogue import DATA_SETS
from elman.data.generated_datasets import python_docs
from elman.data.readers.files import STDIN
from elman.data.readers.text import TextSource
from elman.errors import ConfigError, DataError
from elman.shell import quote

from .lab import Report

LEAST_SHARE = 0.1  # of the letters of a text that the textbook's cleaning must keep


class LabText(NamedTuple):
    """A text that a lab reads."""

    content: str
    is_expected: bool  # whether it is the data set, to which the expected numbers of the lab belong


def read_text(report: Report, name: str) -> LabText:
    """Return the user's own text if there is one, else the text of a data set; without either, skip the lab."""
    if report.settings.text is not None:
        path = report.settings.text
        report.say(en=f"Text: {path}", zh=f"文本：{path}")
        return LabText(read_own_text(path), is_expected=False)
    file = _available_file(name)
    if file is not None:
        summary = DATA_SETS[name].summary
        report.say(en=f"Text: {summary}", zh=f"文本：数据集 {name}")
        return LabText(_read(str(file)), is_expected=True)
    if not report.smoke:
        _skip(report, name, reads_text=True)
    report.say(
        en=f"Text: the documentation of Python, because {name} is not in the cache",
        zh=f"文本：缓存中没有 {name}，改用 Python 的文档",
    )
    return LabText(python_docs().decode(), is_expected=False)


def data_set_file(report: Report, name: str) -> Path:
    """Return the file of a data set; if it is not in the cache and would have to be downloaded, skip the lab."""
    file = _available_file(name)
    return _skip(report, name, reads_text=False) if file is None else file


def read_own_text(path: str) -> str:
    """Return the text of the user's file; UTF-8, or GB18030 if detected."""
    if path == STDIN:
        raise ConfigError(f"--text: given {STDIN}; expected a file, because a lab may read it more than once")
    text = _read(path)
    if not text.strip():
        raise DataError("the file contains no text", hint="Choose another file", where=path)
    return text


def require_letters(report: Report, text: str, cleaned: str) -> None:
    """Raise a DataError if the textbook's cleaning deletes nearly all of the text, as it does with one in Chinese."""
    num_letters, num_kept = (sum(map(str.isalpha, content)) for content in (text, cleaned))
    if num_kept > LEAST_SHARE * num_letters:
        return
    problem = (
        f"the textbook's cleaning keeps {num_kept:,} of {num_letters:,} letters; expected a text in the letters a to z"
    )
    file = quote(report.settings.text or "FILE")
    hint = f"Choose an English text; for the vocabulary of this one: elman data vocabulary {file}"
    raise DataError(problem, hint=hint, where=report.settings.text)


def _read(path: str) -> str:
    return "".join(TextSource(path).blocks())


def _available_file(name: str) -> Path | None:
    return datasets.local_path(name) if datasets.is_available(name) else None


def _skip(report: Report, name: str, *, reads_text: bool) -> Path:
    command = datasets.command_to_get(name)
    own_text = ("; or use your own text: --text FILE", "；也可以用自己的文本：--text FILE") if reads_text else ("", "")
    report.skip(
        en=f"the data set {name} is not on this machine; get it with: {command}{own_text[0]}",
        zh=f"本机没有数据集 {name}；获取它的命令：{command}{own_text[1]}",
    )
