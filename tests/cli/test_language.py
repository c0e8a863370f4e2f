"""Commands in Chinese: nothing stays English, the numbers are the same, and programs see the same as in English."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from elman.errors import ConfigError
from elman.tasks.loading import load
from elman.translations import current_language, display_width

from ..cards import without_speed
from ..commands import every_command
from .conftest import TINY, Command, Done

VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")
# What is the same in both languages: code, commands, quoted names, values of flags, the types of the parser.
SAME = re.compile(
    r"`[^`]*`|^ *elman .*|(?<=：)elman .*|'[^']*'|<[a-z| ]+>|\{[^}]*\}|--[a-z-]+ [\w.]+|recurrent: gru", re.MULTILINE
)
ENGLISH = re.compile(r"[A-Za-z]{2,}[,;:]? [a-z]{2,}")  # two words
NUMBER = re.compile(r"\d[\d,.:]*\d|\d")


def english_in(text: str) -> list[str]:
    """Return the English that is left in a Chinese text."""
    return ENGLISH.findall(SAME.sub("", text))


def conllu(tokens: list[str], tags: list[str]) -> str:
    rows = zip(tokens, tags, strict=True)
    return "".join(f"{n}\t{token}\t_\t{tag}" + 6 * "\t_" + "\n" for n, (token, tag) in enumerate(rows, 1)) + "\n"


FILES = {
    "lm": "The time traveller smiled.\nIt was a book, and the time was gone.\n" * 40,
    "classify": "text\tlabel\n" + "".join(f"{a} {n}\t{b}\n" for n in range(9) for a, b in (("win", "x"), ("see", "y"))),
    "tag": "".join(conllu(["the", noun, f"{n}"], ["DET", "NOUN", "NUM"]) for n in range(9) for noun in ("ab", "cd")),
    "seq2seq": "".join(f"{a}{b}\t{b.upper()} {a.upper()}\n" for a in "abcdefg" for b in "hijklmn"),
    "forecast": "month,sales\n" + "".join(f"{1990 + n // 12}-{n % 12 + 1:02d},{90 + n + n % 12}\n" for n in range(96)),
}
SMALL = ["--steps", "2", "--hidden", "8", "--threads", "1", "--seed", "3"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file for each task."""
    folder = tmp_path_factory.mktemp("data")
    for task, text in FILES.items():
        (folder / task).write_text(text, "utf-8")
    return folder


@pytest.mark.parametrize("task", FILES)
def test_training_and_evaluation_are_chinese_with_the_numbers_of_english(
    task: str, command: Command, data: Path, tmp_path: Path
) -> None:
    texts: dict[str, list[str]] = {}
    for language in ("en", "zh"):
        run = tmp_path / language
        trained = command("--lang", language, "train", task, data / task, "-o", run, *SMALL)
        assert trained.code == 0, trained.err
        evaluated = command("evaluate", run, "--lang", language)
        card = without_speed((run / "model" / "README.md").read_bytes()).decode()
        # without samples, and without the lines that appear after some seconds
        lines = re.sub(r"^(    | *\d+%  ).*\n", "", trained.err, flags=re.MULTILINE)
        texts[language] = [lines.replace(str(run), "RUN"), evaluated.out + evaluated.err, card]
    for english, chinese in zip(texts["en"], texts["zh"], strict=True):
        assert english_in(chinese) == []
        assert re.search("[一-鿿]", chinese)
        assert sorted(NUMBER.findall(chinese)) == sorted(NUMBER.findall(english))
    weights = [(tmp_path / language / "model" / "model.safetensors").read_bytes() for language in ("en", "zh")]
    assert weights[0] == weights[1]


@pytest.mark.parametrize("words", [words for words, _ in every_command()], ids=" ".join)
def test_help_is_chinese(words: list[str], command: Command) -> None:
    done = command(*words, "--help", "--lang", "zh")
    assert (done.code, done.err) == (0, "")
    assert f"用法：elman {' '.join(words)}".rstrip() in done.out
    assert "选项：" in done.out
    assert english_in(re.sub("\n +", " ", done.out)) == []
    assert max(map(display_width, done.out.splitlines())) <= 80


def test_the_help_of_a_command_begins_each_explanation_in_one_column(command: Command) -> None:
    lines = command("bench", "limit", "--help", "--lang", "zh").out.splitlines()
    begins = [re.match(r"  --.*?\S  +", line) for line in lines[lines.index("选项：") :]]
    columns = {display_width(begin[0]) for begin in begins if begin is not None}
    assert len(columns) == 1


