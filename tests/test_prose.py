"""README and docs are run: every elman command and every Python snippet. The Chinese pages have the very same ones,
and their labs print Chinese.

Commands run in process, in a folder with a small file of each name that the pages use. Minutes, epochs and the budget
that elman would choose become a few steps on one thread, validated once; a snippet of Python makes at most 20 steps.
Generated data sets, the labs of an alias and the number of pictures are cut short; other tests run all labs and draw
all pictures. The studio and the service end at once, and the service takes a free port. Nothing else is changed. A
command that needs a package which is not installed is not run.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from elman import labs
from elman.cells import CELLS
from elman.cli import main
from elman.data import generated_datasets
from elman.inspect import trace_pictures
from elman.serve.api.workers import Workers
from elman.tasks.seq2seq import answers
from elman.training import intervals, throughput

from .commands import every_command

ROOT = Path(__file__).parent.parent
PAGES = [
    "README.md",
    "README.zh-CN.md",
    "CONTRIBUTING.md",
    *sorted(
        path.relative_to(ROOT).as_posix() for language in ("en", "zh") for path in ROOT.glob(f"docs/{language}/**/*.md")
    ),
]
ENGLISH_PAGES = [page for page in PAGES if "zh" not in page]
STEPS, SNIPPET_STEPS = "3", "20"  # of a command or config, and of Python
NOT_RUN = (
    "git clone",
    "cd ",
    "make ",
    "pip install",
    "pip wheel",
    "ELMAN_WITHOUT_KERNELS=1 pip install",
    "python benchmarks/",
    "python -m venv",
    "python -c",
    "curl ",
)  # said, run elsewhere
SHELL = ("cc ", "echo ", "./")  # run by a shell, where there is a C compiler
FLAGS_OF_OTHERS = {  # pip's and Docker's
    *("--find-links", "--no-compile", "--no-deps", "--no-index"),
    *("--read-only", "--rm", "--shm-size"),
}
ENGLISH = "The time traveller smiled. It was a book, and the time was gone; he said nothing more about it.\n" * 60
CHINESE = "床前明月光，疑是地上霜。\n举头望明月，低头思故乡。\n白日依山尽，黄河入海流。\n" * 40
PHONES = {"a": "AA", "d": "D", "e": "EH", "k": "K", "o": "OW", "t": "T"}
WORDS = ["".join(letters) for letters in itertools.product("ktd", "aeo", "ktd", "aeo")]
PAIRS = [(word, " ".join(PHONES[letter] for letter in word)) for word in WORDS]
TRAININGS = [["elman", "train", task] for task in ("lm", "seq2seq", "classify", "tag", "forecast")]
TAGGED = [
    (["the", noun, verb, f"{n}"], ["DET", "NOUN", "VERB", "NUM"]) for n in range(9) for noun, verb in ("ab", "cd")
]
NAMED = [(["Ann", "Lee", "saw", f"{n}"], ["B-PER", "I-PER", "O", "O"]) for n in range(20)]
READINGS = [("银行", "yín háng"), ("行走", "xíng zǒu")]
MESSAGES = [(f"{text} {n}", label) for n in range(12) for text, label in (("win a prize", "spam"), ("see you", "ham"))]
CODE = re.compile(r"^```.*?^```|`[^`\n]*`|\]\([^)]*\)", re.MULTILINE | re.DOTALL)  # and the addresses of links
ASCII_PUNCTUATION = re.compile(r"[一-鿿](?:\(| ?[,;:!?])|[,;:!?] ?[一-鿿]|\(\d{4}\)|[^|\s] [，。；：（]")  # in Chinese
CHINESE_OUTPUT = " --lang zh"  # of labs; without it, the environment decides
LAB_COMMAND = re.compile(r"^elman lab\b.*|(?<=`)elman lab\b[^`\n]*", re.MULTILINE)  # in a block or within a line
NEEDS = {"bpe": "tokenizers", ".onnx": "onnxruntime"}  # endings of words of a command that an extra brings


RESIDUAL = """
import elman.cells
from tests.cells.outside_cell import Decay

