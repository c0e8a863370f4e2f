"""elman bench with the smallest sizes and almost no measuring time. No test depends on a measured time."""

from __future__ import annotations

import itertools
import os
import re
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from elman import kernels
from elman.bench import layers, limit, train
from elman.bench.timing import Implementation

from .conftest import Command

QUICK = ["--seconds", "0.01"]
TINY = ["train", *QUICK, "--hidden", "4", "--batch-size", "2", "--length", "3", "--inputs", "2"]


@pytest.fixture(autouse=True)
def idle_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (0.25, 0.0, 0.0))
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)


def test_train_prints_a_table_for_each_number_of_threads(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (limit, train):  # a second thread may start late on a busy machine
        monkeypatch.setattr(module, "use_threads", nullcontext)
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


def test_train_json_is_one_object_with_documented_keys(command: Command) -> None:
    done = command("bench", *TINY, "--cells", "gru", "--hidden", "4,6", "--threads", "1", "--json")
    assert len(done.out.splitlines()) == 1
    report = done.json
    assert set(report) == {"bench", "machine", "threads", "limit", "rows", "summary"}
    assert (report["bench"], report["threads"]) == ("train", [1])
    assert [(row["cell"], row["hidden"], row["length"]) for row in report["rows"]] == [("gru", 4, 3), ("gru", 6, 3)]
    assert [rate["what"] for rate in report["limit"]] == ["product"]


def test_train_json_has_one_ratio_for_each_cell_size_and_number_of_threads(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (limit, train):
        monkeypatch.setattr(module, "use_threads", nullcontext)
    rows = command("bench", *TINY, "--hidden", "4,6", "--threads", "1,2", "--json").json["rows"]
    expected = itertools.product((1, 2), ("rnn", "gru", "lstm"), (4, 6))
    assert [(row["threads"], row["cell"], row["hidden"]) for row in rows] == list(expected)
    assert all(row["ratios"].keys() == {"torch"} and row["ratios"]["torch"] > 0 for row in rows)


def test_step_json_has_the_ratio_to_each_peer_for_each_cell_and_size(command: Command) -> None:
    options = ["--cells", "gru,lstm", "--hidden", "4,8", "--peers", "torch,torch-cell", "--json"]
    rows = command("bench", "step", *QUICK, *options).json["rows"]
    assert [(row["cell"], row["hidden"]) for row in rows] == list(itertools.product(("gru", "lstm"), (4, 8)))
    assert all(row["ratios"].keys() == {"torch", "torch-cell"} for row in rows)


def test_the_input_size_of_a_step_is_a_quarter_of_its_hidden_size(command: Command) -> None:
    done = command("bench", "step", *QUICK, "--cells", "rnn,lstm", "--hidden", "8", "--peers", "torch", "--json")
    assert done.code == 0, done.err
    rows = done.json["rows"]
    assert [(row["cell"], row["inputs"], list(row["microseconds"])) for row in rows] == [
        ("rnn", 2, ["elman", "torch"]),
        ("lstm", 2, ["elman", "torch"]),
    ]
    assert "One step of one layer" in command("bench", "step", *QUICK, "--hidden", "8", "--inputs", "3").out


def test_limit_prints_the_best_rate_of_each_kind(command: Command) -> None:
    done = command("bench", "limit", *QUICK, "--threads", "1")
    assert done.code == 0, done.err
    assert "GFLOP/s on 1 thread (" in done.out
    assert "GB/s for 67.11 MB" in done.out


def test_a_busy_machine_causes_a_warning(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (1.5, 0.0, 0.0))
    done = command("bench", "step", *QUICK, "--hidden", "4", "--peers", "torch")
    assert (
        "load average 1.50\nwarning: another job is running on this machine; the measured speeds will be too low\n"
        in done.err
    )
    assert "another job" not in done.out


def test_the_wait_policy_of_openmp_is_printed_if_it_is_set(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    assert "OMP_WAIT_POLICY is passive" in command("bench", "step", *QUICK, "--hidden", "4", "--peers", "torch").err
    monkeypatch.delenv("OMP_WAIT_POLICY")
    assert "OMP_WAIT_POLICY" not in command("bench", "step", *QUICK, "--hidden", "4", "--peers", "torch").err


def test_without_kernels_the_measurement_runs_after_a_message(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "available", lambda: False)
    monkeypatch.setattr(kernels, "supports", lambda cell, dtype: False)
    monkeypatch.setattr(kernels, "instruction_set", lambda: None)
    monkeypatch.setattr(kernels, "unavailable_reason", lambda: "not compiled in this installation")
    done = command("bench", *TINY, "--threads", "1")
    assert done.code == 0, done.err
    assert "no compiled kernels (not compiled in this installation): elman.nn uses the code of torch.nn\n" in done.err
    done = command("bench", "step", *QUICK, "--hidden", "4", "--peers", "torch")
    assert done.code == 0, done.err
    assert "no compiled kernels (not compiled in this installation): elman computes the steps with NumPy\n" in done.err


def test_plot_writes_a_figure(command: Command, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "speed.png"
    done = command("bench", *TINY, "--threads", "1", "--plot", path)
    assert done.code == 0, done.err
    assert f"wrote {path}\n" in done.err
    assert path.read_bytes().startswith(b"\x89PNG")


def test_plot_without_matplotlib_stops_before_the_measurement(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = command("bench", "limit", "--plot", tmp_path / "speed.png", "--json")
    assert (done.code, done.json["code"]) == (1, "failed")
    assert done.err == 'elman: a plot needs matplotlib, which is not installed. Install it: pip install "elman[plot]"\n'


@pytest.mark.parametrize(
    ("package", "arguments", "message"),
    [
        (
            "jax",
            ["train", "--peers", "torch,jax"],
            "the peer jax needs jax, which is not installed. Install it: pip install jax",
        ),
        (
            "onnxruntime",
            ["step", "--peers", "onnxruntime"],
            'the peer onnxruntime needs onnxruntime, which is not installed. Install it: pip install "elman[onnx]"',
        ),
        ("torch", ["train"], 'training needs PyTorch, which is not installed. Install it: pip install "elman[train]"'),
    ],
)
def test_a_requested_peer_must_be_installed(
    command: Command, package: str, arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    done = command("bench", *arguments)
    assert (done.code, done.out, done.err) == (1, "", f"elman: {message}\n")


def test_step_skips_peers_that_are_not_installed_and_prints_their_names(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("torch", "onnxruntime"):
        monkeypatch.setitem(sys.modules, package, None)
    done = command("bench", "step", *QUICK, "--hidden", "4", "--json")
    assert done.code == 0, done.err
    assert "not installed and not measured: torch, torch-cell, onnxruntime\n" in done.err
    assert [list(row["microseconds"]) for row in done.json["rows"]] == [["elman"]]


def test_a_peer_with_wrong_results_stops_the_measurement(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    torch_layer = layers.LAYERS["torch"]

    def other_weights(problem: layers.Problem) -> Implementation:
        return torch_layer(layers.Problem.random(problem.shape, seed=1))

    monkeypatch.setitem(layers.LAYERS, "torch", other_weights)
    done = command("bench", *TINY, "--threads", "1")
    assert (done.code, done.out) == (1, "")
    assert "The two do not compute the same function, so their times cannot be compared\n" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--cells", "lst"], "unknown cell 'lst'; expected one of rnn, gru, lstm (did you mean 'lstm'?)"),
        (["step", "--peers", "jax"], "unknown peer 'jax'; expected one of torch, torch-cell, onnxruntime"),
        (["train", "--hidden", "64,x"], "--hidden '64,x'; expected positive integers separated by commas"),
        (["limit", "--threads", "0"], "--threads '0'; expected positive integers separated by commas"),
        (["limit", "--plot", "speed.jpg"], "--plot: given 'speed.jpg'; expected a name that ends in .png"),
    ],
)
def test_an_invalid_option_stops_before_the_measurement(command: Command, arguments: list[str], message: str) -> None:
    done = command("bench", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"elman: {message}")


def test_progress_is_shown_only_on_a_terminal(command: Command) -> None:
    done = command("bench", *TINY, "--threads", "1")
    assert len(done.err.splitlines()) == (1 if kernels.available() else 2)


def test_model_prints_latency_throughput_and_memory(command: Command, trained: Path) -> None:
    done = command("bench", "model", trained, "--seconds", 0.001, "--threads", 1)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].startswith(f"model: {trained / 'model'}, 0.0 MB; 1 thread; generated one by one")
    assert re.match(r"latency of one at a time: p50 \S+ ms  p90 \S+ ms  p99 \S+ ms  \([\d,]+ calls\)$", lines[1])
    assert re.match(r"throughput: [\d,]+ tokens a second, [\d,]+ at once$", lines[2])
    for count, line in zip(("1 stream", "100 streams", "1,000 streams"), lines[3:6], strict=True):
        latency = r"p50 \S+ ms  p90 \S+ ms  p99 \S+ ms"
        assert re.match(rf"{count}: [\d,]+ inputs a second; one input of each: {latency}$", line)
    assert re.match(r"peak memory of the process: \d+ MB$", lines[6])
    report = command("bench", "model", trained, "--seconds", 0.001, "--json").json
    assert (report["bench"], report["task"], report["threads"]) == ("model", "lm", 1)
