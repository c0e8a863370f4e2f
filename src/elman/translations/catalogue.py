"""The matching of messages against the templates of the catalogue. The docstring of the package says what they mean."""

from __future__ import annotations

import functools
import re
import string
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

FOLDER = Path(__file__).parent / "zh"
PLURAL = "s"  # the placeholder of an ending of the plural
_CONJUNCTIONS = {"or": "或", "and": "和"}
_PLURAL_ENDINGS = "(?:e?s| is|s are)?"
_ADDITION_STARTS = (" ", ",", ";")  # of texts that are put right after another value, such as ", one row every {0}"
_NUMBER = r"-?\d[\d,.]*(?:e[+-]?\d+)?%?"
_CHINESE = "[\u4e00-\u9fff]"
_FORMATTER = string.Formatter()
_WORD = re.compile(r"(?<![\w{}])[A-Za-z]{2,}(?![\w{}])")  # not next to a value, which could be a part of it
_PLACE = re.compile(r"(\S+(?: \(--[\w-]+\))?|[^\n]+:\d+): ")  # a file and a line, or a key with its flag
_KEY = re.compile(r"[a-z_]+(?:\.[a-z_]+)?(?: \(--[\w-]+\))?|--[\w-]+")  # of a config, with its flag
_SENTENCE_END = re.compile(r"[.。！？!?]$")


class Template:
    """An English text and its Chinese, with placeholders."""

    def __init__(self, english: str, chinese: str) -> None:
        self.english = english
        self.chinese = [(literal, field, form or "") for literal, field, form, _ in _FORMATTER.parse(chinese)]
        self.parts = [(literal, field) for literal, field, _, _ in _FORMATTER.parse(english)]
        self.literals = [literal for literal, _ in self.parts if literal]
        self.fields = [field for _, field in self.parts if field is not None]
        self._compiled: re.Pattern[str] | None = None

    @property
    def word(self) -> str:
        """The longest word of the literal text, by which the template is found; empty if it has none."""
        return max(_WORD.findall(self.english), key=len, default="")

    @property
    def weight(self) -> int:
        """How specific the template is: the length of its literal text."""
        return sum(map(len, self.literals))

    def pattern(self, additions: str, *, captured: bool) -> str:
        """Return the regular expression of the text; additions are those that may follow another value."""
        numbers = {field for _, field, form in self.chinese if form == "number"}
        parts = []
        for index, (literal, field) in enumerate(self.parts):
            parts.append(re.escape(literal))
            if field == PLURAL:
                parts.append(_PLURAL_ENDINGS)
            elif field is not None:
                value = additions if index and not literal else _NUMBER if field in numbers else ".*?"
                parts.append(f"({value})" if captured else f"(?:{value})")
        return "".join(parts)

    def values(self, text: str, additions: str) -> tuple[str, ...] | None:
        """Return the values of the placeholders in a text, or None if the text is another one."""
        if not all(literal in text for literal in self.literals):
            return None
        if self._compiled is None:  # a value does not contain a line end, unless the template consists of lines itself
            flags = re.DOTALL if "\n" in self.english else re.NOFLAG
            self._compiled = re.compile(self.pattern(additions, captured=True), flags)
        match = self._compiled.fullmatch(text)
        return match.groups() if match is not None else None

    def fill(self, values: Sequence[str], catalogue: Catalogue) -> str:
        """Return the Chinese text with the values."""
        text = ""
        for literal, field, form in self.chinese:
            text = _append(text, literal)
            if field is not None:
                text = _append(text, _FORMS[form](values[int(field)], catalogue))
        return text


def _append(text: str, addition: str) -> str:
    """Append to a Chinese text: with a space between Chinese and Latin letters or digits, and none between Chinese."""
    if re.search(rf"{_CHINESE} $", text) and re.match(_CHINESE, addition):
        return text[:-1] + addition
    if re.search(rf"{_CHINESE}$", text):
        if re.match(rf" {_CHINESE}", addition):
            return text + addition[1:]
        return f"{text} {addition}" if re.match("[A-Za-z0-9]", addition) else text + addition
    return f"{text} {addition}" if re.search("[A-Za-z0-9]$", text) and re.match(_CHINESE, addition) else text + addition


