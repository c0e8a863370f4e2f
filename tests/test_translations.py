"""The Chinese catalogue: every text that a person reads is in it, once, with the same values, and in Chinese."""

from __future__ import annotations

import functools
import re
import string
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.figures import style
from elman.options import Option, fields_of, options_of
from elman.tasks.spec import TASKS, task_spec
from elman.translations import display_width, pad, translate, use_language, wrap
from elman.translations.catalogue import Catalogue, catalogue, chinese_list, read_entries

from .commands import every_command
from .translatable_texts import Text, constants, texts

FILES = ("help", "options", "messages", "words")
OUTSIDE = "outside"  # the section of messages.toml whose texts do not stand in the sources as they are
NOT_TRANSLATED = {  # texts that no person reads, that are the same in both languages, or that are on figures
    *("elman: {0}", "{0} us", "p{0} {1} ms"),
    "module 'elman' has no attribute {0}",
    "out of memory|not enough memory|t allocate memory",
    *("Value error, ", "input should be ", ", unable to"),  # in messages of pydantic
    *("The class ", "the value of the "),  # prompts of the demo
    *("{0} to {1}", "upper left", "matrix products, {0} thread{s}", "{0}, batch 1, 1 thread", "{0}, {1} thread{s}"),
    *style.CHINESE_FONTS,
    *(style.NO_CHINESE_FONT, "DejaVu Sans", "offset points", "lower center", "outside right center"),  # of figures
    "NumPy uses no table of input products",
    "inputs: {0}; outputs: {1}",  # in an ONNX file
    *("model name", "{0}; for the recurrent history encoder"),
    *(
        "0.1, at most 5,000 examples; 0 for fewer than 10",
        "{0}; 0 means no validation set",
    ),  # of options that every task replaces by its own
    "Share of the examples in the validation set",
    "Largest (target tokens + 1) / (source tokens + 1) of the pairs in the training set",  # of a model folder
}
SAME_IN_BOTH = re.compile(  # commands, and the frame of a model card
    r"(elman (generate|predict|evaluate|data fetch) |pip install )(?!.*  or  ).*|# \{0\}\n.*", re.DOTALL
)  # commands


class Entry(NamedTuple):
    """A line of the catalogue."""

    file: str
    section: str
    english: str
    chinese: str


ENTRIES = [
    Entry(file, section, english, chinese)
    for file in FILES
    for section, entries in read_entries(file).items()
    for english, chinese in entries.items()
]
MESSAGES = [entry for entry in ENTRIES if entry.file == "messages"]


@functools.cache
def source_texts() -> dict[str, Text]:
    """The texts of the package that need a translation; one of each."""
    found = {text.template: text for text in reversed(list(texts()))}
    return {
        template: text
        for template, text in found.items()
        if template not in NOT_TRANSLATED and not SAME_IN_BOTH.fullmatch(template)
    }


def toml_lines(missing: Iterable[Text]) -> str:
    """Lines to paste into a file of the catalogue; the comments say where the texts are and what their values are."""
    lines = ["Add their Chinese to src/elman/translations/zh/ (messages.toml, or words.toml for single words):", ""]
    for text in missing:
        lines.append(f"# {text.where}" + "".join(f"   {{{n}}} = {value}" for n, value in enumerate(text.values)))
        escaped = text.template.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        lines.append(f'"{escaped}" = "{escaped}"')
    return "\n".join(lines)


def test_every_text_is_translated() -> None:
    translated = {entry.english for entry in ENTRIES}
    translated |= {english.partition(";")[0] for english in option_texts()}  # which configs put together
    missing = [text for template, text in source_texts().items() if template not in translated]
    assert not missing, toml_lines(missing)


def test_no_entry_is_left_over() -> None:
    known = source_texts().keys() | option_texts().keys() | help_texts() | PARSER
    words = constants()
    left_over = [
        f"{entry.file}.toml [{entry.section}] {entry.english!r}"
        for entry in ENTRIES
        if entry.english not in (words if entry.file == "words" else known) and entry.section != OUTSIDE
    ]
    assert not left_over, "\n".join(left_over)


def test_nothing_is_translated_twice() -> None:
    for file in FILES:
        counts = Counter(entry.english for entry in ENTRIES if entry.file == file)
        assert [english for english, count in counts.items() if count > 1] == []


PARSER = set(read_entries("help")["parser"])


def help_texts() -> set[str]:
    """The texts of help pages that are not those of config fields."""
    options = {option.help for option in command_options()}
    found = set()
    for _, command in every_command():
        for text in (command.help, *(parameter.help for parameter in command.params)):
            if text and text not in options and not re.match(rf"({'|'.join(TASKS)})\b.*: ", text):
                found.add(text)
    return found


