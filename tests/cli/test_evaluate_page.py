"""elman evaluate --page: the confusion matrix as one HTML file."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from elman.errors import ConfigError
from elman.inspect import confusion, run_confusion
from elman.tasks.loading import load

from .conftest import Command, only_json

SCRIPT = re.compile(r'<script type="application/json" id="confusion">(.*?)</script>', re.DOTALL)
ROWS = [(f"{word} {i}", label) for i in range(12) for word, label in (("cat", "animal"), ("oak", "plant"))]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "kinds.tsv"
    path.write_text("label\ttext\n" + "".join(f"{label}\t{text}\n" for text, label in ROWS), "utf-8")
    return path


@pytest.fixture
def run(command: Command, table: Path, tmp_path: Path) -> Path:
    flags = ("--steps", 4, "--hidden", 8, "--batch-size", 8, "--threads", 1)
    assert command("train", "classify", table, "-o", tmp_path / "run", *flags).code == 0
    return tmp_path / "run"


def test_a_page_of_the_data_and_of_the_validation_set(command: Command, run: Path, table: Path, tmp_path: Path) -> None:
    page, errors = tmp_path / "page.html", tmp_path / "errors.csv"
    done = command("evaluate", run, table, "--page", page, "--errors", errors, "--json")
    assert (done.code, done.err.splitlines()[-1]) == (0, str(page))
    (content,) = SCRIPT.findall(page.read_text("utf-8"))
    data = json.loads(content)
    metrics = only_json(done.out)
    assert {"labels": data["labels"], "counts": data["counts"]} == metrics["confusion"]
    assert metrics == command("evaluate", run, table, "--json").json
    expected = confusion(load(run), ROWS)
    places = {example.pop("place") for cell in data["cells"] for example in cell["examples"]}
    assert len(places) == len(ROWS), "the place of each line"
    for cell in expected["cells"]:
        for example in cell["examples"]:
            del example["place"]
    assert data == expected
    wrong = sum(map(sum, data["counts"])) - data["correct"]
    assert len(errors.read_text("utf-8").splitlines()) == 1 + wrong
    assert command("evaluate", run, "--page", page).code == 0
    (content,) = SCRIPT.findall(page.read_text("utf-8"))
    assert json.loads(content) == run_confusion(run)


def test_a_model_without_labels_and_a_folder_are_errors(command: Command, trained: Path, tmp_path: Path) -> None:
    done = command("evaluate", trained, "--page", tmp_path / "page.html")
    assert done.code == ConfigError.exit_code
    assert done.err == "elman: --page: the model is a language model, which predicts no labels. Leave it out\n"
    assert not (tmp_path / "page.html").exists()
    done = command("evaluate", trained, "--page", tmp_path)
    assert done.code == ConfigError.exit_code
    assert "--page: is a folder; expected a file to write" in done.err