FAILURES = {
    "train lm none.txt -o x": "none.txt: 没有这个文件。请检查路径。`elman data list` 列出内置的数据集。",
    "train lm -o x": "缺少参数 'DATA...'。用法见 `elman train lm --help`。",
    "train lm BOOK -o x --steps y": "'--steps' 的值无效：应为整数。用法见 `elman train lm --help`。",
    "train lm BOOK -o x --lr -1": "training.learning_rate (--lr)：给出的是 -1.0；应为大于 0 的数",
    "train lm BOOK -o x --set a": "--set 'a'；应为 KEY=VALUE（键=值）。例如：--set training.batch_size=64。",
    "train lm BOOK -o x --dropout 2 --cell gur": (
        "model.cell (--cell)：未知的循环单元 'gur'；"
        "可取 elman、gru、lstm、layer_norm_lstm、min_gru 或 reset_before_gru（是否想写 'gru'？）\n"
        "model.dropout (--dropout)：给出的是 2.0；应为小于 1 的数"
    ),
    "train lm BOOK -o x --steps 1 --epochs 1": (
        "training：给出的是 steps 和 epochs；steps、epochs 和 minutes 只能给出一个"
    ),
    "trai": "没有这个命令：'trai'。是否想写 'train'？用法见 `elman --help`。",
    "generate none": "none: 没有这个文件夹。请给出运行文件夹或模型文件夹。",
    "predict RUN": (
        "RUN 是语言模型；predict 需要分类器、标注器、序列到序列模型或预测模型。"
        '请用 `elman generate RUN --prompt "..."`。'
    ),
    "generate RUN --temperature -1": "temperature：给出的是 -1.0；应大于或等于 0（0 为贪心搜索）",
    "evaluate RUN --beam 3": "--beam：该模型是语言模型；应为 seq2seq 的模型。请去掉 --beam。",
    "lab nothing-like-it": "没有名为 'nothing-like-it' 的实验。用 `elman lab` 列出全部实验。",
    "lab --lang fr": "'--lang' 的值无效：'fr' 不在可取的值之中：'en'、'zh'。用法见 `elman lab --help`。",
    "bench limit --threads 0": "--threads '0'；应为用逗号分隔的正整数，例如 64,128",
}


@pytest.mark.parametrize("words", FAILURES)
def test_errors_are_chinese(
    words: str, command: Command, trained: Path, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    names = {"RUN": str(trained), "BOOK": str(book)}
    done = command(*(names.get(word, word) for word in words.split()))
    assert done.code != 0
    assert done.err.replace(str(trained), "RUN").replace(f"{Path.cwd()}/", "") == f"elman: {FAILURES[words]}\n"


def test_a_line_that_cannot_be_read_is_reported_in_chinese(command: Command, data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert command("train", "classify", data / "classify", "-o", run, *SMALL).code == 0
    (tmp_path / "texts.txt").write_text("win 3\n\nsee 4\n", "utf-8")
    done = command("--lang", "zh", "predict", run, tmp_path / "texts.txt")
    assert done.code == 3
    assert done.err.replace(str(tmp_path), "") == (
        "/texts.txt:2: 是空的；应为一段文本\nelman: /texts.txt: 有 1 行没有得到预测，已在上面列出；其余各行都有\n"
    )


def test_json_is_the_same_in_every_language(command: Command, trained: Path) -> None:
    for words in (["evaluate", trained], ["evaluate", trained, "none.txt"], ["predict", trained], ["doctor"]):
        english, chinese = (command(*words, "--json", "--lang", language) for language in ("en", "zh"))
        assert (chinese.code, json.loads(chinese.out)) == (english.code, json.loads(english.out))
    assert json.loads(english.out)["versions"]


@pytest.mark.parametrize(
    ("variables", "arguments", "chinese"),
    [
        ({}, [], False),
        ({"LANG": "zh_CN.UTF-8"}, [], True),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_TW.UTF-8"}, [], True),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, [], False),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, [], True),
        ({"LANG": "zh_CN.UTF-8"}, ["--lang", "en"], False),
        ({}, ["--lang=zh"], True),
    ],
)
def test_the_option_comes_before_the_environment(
    variables: dict[str, str], arguments: list[str], chinese: bool, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert command(*arguments, "data", "--help").out.startswith("用法" if chinese else "Usage")
    assert current_language() == "en"


def test_the_option_may_stand_before_and_after_the_command(command: Command) -> None:
    lines = [["--lang", "zh", "data", "list"], ["data", "--lang", "zh", "list"], ["data", "list", "--lang", "zh"]]
    first, *others = [command(*words).out for words in lines]
    assert "可用" in first
    assert others == [first, first]


def test_the_columns_of_a_table_are_aligned(command: Command) -> None:
    rows = command("data", "list", "--lang", "zh").out.splitlines()
    columns = re.compile(r".*? (可用|elman data fetch \S+|pip install \S+|已损坏\S+ elman data path \S+) +")
    begins = [columns.match(row) for row in rows]
    assert {display_width(begin[0]) for begin in begins if begin is not None} == {17 + 14 + 36}
    assert None not in begins


def test_a_resumed_run_has_its_card_in_the_language_of_its_training(
    command: Command, book: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert command("train", "lm", book, "-o", run, "--steps", 2, *TINY, "--lang", "zh").code == 0
    card = (run / "model" / "README.md").read_bytes()
    assert card.decode().startswith("# 语言模型\n")
    (run / "model" / "README.md").write_text("", "utf-8")
    resumed: Done = command("resume", run)
    assert "there is nothing left to do" in resumed.err
    assert without_speed((run / "model" / "README.md").read_bytes()) == without_speed(card)
    assert load(run).card.startswith("# 语言模型\n")


def test_python_gets_english(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    monkeypatch.setattr(sys, "argv", ["python", "--lang", "zh"])
    with pytest.raises(ConfigError, match="temperature: given -1"):
        list(load(trained).stream("a", temperature=-1))
