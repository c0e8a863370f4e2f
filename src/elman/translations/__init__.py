"""Chinese for everything that a person reads on the command line, from one catalogue.

    with use_language("zh"):
        translate("the folder already exists")      -> "文件夹已存在"

**The sources are in English.** A text is translated where it reaches a person: by cli/console.py (messages, errors), by
the display of a training, by the formatter of help pages, and where tables and model cards are put together. An
exception, a JSON key and the `message` of `--json` stay English, so a program sees the same in every language. The
language is a context variable that only the command line sets; Python users get English. A model card is in the
language of the command that began the training (`language` in request.json), so `resume` completes the same card.

**The catalogue** is zh/*.toml: tables from an English text to its Chinese.

    help.toml       commands and their fixed options, and the words of the parser
    options.toml    the options that configs declare; docs/generate_options.py reads it, too
    messages.toml   messages, errors, reports, model cards
    words.toml      names of metrics, headings of tables, and words that are values of messages

A text with values is a template with numbered placeholders in the order of the f-string: `f"{path}: no such file"` is
"{0}: no such file". An ending of the plural is {s}. Braces are doubled. A message is matched against the templates,
the one with the most literal text first, and its values are put into the Chinese:

    {0}         the value as it is: a path, a number, a label of the user's
    {0:t}       translated, because it is a text of elman's, too
    {0:unit}    a counted noun with its measure word: `32 texts` is 32 段文本
    {0:list}    a list: `a, b or c` is a、b 或 c
    {0:terms}   a list of texts of elman's
    {0:number}  the value as it is, which must be a number: this tells the parts of `a, b, 3 rows` from each other

words.toml is used only where a placeholder or a caller asks for it: a column that is called `target` is never changed.
A placeholder right after another one holds one of the entries that begin with a space, a comma or a semicolon, such
as ", one row every {0}", or nothing. A message that matches nothing stays English.

tests/test_translations.py reads every text from the syntax trees of the package. It fails if one is missing, if an
entry is not used, if values differ, or if another template takes a message; it prints the lines to add.

**Why not gettext.** gettext marks each text where it is written, and looks it up before its values are filled in. The
errors of this package carry finished English sentences, which Python users and `--json` need. With gettext, each of
600 places would have to carry the template and the values beside the sentence, and the package would need a compiled
catalogue. Matching takes less than a millisecond a message in Chinese, and nothing in English. The texts of labs
are not here: a lab consists of pages of text, which its file has in both languages side by side.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, NamedTuple

from .columns import display_width, pad, wrap
from .plurals import with_singulars

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")  # the first that is set decides, as in the C library


class Text(NamedTuple):
    """A text in both languages, side by side: in labs and figures."""

    en: str
    zh: str

    def in_language(self, language: Language) -> str:
        """Return the text in one language."""
        return self.zh if language == "zh" else with_singulars(self.en)


_language: ContextVar[Language] = ContextVar("language", default="en")


def environment_language(environment: Mapping[str, str] = os.environ) -> Language:
    """Return the language that the environment asks for: Chinese for `zh_CN.UTF-8` and the like, else English."""
    value = next((environment[name] for name in VARIABLES if environment.get(name)), "")
    return "zh" if value.startswith("zh") else "en"


def current_language() -> Language:
    """Return the language in which texts are shown to a person."""
    return _language.get()


@contextmanager
def use_language(language: Language) -> Iterator[None]:
    """Show texts in a language until the context ends."""
    token = _language.set(language)
    try:
        yield
    finally:
        _language.reset(token)


def translate(text: str, file: str = "messages") -> str:
    """Return a text of elman's in the current language; file is the part of the catalogue that has it."""
    if _language.get() == "en":
        return with_singulars(text)
    from .catalogue import catalogue

    return catalogue(file).translate(text)


__all__ = [
    "LANGUAGES",
    "Language",
    "Text",
    "current_language",
    "display_width",
    "environment_language",
    "pad",
    "translate",
    "use_language",
    "wrap",
]