elman.cells.register("residual", Decay)
"""


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)


def conllu(tokens: list[str], tags: list[str]) -> str:
    """A sentence as CoNLL-U."""
    rows = zip(tokens, tags, strict=True)
    return "".join(f"{i}\t{token}\t_\t{tag}" + 6 * "\t_" + "\n" for i, (token, tag) in enumerate(rows, 1)) + "\n"


def shortened(words: list[str]) -> list[str]:
    """The same command with a budget of a few steps, or of no time."""
    if words[:2] == ["elman", "--import"]:
        return [*words[:3], *shortened(["elman", *words[3:]])[1:]]
    if words[:2] == ["elman", "bench"]:
        one = ["--threads", "1"]  # on a busy machine torch's threads wait for each other at every time step
        sizes = {
            "train": ["--hidden", "16", "--length", "4", *one],
            "step": ["--hidden", "16"],
            "limit": one,
            "model": one,
        }
        return [*words, "--seconds", "0.01", *sizes[words[2]]]
    if words[:2] == ["elman", "serve"]:
        return [*words, "--port", "0"]
    if words[:2] == ["elman", "lab"]:
        return [*words, "--scale", "smoke"]
    if words[:2] == ["elman", "resume"]:
        return [f"+{STEPS}" if word.startswith("+") else word for word in words]
    if words[:3] not in TRAININGS and words[:2] != ["elman", "demo"]:
        return words
    if words[1] == "demo":
        return [*words, "--minutes", "0.005"]
    kept, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word in ("--minutes", "--epochs", "--steps"):
            skip = True
        else:
            kept.append(word)
    return [*kept, "--steps", STEPS, "--threads", "1"]


def lacking(words: list[str]) -> bool:
    """Whether a command needs a package that is not installed."""
    needs = (package for word in words for ending, package in NEEDS.items() if word.endswith(ending))
    return any(importlib.util.find_spec(package) is None for package in needs)


@pytest.fixture(scope="module")
def beginnings() -> dict[str, bytes]:
    """The first 200 lines of generated data sets."""
    lines = {name: generated_datasets.BUILDERS[name]().splitlines(keepends=True) for name in ("reverse", "addition")}
    return {name: b"".join(lines[name][:200]) for name in lines}


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beginnings: dict[str, bytes]) -> Path:
    """A folder with the files that the pages name."""
    files = {
        "book.txt": [ENGLISH],
        "other.txt": [ENGLISH[:500]],
        "poems.txt": [CHINESE],
        "pairs.tsv": [f"{source}\t{target}\n" for source, target in PAIRS],
        "sources.txt": [f"{source}\n" for source, _ in PAIRS],
        "targets.txt": [f"{target}\n" for _, target in PAIRS],
        "table.tsv": [f"{target}\tof\t{source}\n" for source, target in PAIRS],
        "references.tsv": [f"{source}\t{target}\t{target} AA\n" for source, target in PAIRS],
        "token.txt": ["0123456789" * 3],
        "messages.tsv": ["text\tlabel\n", *(f"{text}\t{label}\n" for text, label in MESSAGES)],
        "messages.csv": ["label,text\n", *(f"{label},{text}\n" for text, label in MESSAGES)],
        "bare.csv": [f"{label},{text}\n" for text, label in MESSAGES],
        "texts.txt": [f"{text}\n" for text, _ in MESSAGES],
        "new.csv": ["text,body\n", *(f"{text},{text}\n" for text, _ in MESSAGES)],
        "names/French.txt": [f"{source}eau\n" for source, _ in PAIRS],
        "names/中文.txt": [f"{source}ng\n" for source, _ in PAIRS],
        "models/tagger/README.md": [""],
        "sentences.txt": [f"{' '.join(tokens)}\n" for tokens, _ in TAGGED],
        "residual.py": [RESIDUAL],
        "tokens.csv": [
            "sentence_id,word\n",
            *(f"{number},{token}\n" for number, (tokens, _) in enumerate(TAGGED) for token in tokens),
        ],
        "tagged.conllu": [conllu(*each) for each in TAGGED],
        "people.txt": ["".join(map("{} {}\n".format, *each)) + "\n" for each in NAMED],
        "pinyin": [f"{phrase}{'了' * n}\t{tags}{' le' * n}\n" for phrase, tags in READINGS for n in range(9)],
        "sales.csv": [
            "month,sales,rain\n",
            *(f"{1990 + n // 12}-{n % 12 + 1:02d},{90 + n + 9 * (n % 12)},{n * n % 7}\n" for n in range(120)),
        ],
        "shops.csv": [
            "shop,date,sales\n",
            *(f"{shop},2021-01-{day:02d},{ord(shop) + day % 7}\n" for shop in "AB" for day in range(1, 31)),
        ],
        "pairs.jsonl": [json.dumps({"source": source, "target": target}) + "\n" for source, target in PAIRS],
    }
    for name, lines in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("".join(lines), "utf-8")
    for name, content in beginnings.items():
        (tmp_path / name).write_bytes(content)  # a file goes before the data set of its name
    for alias, names in labs.ALIASES.items():
        monkeypatch.setitem(labs.ALIASES, alias, names[:2])
    monkeypatch.setattr(answers, "MOST_DRAWN", 2)
    monkeypatch.setattr(trace_pictures, "UNITS", 1)
    monkeypatch.setattr(intervals, "VALIDATIONS", 1)
    monkeypatch.setattr(throughput, "available_threads", lambda: 1)  # threads wait for each other on a busy machine
    monkeypatch.setattr(uvicorn.Server, "run", lambda server, sockets: None)  # which runs until Ctrl-C
    monkeypatch.setattr(Workers, "run", lambda workers: 0)  # which starts processes
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(CELLS, "residual", CELLS["elman"])  # which is forgotten afterwards
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("ELMAN_DATA", raising=False)
    return tmp_path


@pytest.mark.integration
@pytest.mark.parametrize("page", ENGLISH_PAGES)
def test_every_command_and_snippet_of_the_page_runs(
    page: str, shelf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, object] = {}
    text = (ROOT / page).read_text("utf-8")
    for fence in re.finditer(r"^```(bash|python|toml)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        language, body = fence.groups()
        if language == "python":
            body = re.sub(r"\bsteps=\d{3,}", f"steps={SNIPPET_STEPS}", body)
            exec(compile(body, page, "exec"), names)
        elif language == "toml":
            (shelf / "book.toml").write_text(
                re.sub(r"^steps = .*", f"steps = {STEPS}", body, flags=re.MULTILINE), "utf-8"
            )
            monkeypatch.setattr(
                sys, "argv", shortened(shlex.split("elman train lm book.txt -o runs/toml --config book.toml"))
            )
            monkeypatch.setattr(sys, "argv", [word for word in sys.argv if word not in ("--steps", STEPS)])
            assert main() == 0
        else:
            for line in body.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if not words or line.startswith(NOT_RUN) or lacking(words):
                    continue
                if line.startswith(SHELL):
                    if shutil.which("cc"):
                        subprocess.run(line, shell=True, check=True, cwd=shelf, stdout=subprocess.DEVNULL)
                    continue
                assert words[0] == "elman", f"{page}: {line!r} is neither run nor said to be run elsewhere"
                monkeypatch.setattr(sys, "argv", shortened(words))
                code = main()
                assert code == 0, f"{page}: {line}\n{capsys.readouterr().err}"


def test_both_languages_have_the_same_pages_with_the_same_commands_and_snippets() -> None:
    english, chinese = (
        sorted(path.relative_to(ROOT / folder).as_posix() for path in (ROOT / folder).rglob("*.md"))
        for folder in ("docs/en", "docs/zh")
    )
    assert english == chinese
    pairs = [("README.md", "README.zh-CN.md"), *((f"docs/en/{name}", f"docs/zh/{name}") for name in english)]
    for mine, theirs in pairs:
        commands, chinese_commands = (
            "".join(blocks(page, "bash")).replace(CHINESE_OUTPUT, "") for page in (mine, theirs)
        )
        assert commands == chinese_commands, (mine, theirs)
        assert blocks(mine, "toml") == blocks(theirs, "toml"), (mine, theirs)
        without_comments = [[re.sub(r"#.*", "", b) for b in blocks(page, "python")] for page in (mine, theirs)]
        assert without_comments[0] == without_comments[1]


@pytest.mark.parametrize("page", [page for page in PAGES if "zh" in page])
def test_labs_of_chinese_pages_print_chinese_whatever_the_environment(page: str) -> None:
    commands = LAB_COMMAND.findall((ROOT / page).read_text("utf-8"))
    assert [command for command in commands if CHINESE_OUTPUT not in command] == []


@pytest.mark.parametrize("page", [page for page in PAGES if "zh" in page])
def test_chinese_text_has_full_width_punctuation(page: str) -> None:
    lines = CODE.sub("`", (ROOT / page).read_text("utf-8")).splitlines()
    assert [line for line in lines if ASCII_PUNCTUATION.search(line)] == []


def test_every_flag_that_the_pages_name_exists() -> None:
    known = {"--help", "--strict", *FLAGS_OF_OTHERS, *flags()}  # mypy's is --strict
    for page in PAGES:
        text = re.sub("^python benchmarks/.*", "", (ROOT / page).read_text("utf-8"), flags=re.MULTILINE)
        used = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))
        assert used - known == set(), page


def flags() -> Iterator[str]:
    """The flags of every command."""
    for _, command in every_command():
        for parameter in command.params:
            yield from (*parameter.opts, *parameter.secondary_opts)
