"""Notebooks in Jupyter's own kernel: what each cell shows, and what is left after the stop button."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")

pytestmark = pytest.mark.integration

Run = Callable[..., list[Any]]

IMPORTS = "import elman\ntext = ['the cat sat on the mat. the dog sat on the log. ' * 400]"
# The stop button sends SIGINT to the kernel. This sends it once some updates have been logged, before a validation.
STOP = """
import os, pathlib, signal, threading, time
def stop(metrics=pathlib.Path("run/metrics.jsonl")):
    while not metrics.exists() or not metrics.read_text():
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=stop, daemon=True).start()
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs cells in a folder and returns the outputs of each."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))

    def run_cells(*sources: str, allow_errors: bool = False) -> list[Any]:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        resources = {"metadata": {"path": str(tmp_path)}}
        nbclient.NotebookClient(notebook, timeout=120, resources=resources, allow_errors=allow_errors).execute()
        return [cell.outputs for cell in notebook.cells]

    return run_cells


def texts(outputs: list[Any]) -> list[str]:
    """Return the text of each output, whatever its kind is."""
    return [output["text"] if output.output_type == "stream" else output["data"]["text/plain"] for output in outputs]


def test_a_training_shows_one_text_and_the_model_is_displayed(run: Run) -> None:
    imports, training, generation, display = run(
        IMPORTS,
        "lm = elman.LanguageModel(hidden_size=16, steps=60, threads=1, seed=1).fit(text)",
        "print(lm.generate('the ', max_tokens=20))",
        "lm",
    )
    assert imports == []
    (progress,) = training
    assert progress.output_type == "display_data"
    lines = progress["data"]["text/plain"].splitlines()
    assert "training set:" in lines[0]
    (metrics,) = [line for line in lines if "validation" in line and "perplexity" in line]
    assert "60" in metrics
    assert not any("remaining" in line or "%" in line for line in lines), "the line of the progress is gone at the end"
    assert texts(generation)[0].startswith("the ")
    (model,) = display
    assert model["data"]["text/plain"] == "LanguageModel(hidden_size=16, steps=60, threads=1, seed=1)"
    assert "<" in model["data"]["text/html"]
    assert "perplexity" in model["data"]["text/html"]


def test_the_stop_button_keeps_the_model(run: Run) -> None:
    _, training, generation = run(
        IMPORTS,
        STOP + "lm = elman.LanguageModel(hidden_size=16, steps=10**6, threads=1, run='run')\nlm.fit(text)",
        "print(len(lm.generate('the ', max_tokens=20)))",
        allow_errors=True,
    )
    error = training[-1]
    assert error.output_type == "error"
    assert error.ename == "Interrupted"
    assert "stopped at step" in error.evalue
    assert int(texts(generation)[0]) > 4


def test_a_notebook_of_a_lab_shows_what_the_command_shows(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    from elman import labs
    from elman.labs.lab import Report, Settings, run_lab
    from elman.labs.notebook import notebook_text

    lab = labs.load_lab("srn-tanh")
    notebook = nbformat.reads(notebook_text([lab], Settings(), "zh"), as_version=4)
    nbformat.validate(notebook)
    outputs = run(*(cell.source for cell in notebook.cells if cell.cell_type == "code"))
    lines: list[str] = []
    outcome = run_lab(lab, Report(Settings(), lambda line: lines.append(line.zh)))
    assert outcome.passed
    shown = "".join(text for cell in outputs for text in texts(cell)).splitlines()
    assert [line for line in lines if line.strip() and line not in shown] == []
    assert any("image/png" in output.get("data", {}) for cell in outputs for output in cell), "the figure of the lab"
