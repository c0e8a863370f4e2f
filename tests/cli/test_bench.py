"""elman bench, with the smallest sizes and hardly any time. No test looks at a time."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from elman import kernels
from elman.bench import layers, limit, train
from elman.bench.timing import Contender

from .conftest import Command

QUICK = ["--seconds", "0.01"]
TINY = ["train", *QUICK, "--hidden", "4", "--batch-size", "2", "--length", "3", "--inputs", "2"]


@pytest.fixture(autouse=True)
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (0.25, 0.0, 0.0))
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)


def test_train_prints_a_table_for_each_number_of_threads(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in (limit, train):  # a second thread is slow to come on a busy machine
        monkeypatch.setattr(part, "on_threads", nullcontext)
    done = command("bench", *TINY, "--threads", "1,2")
    assert done.code == 0, done.err
    assert done.out.count("Forward + backward of one layer on") == 2
    words = [line.split() for line in done.out.splitlines()]
    assert [line[:2] for line in words if line and line[0] in ("rnn", "gru", "lstm")] == [
        ["rnn", "4"], ["gru", "4"], ["lstm", "4"]
    ] * 2  # fmt: skip
    assert "2 threads: elman / torch" in done.out
    assert "load average 0.25" in done.err
    assert "another job" not in done.err


def test_train_json_is_one_object_with_the_keys_of_the_contract(command: Command) -> None:
    done = command("bench", *TINY, "--cells", "gru", "--hidden", "4,6", "--threads", "1", "--json")
    assert len(done.out.splitlines()) == 1
    told = done.json
    assert set(told) == {"bench", "machine", "threads", "limit", "rows", "summary"}
    assert (told["bench"], told["threads"]) == ("train", [1])
    assert [(row["cell"], row["hidden"], row["length"]) for row in told["rows"]] == [("gru", 4, 3), ("gru", 6, 3)]
    assert [each["what"] for each in told["limit"]] == ["product"]


def test_step_takes_an_input_for_every_four_hidden_units(command: Command) -> None:
    done = command("bench", "step", *QUICK, "--cells", "rnn,lstm", "--hidden", "8", "--peers", "torch", "--json")
    assert done.code == 0, done.err
    rows = done.json["rows"]
    assert [(row["cell"], row["inputs"], list(row["microseconds"])) for row in rows] == [
        ("rnn", 2, ["elman", "torch"]),
        ("lstm", 2, ["elman", "torch"]),
    ]
    assert "One step of one layer" in command("bench", "step", *QUICK, "--hidden", "8", "--inputs", "3").out


def test_limit_names_the_best_of_each_kind(command: Command) -> None:
    done = command("bench", "limit", *QUICK, "--threads", "1")
    assert done.code == 0, done.err
    assert "GFLOP/s on 1 thread (" in done.out
    assert "GB/s for 67.11 MB" in done.out


def test_a_busy_machine_is_told(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (1.5, 0.0, 0.0))
    done = command("bench", "step", *QUICK, "--hidden", "4", "--peers", "torch")
    assert "load average 1.50\nanother job is running: figures will be too low\n" in done.err
    assert "another job" not in done.out


def test_what_openmp_was_told_of_idle_threads_is_said(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    assert "OMP_WAIT_POLICY is passive" in command("bench", "step", *QUICK, "--hidden", "4", "--peers", "torch").err
    monkeypatch.delenv("OMP_WAIT_POLICY")
    assert "OMP_WAIT_POLICY" not in command("bench", "step", *QUICK, "--hidden", "4", "--peers", "torch").err


def test_without_kernels_it_is_said_and_measured_all_the_same(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "available", lambda: False)
    monkeypatch.setattr(kernels, "supports", lambda cell, dtype: False)
    monkeypatch.setattr(kernels, "instruction_set", lambda: None)
    monkeypatch.setattr(kernels, "unavailable_reason", lambda: "not compiled in this installation")
    done = command("bench", *TINY, "--threads", "1")
    assert done.code == 0, done.err
    assert "no kernels (not compiled in this installation): elman.nn runs torch.nn's own code\n" in done.err
    done = command("bench", "step", *QUICK, "--hidden", "4", "--peers", "torch")
    assert done.code == 0, done.err
    assert "no kernels (not compiled in this installation): NumPy takes our steps\n" in done.err


def test_a_plot_is_written(command: Command, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "speed.png"
    done = command("bench", *TINY, "--threads", "1", "--plot", path)
    assert done.code == 0, done.err
    assert f"drawn: {path}\n" in done.err
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_plot_without_matplotlib_is_refused_before_anything_is_measured(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = command("bench", "limit", "--plot", tmp_path / "speed.png", "--json")
    assert (done.code, done.json["code"]) == (1, "failed")
    assert done.err == 'elman: a plot needs matplotlib, which is not installed; pip install "elman[plot]"\n'


@pytest.mark.parametrize(
    ("package", "words", "told"),
    [
        ("jax", ["train", "--peers", "torch,jax"], "the peer jax needs jax, which is not installed; pip install jax"),
        (
            "onnxruntime",
            ["step", "--peers", "onnxruntime"],
            'the peer onnxruntime needs onnxruntime, which is not installed; pip install "elman[onnx]"',
        ),
        ("torch", ["train"], 'training needs PyTorch, which is not installed; pip install "elman[train]"'),
    ],
)
def test_a_peer_that_is_asked_for_must_be_installed(
    command: Command, package: str, words: list[str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    done = command("bench", *words)
    assert (done.code, done.out, done.err) == (1, "", f"elman: {told}\n")


def test_step_leaves_out_what_is_not_installed_and_says_so(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("torch", "onnxruntime"):
        monkeypatch.setitem(sys.modules, package, None)
    done = command("bench", "step", *QUICK, "--hidden", "4", "--json")
    assert done.code == 0, done.err
    assert "not installed, left out: torch, torch-cell, onnxruntime\n" in done.err
    assert [list(row["microseconds"]) for row in done.json["rows"]] == [["elman"]]


def test_a_wrong_peer_ends_the_measurement(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    real = layers.LAYERS["torch"]

    def wrong(problem: layers.Problem) -> Contender:
        return real(layers.Problem.random(problem.shape, seed=1))

    monkeypatch.setitem(layers.LAYERS, "torch", wrong)
    done = command("bench", *TINY, "--threads", "1")
    assert (done.code, done.out) == (1, "")
    assert "they do not compute the same thing, so their times are not compared\n" in done.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["train", "--cells", "lst"], "unknown cell 'lst': choose among rnn, gru, lstm (did you mean 'lstm'?)"),
        (["step", "--peers", "jax"], "unknown peer 'jax': choose among torch, torch-cell, onnxruntime"),
        (["train", "--hidden", "64,x"], "--hidden '64,x': expected whole numbers above 0 with commas between them"),
        (["limit", "--threads", "0"], "--threads '0': expected whole numbers above 0 with commas between them"),
        (["limit", "--plot", "speed.jpg"], "--plot speed.jpg: expected a name that ends in .png, .svg, .pdf"),
    ],
)
def test_a_wrong_option_is_told_before_anything_is_measured(command: Command, words: list[str], told: str) -> None:
    done = command("bench", *words)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"elman: {told}")


def test_progress_moves_only_on_a_terminal(command: Command) -> None:
    done = command("bench", *TINY, "--threads", "1")
    assert len(done.err.splitlines()) == (1 if kernels.available() else 2)
