"""Write docs/en/options.md and docs/zh/options.md: all options of all tasks, from the fields of their configs.

    make docs-pages

A test compares the pages with the configs, so an option is documented where it is declared, and nowhere else. The
configs are in English; docs/zh/options.toml has the Chinese of each of their texts.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from elman.cells import CELLS
from elman.options import Option, fields_of
from elman.tasks.spec import TASKS, task_spec

DOCS = Path(__file__).parent
TRANSLATIONS = DOCS / "zh" / "options.toml"
HEADINGS = {
    "en": """# Options

All options of all tasks. An option with a flag is set by `elman train TASK FLAG VALUE`; every option can be set by
`--set KEY=VALUE` or in a TOML file (`--config FILE.toml`). A constructor parameter of an estimator has the last part of
the key as its name; any other key is set by `config={...}`. Options marked (training) are used in training only, not in
prediction. This page is generated from the configs of the tasks.
""",
    "zh": """# 选项一览：训练、数据与模型的全部参数

各任务的全部选项。带标志的选项用 `elman train 任务 标志 值` 设置；任何选项都可以用 `--set 键=值` 或 TOML 文件
（`--config 文件.toml`）设置。估计器的构造参数以键的最后一段为名，其余的键通过 `config={...}` 传入。
标有（训练）的选项只在训练时使用，预测时不用。本页由各任务的配置类生成，内容与命令行的英文 `--help` 一致。
""",
}
COLUMNS = {"en": ("key", "flag", "default", "meaning"), "zh": ("键", "标志", "默认值", "说明")}

Translations = Mapping[str, Mapping[str, str]]  # section of options.toml -> English -> Chinese


def page(language: str) -> str:
    """Return the page in a language."""
    parts = [HEADINGS[language]]
    for task in TASKS:
        fields = fields_of(task_spec(task).run_config)
        rows = "\n".join(_row(field, *IN_LANGUAGE[language](field)) for field in fields)
        columns = " | ".join(COLUMNS[language])
        parts.append(f"## elman train {task}\n\n| {columns} |\n|---|---|---|---|\n{rows}\n")
    return "\n".join(parts)


def pages() -> Iterator[tuple[Path, str]]:
    """Yield the path and the text of each page."""
    for language in HEADINGS:
        yield DOCS / language / "options.md", page(language)


def english_texts(field: Option) -> dict[str, str]:
    """Return the texts of an option that need a translation, by their section of options.toml."""
    default_in_words = field.automatic or (field.default if field.kind is bool else "")
    texts = {"meanings": field.description, "defaults": default_in_words}
    return {section: text for section, text in texts.items() if text}


@functools.cache
def read_translations() -> Translations:
    """Return the translations of options.toml; `{cells}` in a text stands for the names of all cells."""
    sections = tomllib.loads(TRANSLATIONS.read_text("utf-8"))
    english, chinese = ", ".join(CELLS), "、".join(CELLS)
    return {
        section: {key.replace("{cells}", english): text.replace("{cells}", chinese) for key, text in texts.items()}
        for section, texts in sections.items()
    }


def _in_english(field: Option) -> tuple[str, str]:
    """Return the default and the meaning of an option in English."""
    return field.default, f"{field.meaning}."


def _in_chinese(field: Option) -> tuple[str, str]:
    """Return the default and the meaning of an option in Chinese."""
    texts = {section: _translate(section, text) for section, text in english_texts(field).items()}
    choices = f"可取 {_chinese_list(field.choices)}。" if field.choices else ""
    return texts.get("defaults", field.default), f"{texts['meanings']}。{choices}"


def _translate(section: str, text: str) -> str:
    translations = read_translations()[section]
    if text not in translations:
        raise LookupError(f'no translation of "{text}". Add a line to [{section}] in docs/zh/options.toml')
    return translations[text]


def _chinese_list(names: Sequence[str]) -> str:
    return f"{'、'.join(names[:-1])} 或 {names[-1]}" if len(names) > 1 else names[0]


IN_LANGUAGE = {"en": _in_english, "zh": _in_chinese}


def _row(field: Option, default: str, meaning: str) -> str:
    cells = [f"`{field.key}`", f"`{field.flag}`" if field.flag else "", default, meaning]
    return "| " + " | ".join(cell.replace("|", "\\|").replace("<", "\\<") for cell in cells) + " |"


if __name__ == "__main__":
    for path, text in pages():
        path.write_text(text, "utf-8")