def command_options() -> Iterator[Option]:
    """The options of all commands that configs declare."""
    for task in map(task_spec, TASKS):
        configs = [task.run_config, task.evaluation.options, task.evaluation.reader_options or task.reader_config]
        for config in [*configs, *([task.prediction.options] if task.prediction else [])]:
            yield from options_of(config)


def option_texts() -> dict[str, str]:
    """The texts of config fields: as templates of the catalogue, with what they are in English."""
    found = {}
    fields = [field for task in TASKS for field in fields_of(task_spec(task).run_config)]
    for field in [*fields, *command_options()]:
        for text in (field.description, field.automatic or (field.default if field.kind is bool else "")):
            if text:
                template = catalogue("options").matching(text)
                found[template.english if template is not None else text] = text
    return found


def test_the_help_of_every_command_is_translated() -> None:
    missing = help_texts() - {entry.english for entry in ENTRIES if entry.file == "help"}
    assert not missing, toml_lines(Text(text, (), "help.toml") for text in sorted(missing))


def test_every_option_is_translated() -> None:
    missing = option_texts().keys() - {entry.english for entry in ENTRIES if entry.file == "options"}
    assert not missing, toml_lines(Text(text, (), "options.toml") for text in sorted(missing))


def placeholders(text: str) -> set[str]:
    """The placeholders of a template, without the endings of the plural."""
    return {field for _, field, _, _ in string.Formatter().parse(text) if field is not None} - {"s"}


def test_a_translation_has_the_same_values() -> None:
    wrong = []
    for entry in ENTRIES:
        lost = placeholders(entry.english) - placeholders(entry.chinese)
        text = source_texts().get(entry.english)
        if text is not None:  # a noun that English repeats may stand once in Chinese
            kept = {text.values[int(field)] for field in placeholders(entry.chinese)}
            lost = {field for field in lost if text.values[int(field)] not in kept}
        if lost or placeholders(entry.chinese) > placeholders(entry.english):
            wrong.append(entry)
    assert wrong == []


def sample(english: str, chinese: str) -> tuple[str, dict[str, str]]:
    """A message of a template, and the values in it by placeholder. What follows another value directly is empty."""
    parts = list(string.Formatter().parse(english))
    fields = [field for _, field, _, _ in parts if field not in (None, "s")]
    numbers = {field for _, field, form, _ in string.Formatter().parse(chinese) if form == "number"}
    values = {str(field): f"4{field}" if field in numbers else f"値{field}" for field in fields}
    for index, (literal, field, _, _) in enumerate(parts):
        if index and not literal and field != "s":
            values[str(field)] = ""
    return english.format(*(values[str(n)] for n in range(len(values))), s=""), values


def test_a_message_is_recognized_and_keeps_its_values() -> None:
    wrong: list[tuple[object, ...]] = []
    for entry in ENTRIES:
        message, values = sample(entry.english, entry.chinese)
        translations = catalogue(entry.file)
        template = translations.matching(message)
        if values and (template is None or template.english != entry.english):
            wrong.append((entry.english, "is taken by", template and template.english))
        chinese = translations.translate(message)
        if lost := [field for field in placeholders(entry.chinese) if values[field] not in chinese]:
            wrong.append((entry.english, "loses", lost))
    assert wrong == []


# Names, numbers and code, which no translation changes.
CODE = re.compile(
    r"`[^`]*`|(?<![\w-])--?[a-z][\w-]*|\b[A-Z]{2,}[\w-]*|\b[a-z]+_\w+|\b\d[\d,.]*\d\b|(?<![{\w])\d\b(?!\})", re.ASCII
)
IN_WORDS = {  # what Chinese says in words
    "TAB": "制表符", "TOKENS": "词元", "TAGS": "标签", "SOURCE": "源序列", "TARGET": "目标序列", "LABEL": "标签",
    "PROBABILITY": "概率", "LINE": "行", "SCORE": "得分", "VALUE": "值", "embedding_size": "嵌入维数",
}  # fmt: skip


def test_a_translation_keeps_names_numbers_and_code() -> None:
    wrong = []
    for entry in ENTRIES:
        if entry.file != "words" and entry.section != "parser":
            names = {name.rstrip(",.") for name in CODE.findall(entry.english)}
            lost = [name for name in names if name.strip("`") not in entry.chinese]
            lost = [name for name in lost if name not in IN_WORDS or IN_WORDS[name] not in entry.chinese]
            wrong += [(entry.chinese, "lacks", name) for name in lost]
    assert wrong == []


