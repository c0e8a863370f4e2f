"""Write docs/en/labs.md and docs/zh/labs.md: all labs by chapter, from the labs themselves.

    make docs-pages

A test compares the pages with the labs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from elman.labs import ALIASES, CHAPTERS, LABS, load_lab
from elman.labs.lab import Lab, Language, format_duration
from elman.translations import LANGUAGES

DOCS = Path(__file__).parent
COMMANDS = """```bash
elman lab
elman lab srn-tanh
elman lab 作业8
elman lab srn-linear srn-tanh --check --json
elman lab srn-tanh --notebook srn-tanh.ipynb
```
"""
CHINESE_COMMANDS = re.sub(r"^elman .*", r"\g<0> --lang zh", COMMANDS, flags=re.MULTILINE)
INTRODUCTIONS = {
    "en": f"""# Labs: the textbook's experiments on recurrent neural networks

Each lab is an experiment of a textbook or of a course, with the numbers that it must give. It is one short file in
`src/elman/labs/` that you can read in a few minutes, and it runs without a GPU. It prints its equations, what it
computes and what is expected, and where a source is wrong, the wrong way beside the right way. Figures need matplotlib
(`pip install "elman[plot]"`); some labs need PyTorch (`pip install "elman[train]"`).

{COMMANDS}
The first command lists the labs. `--check` prints one line for each lab and exits with 1 if a claim does not hold; with
`--json` it prints all computed and expected values. `--figures DIR` writes the figures, and `--notebook FILE.ipynb`
writes a lab as a notebook. `--lang zh` prints Chinese; without it, the environment (`LC_ALL`, `LANG`) decides.
`--seeds N` sets how many seeds (0, 1, ..., N-1) a lab uses whose claim is about several, and `--scale smoke` shortens
every training, to see that it runs. Aliases are the names under which students know these exercises, such as 作业8.

An **expected** value was computed by hand, follows from theory (a gradient equals its finite differences), or was
printed by the original program or book. Bounds of trainings (`>=`, `<=`) were set from measurements with several seeds.
✓ means that the computed value agrees, ✗ that it does not.

The text of a book is not part of elman. Labs that need it read it from the cache, where `elman data fetch timemachine`
puts it, or they read your own text with `--text FILE`. Without a text they are skipped and name this command.
[Exercises](exercises.md) let you write the functions yourself, and grade them.
""",
    "zh": f"""# 实验：循环神经网络教材与课程作业的可运行版本（作业8、作业9、作业10）

每个实验都来自教材或课程作业，并写明应得的数字。一个实验是 `src/elman/labs/` 里的一个短文件，几分钟就能读完，
运行时不需要 GPU。它会打印公式、计算结果与期望值；如果原始资料有错，就把错误的做法与正确的做法放在一起，用数字说明差别。
画图需要 matplotlib（`pip install "elman[plot]"`），部分实验需要 PyTorch（`pip install "elman[train]"`）。

{CHINESE_COMMANDS}
第一条命令列出全部实验。`--check` 为每个实验打印一行，有结果不符时退出码为 1；加上 `--json` 则打印全部计算值与期望值。
`--figures DIR` 把图写入文件夹，`--notebook FILE.ipynb` 把实验写成笔记本。`--lang zh` 输出中文；
不写时由环境变量（`LC_ALL`、`LANG`）决定。结论涉及多个随机种子的实验，可以用 `--seeds N` 设置种子的个数
（0、1、……、N-1）；`--scale smoke` 缩短训练，只用来确认能够运行。
作业与实验的常用名称是这些实验的别名。

输出里的“**期望**”是应得的数，来源有三种：手算的结果、理论上应有的结果（例如梯度等于有限差分），原程序或书上打印的数。
对训练结果的上下限（`>=`、`<=`）由多个随机种子的测量定出。✓ 表示算出的数与期望相符，✗ 表示不符。

书的全文不随 elman 发布。需要它的实验从缓存读取，`elman data fetch timemachine` 把书下载到缓存；也可以用 `--text FILE`
换成自己的文本。没有文本的实验会跳过，并给出获取数据的命令。
想自己动手写，请看[自动评分的练习](exercises.md)。
""",
}
COLUMNS = {"en": ("lab", "what it shows", "source", "time"), "zh": ("实验", "内容", "出处", "用时")}
ALIAS_COLUMNS = {"en": ("alias", "labs"), "zh": ("别名", "实验")}
ALIAS_HEADINGS = {"en": "Aliases", "zh": "别名"}


def page(language: Language) -> str:
    """Return the page in a language."""
    parts = [INTRODUCTIONS[language]]
    for chapter, title in CHAPTERS.items():
        labs = [lab for lab in map(load_lab, LABS) if lab.chapter == chapter]
        rows = [_row(lab, language) for lab in labs]
        parts.append(f"## {title.in_language(language)}\n\n{_table(COLUMNS[language], rows)}")
    comma = "、" if language == "zh" else ", "
    aliases = [(alias, comma.join(f"`{name}`" for name in names)) for alias, names in ALIASES.items()]
    parts.append(f"## {ALIAS_HEADINGS[language]}\n\n{_table(ALIAS_COLUMNS[language], aliases)}")
    return "\n".join(parts)


def pages() -> Iterator[tuple[Path, str]]:
    """Yield the path and the text of each page."""
    for language in LANGUAGES:
        yield DOCS / language / "labs.md", page(language)


def _row(lab: Lab, language: Language) -> tuple[str, ...]:
    title, claim = lab.title.in_language(language), lab.claim.in_language(language)
    full_stop = "。" if language == "zh" else ". "
    return (
        f"`{lab.name}`",
        f"**{title}**{full_stop}{claim}",
        lab.source.in_language(language),
        format_duration(lab.seconds).in_language(language),
    )


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


if __name__ == "__main__":
    for path, text in pages():
        path.write_text(text, encoding="utf-8")