class Catalogue:
    """The translations of one file. words are those of values that are a word."""

    def __init__(self, entries: Mapping[str, str], words: Mapping[str, str] | None = None) -> None:
        self.entries = entries
        self.words = words or {}
        with_values = (Template(english, chinese) for english, chinese in entries.items() if "{" in english)
        self._templates = sorted(with_values, key=lambda template: template.weight, reverse=True)
        self._by_word: dict[str, list[int]] = {}
        for index, template in enumerate(self._templates):
            self._by_word.setdefault(template.word, []).append(index)
        self._additions = "|".join(
            Template(english, "").pattern("", captured=False)
            for english in ("", *entries)
            if not english or english.startswith(_ADDITION_STARTS)
        )

    def translate(self, text: str) -> str:
        """Return the Chinese of a text; a text that is not in the catalogue is returned as it is."""
        translated = self._match(text)
        return text if translated is None else translated

    def translate_value(self, text: str) -> str:
        """Return the Chinese of the value of a placeholder, which may be a word."""
        return self.words[text] if text in self.words else self.translate(text)

    def matching(self, text: str) -> Template | None:
        """Return the template that a text with values is made from."""
        return next((template for template in self._candidates(text) if self._values(template, text) is not None), None)

    def _candidates(self, text: str) -> Iterator[Template]:
        """Yield the templates whose word is in a text, the most specific first."""
        words = {"", *re.findall("[A-Za-z]+", text)}
        indices = sorted(index for word in words for index in self._by_word.get(word, ()))
        return (self._templates[index] for index in indices)

    def _values(self, template: Template, text: str) -> tuple[str, ...] | None:
        return template.values(text, self._additions)

    def _match(self, text: str) -> str | None:
        """Return the Chinese of a text, or None if no part of it is in the catalogue."""
        if text in self.entries:
            return self.entries[text]
        if "\n" in text:
            return self._match_template(text) or self._match_lines(text)
        return self._match_sentences(text) or self._match_template(text) or self._match_after_place(text)

    def _match_sentences(self, text: str) -> str | None:
        """Return the Chinese of a message and its hint."""
        for left, right in _splits(text, ". "):
            first, second = self._match_sentence(left), self._match(right)
            if first is not None and second is not None:
                return as_sentences(first, second)
        return None

    def _match_sentence(self, text: str) -> str | None:
        """Return the Chinese of a text whose full stop was cut off; most messages have none."""
        template = self.matching(f"{text}.")
        if template is not None and template.english.endswith("."):
            return template.fill(self._values(template, f"{text}.") or (), self)
        return self.entries.get(f"{text}.") or self._match(text)

    def _match_template(self, text: str) -> str | None:
        """Return the Chinese of a text with values, or of a message after the place or the key that it is about."""
        match = _PLACE.match(text)
        place, message = (match[1], text[match.end() :]) if match is not None else ("", "")
        if message in self.entries:
            return _after_place(place, self.entries[message])
        for template in self._candidates(text):
            values = self._values(template, text)
            if values is not None:
                return template.fill(values, self)
            values = self._values(template, message) if message else None
            if values is not None:
                return _after_place(place, template.fill(values, self))
        return None

    def _match_after_place(self, text: str) -> str | None:
        place, _, message = text.partition(": ")
        chinese = self._match(message) if message else None
        return None if chinese is None else _after_place(place, chinese)

    def _match_lines(self, text: str) -> str | None:
        """Return the Chinese of several lines; a line that is not in the catalogue stays as it is."""
        lines = text.split("\n")
        chinese = [self._match(line) if line else None for line in lines]
        return "\n".join(new or old for new, old in zip(chinese, lines, strict=True)) if any(chinese) else None


def _after_place(place: str, message: str) -> str:
    """Return a message after a file and a line, or after a key or a flag, which belongs to the sentence."""
    return f"{place}：{message}" if _KEY.fullmatch(place) else f"{place}: {message}"


# How a placeholder in a Chinese template writes its value.
_FORMS: dict[str, Callable[[str, Catalogue], str]] = {
    "": lambda text, _: text,
    "number": lambda text, _: text,
    "t": lambda text, catalogue: catalogue.translate_value(text),
    "unit": lambda text, catalogue: catalogue.translate(f"1 {text}").removeprefix("1 "),
    "list": lambda text, _: chinese_list(text),
    "terms": lambda text, catalogue: chinese_list(text, catalogue),
}


def chinese_list(text: str, catalogue: Catalogue | None = None) -> str:
    """Return the list `a, b or c` or `a, b and 3 more` as Chinese writes it; a catalogue translates the items."""
    more = re.search(r" and ([\d,]+) more$", text)
    match = re.fullmatch(r"(?:(.+) (or|and) )?(.*)", text[: more.start()] if more is not None else text)
    if match is None:
        return text
    before, word, last = match.groups()
    names = [*(before.split(", ") if before else ()), *last.split(", ")]
    if catalogue is not None:
        names = [catalogue.translate_value(name) for name in names]
    listing = "、".join(names)
    if word:
        conjunction = f"{' ' * names[-2][-1:].isascii()}{_CONJUNCTIONS[word]}{' ' * names[-1][:1].isascii()}"
        listing = "、".join(names[:-1]) + conjunction + names[-1]
    return f"{listing} 等，另有 {more[1]} 个" if more is not None else listing


def as_sentences(*texts: str) -> str:
    """Return Chinese texts as one line; each but the last ends with a full stop."""
    *first, last = texts
    return "".join(text if _SENTENCE_END.search(text) else f"{text}。" for text in first) + last


def _splits(text: str, separator: str) -> Iterator[tuple[str, str]]:
    """Yield the two sides of each separator, from left to right."""
    start = text.find(separator)
    while start >= 0:
        yield text[:start], text[start + len(separator) :]
        start = text.find(separator, start + 1)


def read_entries(file: str) -> dict[str, dict[str, str]]:
    """Return the sections of a file of the catalogue, each with its entries: English -> Chinese."""
    return tomllib.loads((FOLDER / f"{file}.toml").read_text("utf-8"))


@functools.cache
def catalogue(file: str) -> Catalogue:
    """Return the translations of a file: `help`, `options`, `messages` or `words`."""
    words = catalogue("words").entries if file == "messages" else {}
    return Catalogue(_without_sections(read_entries(file)), words)


def _without_sections(sections: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {english: chinese for section in sections.values() for english, chinese in section.items()}
