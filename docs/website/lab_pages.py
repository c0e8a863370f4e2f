"""A page for each lab: what it claims, prints and draws in the page's language, and its own source.

Labs run while the site is built, each once for both languages and in a process of its own. What a run has given is kept
in docs/_build/labs until a file changes that the lab has loaded, so a second build is quick.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any

from elman.labs import ALIASES, CHAPTERS, LABS, load_lab
from elman.labs.explanation import explain
from elman.labs.lab import Lab, Language, Text, format_duration
from website.contents import DOCS
from website.docstrings import FENCE, as_markdown
from website.run_lab import RECORD, hash_file

RUNNER = Path(__file__).parent / "run_lab.py"
TIMEOUT = 1800  # seconds for one lab
WORDS = {
    "run": Text("Run it", "运行"),
    "notebook": Text("Download the lab as a notebook", "下载实验笔记本（.ipynb）"),
    "output": Text("What the lab prints", "运行结果"),
    "claims": Text("Computed and expected", "计算值与期望值"),
    "claim": Text("claim", "结论"),
    "computed": Text("computed", "计算值"),
    "expected": Text("expected", "期望值"),
    "explanation": Text("Explanation", "说明"),
    "source": Text("Source code", "源代码"),
    "origin": Text("Source: ", "出处："),
    "chapter": Text("Chapter: ", "章节："),
    "time": Text("Running time: ", "运行时间："),
    "aliases": Text("Also known as: ", "又名："),
    "reading": Text("Read also: ", "延伸阅读："),
    "figure": Text("Figure", "图"),
    "smoke": Text(
        "This page was built with shortened trainings (`--scale smoke`): its numbers are not those of the full lab.",
        "本页构建时缩短了训练（`--scale smoke`），其中的数字不是完整实验的结果。",
    ),
    "skipped": Text("The lab was not run when this page was built: ", "构建本页时没有运行这个实验："),
}


READING = {  # pages that help with the labs of a chapter
    "srn": ("assignments", "theory/bptt", "exercises", "mistakes"),
    "bptt": ("assignments", "theory/bptt", "theory/lstm", "theory/gru", "theory/gradient-clipping", "exercises"),
    "addition": ("assignments", "theory/bptt", "exercises", "mistakes"),
    "sequences": ("assignments", "guide", "seq2seq", "exercises", "mistakes"),
    "language": ("theory/perplexity", "theory/truncation", "theory/gradient-clipping", "guide"),
    "encoder-decoder": ("seq2seq", "exercises", "mistakes"),
    "memory": ("assignments", "theory/lstm", "theory/initialisation", "theory/gradient-clipping"),
    "tasks": ("classifier", "tagger", "forecaster"),
}


def run_labs(folder: Path, scale: str, names: tuple[str, ...] = LABS) -> None:
    """Run all labs, the longest first, except those whose files have not changed; report failures together."""
    due = [name for name in names if not is_current(folder_of(folder, name, scale))]
    due.sort(key=lambda name: -load_lab(name).seconds)
    print(f"labs: {len(names) - len(due)} of {len(names)} are current, {len(due)} to run ({scale})", flush=True)
    with ThreadPoolExecutor(max(1, min(len(os.sched_getaffinity(0)), 8))) as pool:
        failures = [text for text in pool.map(lambda name: _run(folder, name, scale), due) if text]
    if failures:
        sys.exit("\n".join(failures))


def folder_of(folder: Path, name: str, scale: str) -> Path:
    """Return the folder of what a run of a lab has given."""
    return folder / scale / name


def is_current(folder: Path) -> bool:
    """Whether a run is there, and every file that it has loaded is as it was."""
    if not (folder / RECORD).exists():
        return False
    files = json.loads((folder / RECORD).read_text("utf-8"))["files"]
    return all(hash_file(Path(path)) == digest for path, digest in files.items())


def _run(folder: Path, name: str, scale: str) -> str | None:
    """Run a lab in a new process; return what went wrong."""
    target = folder_of(folder, name, scale)
    shutil.rmtree(target, ignore_errors=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    command = [sys.executable, str(RUNNER), name, scale, str(target)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    if done.returncode:
        return f"lab {name}: exit code {done.returncode}\n{done.stderr}"
    record = json.loads((target / RECORD).read_text("utf-8"))
    missed = [claim for claim in record["claims"] if not claim["passed"]]
    if missed:
        (target / RECORD).unlink()  # to run it again in the next build
        return f"lab {name}: claims do not hold: {missed}"
    return None


def write_lab_pages(folder: Path, source: Path, language: Language, scale: str) -> Iterator[tuple[str, str]]:
    """Yield the name and text of each lab's page; copy figures and notebooks into the folder of sources."""
    for name in LABS:
        run = folder_of(folder, name, scale)
        target = source / "labs" / "files"
        target.mkdir(parents=True, exist_ok=True)
        for path in (run / language).iterdir():
            shutil.copy2(path, target / path.name)
        record = json.loads((run / RECORD).read_text("utf-8"))
        yield f"labs/{name}", page(load_lab(name), record, language, smoke=scale == "smoke")


