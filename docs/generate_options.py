"""Write docs/en/options.md and docs/zh/options.md: all options of all tasks, from the fields of their configs.

    make docs-pages

A test compares the pages with the configs, so an option is documented where it is declared, and nowhere else. The
configs are in English; the catalogue of elman.translations has the Chinese of each of their texts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from elman.options import Option, fields_of
from elman.tasks.spec import TASKS, task_spec
from elman.translations import Language, use_language

DOCS = Path(__file__).parent
HEADINGS: dict[Language, str] = {
    "en": """# Options

All options of all tasks. An option with a flag is set by `elman train TASK FLAG VALUE`; every option can be set by
`--set KEY=VALUE` or in a TOML file (`--config FILE.toml`). In Python, `help(elman.Classifier)` lists the parameters of
an estimator: the options that are set most often, by the last part of their key, such as `hidden_size`. All others are
set by `config`: `elman.LanguageModel(config={"training": {"batch_size": 32}})`. Options marked (training) are used in
training only, not in prediction. This page is generated from the configs of the tasks.
""",
    "zh": """# 选项一览：训练、数据与模型的全部参数

各任务的全部选项。带标志的选项用 `elman train 任务 标志 值` 设置；任何选项都可以用 `--set 键=值` 或 TOML 文件
（`--config 文件.toml`）设置。在 Python 中，`help(elman.Classifier)` 列出估计器的参数：最常用的选项，以键的最后一段
为名，例如 `hidden_size`；其余的通过 `config` 传入：`elman.LanguageModel(config={"training": {"batch_size": 32}})`。
标有（训练）的选项只在训练时使用，预测时不用。本页由各任务的配置类生成，内容与命令行的 `--help` 一致；加 `--lang zh`
时，`--help` 也显示中文。
""",
}
COLUMNS: dict[Language, tuple[str, ...]] = {
    "en": ("key", "flag", "default", "meaning"),
    "zh": ("键", "标志", "默认值", "说明"),
}


def page(language: Language) -> str:
    """Return the page in a language."""
    parts = [HEADINGS[language]]
    for task in TASKS:
        fields = fields_of(task_spec(task).run_config)
        with use_language(language):
            rows = "\n".join(map(_row, fields))
        columns = " | ".join(COLUMNS[language])
        parts.append(f"## elman train {task}\n\n| {columns} |\n|---|---|---|---|\n{rows}\n")
    return "\n".join(parts)


def pages() -> Iterator[tuple[Path, str]]:
    """Yield the path and the text of each page."""
    for language in HEADINGS:
        yield DOCS / language / "options.md", page(language)


def _row(field: Option) -> str:
    flags = [field.flag, field.negative_flag] if not field.negative_flag.startswith("--no-") else [field.flag]
    cells = [f"`{field.key}`", ", ".join(f"`{flag}`" for flag in flags if flag), field.described_default, field.meaning]
    return "| " + " | ".join(cell.replace("|", "\\|").replace("<", "\\<") for cell in cells) + " |"


if __name__ == "__main__":
    for path, text in pages():
        path.write_text(text, "utf-8")
