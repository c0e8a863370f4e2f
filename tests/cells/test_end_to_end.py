"""Cells without compiled kernels through the ordinary commands: train, stop, resume, evaluate, predict, load."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elman
import elman.cells
import elman.nn
from elman.cells import CELLS
from elman.cells.cell import initial_parameters, stored_name
from elman.checkpoint import read_model

from ..cli.conftest import Done, run_command
from .outside_cell import Decay

NUMPY_CELLS = [name for name in CELLS if name not in elman.nn.LAYERS]  # that the kernels and torch.nn lack
SIZES = ["--hidden", 8, "--embedding", 6, "--batch-size", 4, "--threads", 1]
DATA = {
    "lm": ("book.txt", "the cat sat on the mat, and the dog ate the hat.\n" * 60),
    "tag": ("tags.txt", "".join(f"the\tD\ncat{n}\tN\nsat{n % 7}\tV\n\n" for n in range(50))),
}
ROOT = Path(__file__).parents[2]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    return lambda *arguments: run_command(monkeypatch, capsys, *arguments)


@pytest.fixture(params=DATA)
def task(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def data(task: str, tmp_path: Path) -> Path:
    name, text = DATA[task]
    (tmp_path / name).write_text(text, "utf-8")
    return tmp_path / name


def weights(run: Path) -> dict[str, np.ndarray]:
    return read_model(run / "model").tensors


@pytest.mark.parametrize("cell", NUMPY_CELLS)
def test_a_model_is_trained_stopped_resumed_evaluated_and_loaded(
    cell: str, task: str, data: Path, command: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from elman.training import loop

    options = ["--cell", cell, "--layers", 2, *SIZES, "--steps", 6, "--json", *(["--bptt", 8] if task == "lm" else [])]
    done = command("train", task, data, "-o", tmp_path / "whole", *options)
    assert done.code == 0, done.err
    updates: list[None] = []
    update = loop.update

    def interrupted(*arguments: Any) -> Any:
        updates.append(None)
        if len(updates) == 4:
            raise KeyboardInterrupt
        return update(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "update", interrupted)
        assert command("train", task, data, "-o", tmp_path / "parts", *options).code != 0
    assert command("resume", tmp_path / "parts").code == 0
    for name, tensor in weights(tmp_path / "whole").items():
        np.testing.assert_array_equal(weights(tmp_path / "parts")[name], tensor, err_msg=name)
    # the cell's own parameters are in the model folder, and have been trained
    for name, initial in initial_parameters(CELLS[cell](), 8).items():
        stored = weights(tmp_path / "whole")[f"layers.1.{stored_name(name)}"]
        assert stored.shape == initial.shape
        assert np.abs(stored - initial).max() > 1e-4, name
    evaluated = command("evaluate", tmp_path / "whole", "--json")
    assert evaluated.json["loss"] == pytest.approx(done.json["valid"]["loss"], rel=1e-6)
    predictor = elman.load(tmp_path / "whole")
    if task == "lm":
        assert len(predictor.generate("the ", max_tokens=5, seed=1)) == len("the ") + 5
    else:
        assert len(predictor.predict([["the", "dog"]])[0]) == 2


@pytest.mark.parametrize("cell", NUMPY_CELLS)
def test_a_gpu_is_refused_before_anything_is_written(cell: str, command: Callable[..., Done], tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text(DATA["lm"][1])
    options = ["--cell", cell, "--device", "cuda", "--steps", 2]
    done = command("train", "lm", tmp_path / "book.txt", "-o", tmp_path / "run", *options)
    assert done.code == 2
    assert f"training.device (--device): given cuda, but cell {cell!r} runs by NumPy; expected cpu. Use" in done.err
    assert not (tmp_path / "run").exists()


def test_help_lists_the_cells(command: Callable[..., Done]) -> None:
    for name in ("lm", "tag", "classify", "seq2seq", "forecast"):
        text = " ".join(command("train", name, "--help").out.split())
        assert ", ".join(CELLS) in text


# A cell from outside of the package


def in_another_process(code: str, *arguments: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=60,
    )


@pytest.mark.usefixtures("registered_cells_are_forgotten")
def test_a_registered_cell_is_trained_and_loaded_where_it_is_registered(
    command: Callable[..., Done], tmp_path: Path
) -> None:
    (tmp_path / "book.txt").write_text(DATA["lm"][1])
    run = tmp_path / "run"
    arguments = ["train", "lm", tmp_path / "book.txt", "-o", run, "--cell", "decay", *SIZES, "--steps", 4]
    unknown = command(*arguments)
    assert (unknown.code, run.exists()) == (2, False)
    assert "model.cell (--cell): unknown cell 'decay'; choose elman, gru" in unknown.err

    elman.cells.register("decay", Decay)
    assert command(*arguments).code == 0
    config = json.loads((run / "model" / "config.json").read_text())
    assert config["model"]["cell"] == "decay"
    assert weights(run)["layers.0.r_l0"].shape == (8,)
    predictor = elman.load(run)
    here = predictor.evaluate(["the dog sat on the hat."])["loss"]

    score = "print(elman.load(sys.argv[1]).evaluate(['the dog sat on the hat.'])['loss'])"
    registering = "from tests.cells.outside_cell import Decay; elman.cells.register('decay', Decay)"
    there = in_another_process(f"import sys, elman, elman.cells; {registering}; {score}", run)
    assert float(there.stdout) == pytest.approx(here, rel=1e-12)

    for name, file in {"generate": "model/config.json", "resume": "config.toml"}.items():
        without = in_another_process("import sys; from elman.cli import main; sys.exit(main())", name, run)
        assert without.returncode == 4
        hint = "Call elman.cells.register('decay', ...) before loading the model; on the command line"
        assert "has cell 'decay', which is not registered; expected one of elman, gru, lstm, " in without.stderr
        assert hint in without.stderr
        assert without.stderr.startswith(f"elman: {run / file}: ")


@pytest.mark.usefixtures("registered_cells_are_forgotten")
def test_a_file_that_registers_a_cell_is_imported_before_the_command(
    command: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "book.txt").write_text(DATA["lm"][1])
    code = "import elman.cells\nfrom tests.cells.outside_cell import Decay\nelman.cells.register('decay', Decay)\n"
    (tmp_path / "my cell.py").write_text(code)
    (tmp_path / "mycell.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    run, file = tmp_path / "run", tmp_path / "my cell.py"
    train = ["train", "lm", tmp_path / "book.txt", "-o", run, "--cell", "decay", *SIZES, "--steps", 4]
    done = command("--import", file, *train)
    assert done.code == 0, done.err
    assert f"elman --import '{file}' generate {run}" in done.err  # the commands that are printed work
    for name in ("mycell", "./mycell.py"):
        del elman.cells.CELLS["decay"]
        sys.modules.pop("mycell", None)
        assert command("generate", run, "--max-tokens", 3).code == 4
        assert command(f"--import={name}", "generate", run, "--max-tokens", 3).code == 0


def test_a_file_does_not_take_the_place_of_a_module_of_its_name(
    command: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "random.py").write_text("import sys\n\nprint('imported', file=sys.stderr)\n")
    monkeypatch.chdir(tmp_path)
    done = command("--import", "random.py", "--version")
    assert (done.code, done.err) == (0, "imported\n")
    assert Path(sys.modules["random"].__file__ or "").parent != tmp_path


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("none.py", None, "--import: given none.py; expected a file that exists, or the name of a module"),
        ("none", None, "--import: given none, which is no module; expected one that Python finds, or a file"),
        (
            "a.py",
            "x = 1\ny = 1 / 0\n",
            "a.py:2: --import: a.py cannot be imported: ZeroDivisionError: division by zero",
        ),
        ("a.py", "x = 1\nx = = 2\n", "a.py:2: --import: a.py cannot be imported: SyntaxError: invalid syntax"),
        ("b.py", "import no_such\n", "b.py:1: --import: b.py cannot be imported: ModuleNotFoundError: No module named"),
    ],
)
def test_what_cannot_be_imported_is_explained(
    command: Callable[..., Done],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    code: str | None,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    if code is not None:
        (tmp_path / name).write_text(code)
    done = command("--import", name, "doctor")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"elman: {message}")