ASCII_PUNCTUATION = re.compile(r"[一-鿿](?:\(| ?[,;:!?])|[,;:!?] ?[一-鿿]|[^|\s\]] [，。；：（]")


def test_translations_are_chinese_with_full_width_punctuation() -> None:
    wrong = []
    for entry in ENTRIES:
        if entry.file == "words":  # MAE is MAE
            continue
        chinese = re.sub(r"`[^`]*`|\{\d+(:\w+)?\}", "x", entry.chinese)
        words = re.sub(r"\{.*?\}", "", entry.english)
        if (re.search("[a-z]{3}", words) and not re.search("[一-鿿]", chinese)) or ASCII_PUNCTUATION.search(chinese):
            wrong.append(entry)
    assert wrong == []


def test_defaults_have_one_form_in_help_pages() -> None:
    """As Option.help writes them: two spaces, and the word that the parser uses, too."""
    wrong = []
    for entry in ENTRIES:
        if entry.file == "help" and "[default: " in entry.english:
            form = r".*[。）]  \[默认值：[^\]]+\]"
            wrong += [] if re.fullmatch(form, entry.chinese) else [entry.chinese]
    assert wrong == []


def test_the_lines_to_add_are_toml() -> None:
    text = Text('"{0}" has {1}\n\\ {{x}}', ("name", "count"), "file.py:3")
    assert tomllib.loads(toml_lines([text]).partition("\n\n")[2]) == {text.template: text.template}


EXAMPLES = Catalogue(
    {
        "{0} has {1} texts{2}; expected {3}": "{0} 有 {1:number} 段文本{2:t}；应为 {3:terms}",
        "columns {0}, {1} rows{2}": "列 {0:list}，{1:number} 行{2:t}",
        ", one every {0}": "，每{0:t}一个",
        "{0} day{s}": "{0} 天",
        "no such file": "没有这个文件",
        "Check {0}": "请检查{0}",
        "a file": "文件",
    },
    {"label": "标签", "day": "一天"},
)


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("no such file", "没有这个文件"),
        ("no such file. Check x.txt", "没有这个文件。请检查 x.txt"),
        ("a b.txt:3: no such file", "a b.txt:3: 没有这个文件"),
        ("model.size (--size): no such file", "model.size (--size)：没有这个文件"),
        ("x has 3 texts; expected label or a file", "x 有 3 段文本；应为标签或文件"),
        ("label has 3 texts, one every day; expected y", "label 有 3 段文本，每一天一个；应为 y"),
        ("columns a, b, 3 rows, one every 2 days", "列 a、b，3 行，每 2 天一个"),
        ("1 day", "1 天"),
        ("no such file\nsomething else\n\n1 day", "没有这个文件\nsomething else\n\n1 天"),
        ("label", "label"),
        ("nothing that is known", "nothing that is known"),
    ],
)
def test_a_message_is_translated_with_its_values(english: str, chinese: str) -> None:
    assert EXAMPLES.translate(english) == chinese


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("a", "a"),
        ("a, b", "a、b"),
        ("a or b", "a 或 b"),
        ("a, b or c", "a、b 或 c"),
        ("steps and epochs", "steps 和 epochs"),
        ("a, b and 1,000 more", "a、b 等，另有 1,000 个"),
    ],
)
def test_lists(english: str, chinese: str) -> None:
    assert chinese_list(english) == chinese


def test_a_text_is_translated_only_in_chinese() -> None:
    assert translate("no such file") == "no such file"
    with use_language("zh"):
        assert translate("no such file") == "没有这个文件"
        assert translate("label") == "label"
        assert translate("label", "words") == "标签"
    assert translate("no such file") == "no such file"


@given(st.text(alphabet="中文字，。（）ab 12", max_size=60), st.integers(6, 30))
def test_wrapping_changes_nothing_but_spaces(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(line == line.rstrip() for line in lines)


@given(st.text(alphabet="中文字 ", max_size=60), st.integers(2, 30))
def test_wrapped_lines_are_as_wide_as_allowed_at_most(text: str, width: int) -> None:
    assert all(display_width(line) <= width for line in wrap(text, width))


def test_a_line_neither_begins_with_closing_nor_ends_with_opening_punctuation() -> None:
    assert wrap("一二三，四五（六）七", 6) == ["一二", "三，四", "五", "（六）", "七"]
    assert wrap("取 [默认值：1]", 5) == ["取", "[默认", "值：", "1]"]


def test_padding_counts_columns() -> None:
    assert pad("损失", 6) == "损失  "
    assert pad("损失", 6, right=True) == "  损失"
