"""Run one lab and record what it says, claims and draws, for its page.

    python docs/website/run_lab.py NAME LANGUAGE SCALE FOLDER

lab_pages.py starts this as a process of its own, so that no lab sees what another one has changed. FOLDER receives the
figures, the notebook, and record.json: the pieces of the output in their order (`text`, or `figure` with its file), the
claims, the files of elman that were loaded with their hashes, and `skipped`, the reason, if the lab could not run.
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
from elman.labs.lab import Draw, Language, Report, Settings, Text, format_value, run_lab
from elman.labs.notebook import notebook_text

SOURCE = Path(elman.__file__).parent
RECORD = "record.json"


def record_lab(name: str, settings: Settings, folder: Path) -> dict[str, Any]:
    """Return what the page of a lab needs; write its figures and its notebook."""
    lab, language = load_lab(name), settings.language
    pieces: list[dict[str, str]] = []
    messages: list[str] = []
    write_figure = figures.figure_writer(folder, name, language, messages.append)

    def write(line: str) -> None:
        if not pieces or "text" not in pieces[-1]:
            pieces.append({"text": line})
        else:
            pieces[-1]["text"] += f"\n{line}"

    def save_figure(figure: str, draw: Draw, language: Language) -> None:
        write_figure(figure, draw, language)
        pieces.append({"figure": f"{name}-{figure}"})

    report = Report(settings, write, save_figure)
    record: dict[str, Any] = {}
    try:
        outcome = run_lab(lab, report)
        record = {"seconds": outcome.seconds}
        reason = getattr(outcome, "skipped", None)
        skipped = reason.in_language(language) if isinstance(reason, Text) else reason
    except (DataError, ModuleNotFoundError) as error:
        skipped = str(error)
    record |= {
        "skipped": skipped,
        "pieces": pieces,
        "claims": [
            {
                "name": claim.name.in_language(language),
                "computed": format_value(claim.computed, 6),
                "expected": ("" if claim.relation == "=" else f"{claim.relation} ") + format_value(claim.expected, 6),
                "passed": claim.passed,
            }
            for claim in report.claims
        ],
        "files": hashes_of_loaded_files(),
    }
    (folder / f"{name}.ipynb").write_text(notebook_text(lab, Settings(language)), encoding="utf-8")
    return record


def hashes_of_loaded_files() -> dict[str, str]:
    """Return the hash of each file of elman that this process has loaded."""
    for module in ("elman.labs.notebook", "elman.labs.figures"):
        importlib.import_module(module)
    files = [getattr(module, "__file__", None) for name, module in sys.modules.items() if name.startswith("elman")]
    return {str(Path(file)): hash_file(Path(file)) for file in sorted({*filter(None, files), __file__})}


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's content, or nothing if there is no such file."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def main(name: str, language: Language, scale: str, folder: str) -> None:
    """Run the lab of a name."""
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    record = record_lab(name, Settings(language, smoke=scale == "smoke"), path)
    (path / RECORD).write_text(json.dumps(record, ensure_ascii=False, indent=1), encoding="utf-8")


if __name__ == "__main__":
    lab_name, lab_language, lab_scale, lab_folder = sys.argv[1:]
    main(lab_name, "zh" if lab_language == "zh" else "en", lab_scale, lab_folder)