def page(lab: Lab, record: dict[str, Any], language: Language, *, smoke: bool) -> str:
    """Return the page of a lab as Markdown."""

    def word(key: str) -> str:
        return WORDS[key].in_language(language)

    module = importlib.import_module(lab.run.__module__)
    command = _command(lab, language)
    parts = [
        f"# {lab.title.in_language(language)}",
        lab.claim.in_language(language),
        "\n".join(_facts(lab, language)),
        *([f"> {word('smoke')}"] if smoke else []),
        f"## {word('run')}",
        f"{FENCE}bash\n{command}\n{FENCE}",
        f"{{download}}`{word('notebook')} <files/{lab.name}.ipynb>`",
        f"## {word('output')}",
        *([f"> {word('skipped')}{record['skipped'][language]}"] if record["skipped"] else []),
        *(_piece(piece, lab, language) for piece in record["pieces"]),
        *_claims(record, language),
        f"## {word('explanation')}",
        _link_names(as_markdown(explain(lab, language))),
        f"## {word('source')}",
        f"`src/elman/labs/{Path(inspect.getfile(module)).name}`",
        f"{FENCE}python\n{inspect.getsource(module)}{FENCE}",
    ]
    return "\n\n".join(parts) + "\n"


def _command(lab: Lab, language: Language) -> str:
    """Return the command that runs the lab and prints in the language of the page, whatever LANG is."""
    return f"elman lab {lab.name}{' --lang zh' if language == 'zh' else ''}"


def _facts(lab: Lab, language: Language) -> list[str]:
    """Return the lines below the claim: name, aliases, chapter, source and time."""
    aliases = [alias for alias, names in ALIASES.items() if lab.name in names]
    facts = [
        f"- `{_command(lab, language)}`",
        f"- {WORDS['chapter'].in_language(language)}{CHAPTERS[lab.chapter].in_language(language)}",
        f"- {WORDS['origin'].in_language(language)}{lab.source.in_language(language)}",
        f"- {WORDS['time'].in_language(language)}{_escaped(format_duration(lab.seconds).in_language(language))}",
    ]
    if aliases:
        separator = "、" if language == "zh" else ", "
        facts.insert(1, f"- {WORDS['aliases'].in_language(language)}{separator.join(aliases)}")
    links = [f"[{_title(page, language)}](../{page}.md)" for page in READING[lab.chapter]]
    facts.append(f"- {WORDS['reading'].in_language(language)}{('；' if language == 'zh' else '; ').join(links)}")
    return facts


def _link_names(text: str) -> str:
    """Link the names of labs that stand in backticks in the text of a page."""
    return re.sub(r"`([\w-]+)`", lambda match: f"[{match[0]}]({match[1]}.md)" if match[1] in LABS else match[0], text)


def _title(page: str, language: Language) -> str:
    """Return the title of a page, up to its first colon or bracket; that of a guide without the word."""
    title = (DOCS / language / f"{page}.md").read_text("utf-8").partition("\n")[0].removeprefix("# ")
    return re.split("[:：(（]", title.removeprefix("指南：").removeprefix("Guide: "))[0].strip()


def _piece(piece: dict[str, Any], lab: Lab, language: Language) -> str:
    if "figure" in piece:
        word, title = WORDS["figure"].in_language(language), lab.title.in_language(language)
        return f"![{word}: {title} ({piece['figure']})](files/{piece['figure']}.png)"
    return as_paragraphs(piece["text"][language])


def as_paragraphs(output: str) -> str:
    """Return the output of a lab: explanations as paragraphs, and indented lines (numbers, claims) as they are."""
    parts = []
    for is_indented, lines in groupby(output.splitlines(), key=lambda line: line.startswith(" ")):
        if is_indented:
            parts.append("\n".join([f"{FENCE}text", *lines, FENCE]))
        else:
            parts += [_escaped(line) for line in lines if line]
    return "\n\n".join(parts)


def _claims(record: dict[str, Any], language: Language) -> Iterator[str]:
    if not record["claims"]:
        return
    yield f"## {WORDS['claims'].in_language(language)}"
    header = [WORDS[key].in_language(language) for key in ("claim", "computed", "expected")]
    rows = [(claim["name"][language], claim["computed"], claim["expected"]) for claim in record["claims"]]
    lines = [header, ["---"] * 3, *([_cell(value) for value in row] for row in rows)]
    yield "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: str, longest: int = 200) -> str:
    """Return a cell of a table: special characters are escaped, and long lists of numbers are cut."""
    return _escaped(value if len(value) <= longest else value[:longest].rsplit(",", 1)[0] + ", …")


def _escaped(text: str) -> str:
    """Return a line as Markdown that shows it as it is."""
    escaped = text.translate({ord(character): f"\\{character}" for character in "\\*_[]<>$|`^~"})
    return re.sub(r"^(\d*)([-+#.)])", r"\1\\\2", escaped)
