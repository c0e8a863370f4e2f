"""Run one lab and record what it says, claims and draws, for its page in each language.

    python docs/website/run_lab.py NAME SCALE FOLDER

lab_pages.py starts this as a process of its own, so that no lab sees what another one has changed. FOLDER receives the
figures and the notebook in a folder for each language, and record.json: the pieces of the output in their order
(`text`, or `figure` with its file), the claims, the files of elman that were read with their hashes, and `skipped`,
the reason, if the lab could not run. Texts in it are objects with the languages as keys.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import elman
from elman.errors import DataError
from elman.labs import figures, load_lab
from elman.labs.explanation import chinese_file
from elman.labs.lab import Draw, Report, Settings, Text, format_value, run_lab
from elman.labs.notebook import notebook_text
from elman.translations import LANGUAGES

SOURCE = Path(elman.__file__).parent
RECORD = "record.json"


def record_lab(name: str, settings: Settings, folder: Path) -> dict[str, Any]:
    """Return what the pages of a lab need; write its figures and its notebooks."""
    lab = load_lab(name)
    pieces: list[dict[str, Any]] = []
    messages: list[str] = []
    writers = [figures.figure_writer(folder / language, name, language, messages.append) for language in LANGUAGES]

    def write(line: Text) -> None:
        if pieces and "text" in pieces[-1]:
            line = Text(*map("\n".join, zip(pieces.pop()["text"].values(), line, strict=True)))
        pieces.append({"text": line._asdict()})

    def save_figure(figure: str, draw: Draw) -> None:
        for write_figure in writers:
            write_figure(figure, draw)
        pieces.append({"figure": f"{name}-{figure}"})

    report = Report(settings, write, save_figure)
    record: dict[str, Any] = {}
    try:
        outcome = run_lab(lab, report)
        record, skipped = {"seconds": outcome.seconds}, outcome.skipped
    except (DataError, ModuleNotFoundError) as error:
        skipped = Text(str(error), str(error))
    for language in LANGUAGES:
        path = folder / language / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(notebook_text([lab], Settings(), language), encoding="utf-8")
    return record | {
        "skipped": skipped and skipped._asdict(),
        "pieces": pieces,
        "claims": [
            {
                "name": claim.name._asdict(),
                "computed": format_value(claim.computed, 6),
                "expected": ("" if claim.relation == "=" else f"{claim.relation} ") + format_value(claim.expected, 6),
                "passed": claim.passed,
            }
            for claim in report.claims
        ],
        "files": hashes_of_loaded_files() | {str(chinese_file(lab)): hash_file(chinese_file(lab))},
    }


def hashes_of_loaded_files() -> dict[str, str]:
    """Return the hash of each file of elman that this process has loaded."""
    for module in ("elman.labs.notebook", "elman.labs.figures"):
        importlib.import_module(module)
    files = [getattr(module, "__file__", None) for name, module in sys.modules.items() if name.startswith("elman")]
    return {str(Path(file)): hash_file(Path(file)) for file in sorted({*filter(None, files), __file__})}


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's content, or nothing if there is no such file."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def main(name: str, scale: str, folder: str) -> None:
    """Run the lab of a name."""
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    record = record_lab(name, Settings(smoke=scale == "smoke"), path)
    (path / RECORD).write_text(json.dumps(record, ensure_ascii=False, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
