"""Killed and resumed = uninterrupted, byte for byte, wherever the kill comes.

A child process counts every call that matters to a resumption - a write, a half-written file, a rename, an update, a
validation - and sends itself SIGKILL at the chosen one: nothing is cleaned up, no `finally` runs. Children are forked
from a server that has torch imported, so a kill costs a fraction of a second. fsync is counted and left out: a killed
process loses nothing that it has written.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.checkpoint.checksummed_folder import MANIFEST
from elman.checkpoint.serialization import parse_tensors
from elman.errors import ConfigError, DataError, ModelError
from elman.tasks.spec import TASKS

from .cards import without_speed

TRAINING = {
    "steps": 7,
    "batch_size": 3,
    "bptt_steps": 6,
    "validate_every_steps": 3,
    "checkpoint_every_steps": 2,
    "log_every_steps": 2,
    "threads": 1,
}
CASES: dict[str, dict[str, Any]] = {
    "lstm, state carried, dropout, accumulated, adamw": {
        "model": {"cell": "lstm", "hidden_size": 16, "embedding_size": 8, "dropout": 0.3},
        "training": {**TRAINING, "accumulate_steps": 2, "weight_decay": 0.01},
    },
    "gru, random windows, sgd with momentum, plateau": {
        "model": {"cell": "gru", "hidden_size": 16, "embedding_size": 8, "dropout": 0.2},
        "data": {"stream": "random"},
        "training": {
            **TRAINING,
            "optimizer": "sgd",
            "learning_rate": 0.9,
            "momentum": 0.8,
            "schedule": "plateau",
            "plateau_patience": 1,
            "validate_every_steps": 1,
        },
    },
    "elman, epochs, two layers, variational, rmsprop": {
        "model": {
            "cell": "elman",
            "hidden_size": [16, 12],
            "embedding_size": 8,
            "dropout": 0.2,
            "dropout_kind": "variational",
        },
        "training": {
            **{key: value for key, value in TRAINING.items() if key != "steps"},
            "epochs": 1.4,
            "bptt_steps": 120,
            "optimizer": "rmsprop",
            "momentum": 0.3,
            "learning_rate": 0.003,
        },
    },
    "pairs, dropout, scheduled sampling, smoothing": {
        "task": "seq2seq",
        "model": {
            "cell": "gru",
            "decoder_cell": "layer_norm_lstm",
            "hidden_size": 10,
            "embedding_size": 6,
            "dropout": 0.3,
            "scheduled_sampling": 0.5,
            "label_smoothing": 0.1,
        },
        "training": {key: value for key, value in {**TRAINING, "batch_size": 20}.items() if key != "bptt_steps"},
    },
    "texts and labels, attention, dropout": {
        "task": "classify",
        "model": {"cell": "gru", "hidden_size": 10, "embedding_size": 6, "dropout": 0.3, "pooling": "attention"},
        "training": {key: value for key, value in TRAINING.items() if key != "bptt_steps"},
    },
    "texts and labels, words and characters": {
        "task": "classify",
        "data": {"level": "word"},
        "model": {
            "cell": "min_gru",
            "hidden_size": 10,
            "embedding_size": 6,
            "character_size": 4,
            "dropout": 0.3,
            "word_dropout": 0.5,
        },
        "training": {key: value for key, value in TRAINING.items() if key != "bptt_steps"},
    },
    "tags, characters, word dropout, a random field": {
        "task": "tag",
        "model": {
            "cell": "lstm",
            "hidden_size": 10,
            "embedding_size": 6,
            "character_size": 4,
            "dropout": 0.3,
            "word_dropout": 0.5,
            "crf": True,
        },
        "training": {key: value for key, value in TRAINING.items() if key != "bptt_steps"},
    },
    "a series, a closed loop, dropout": {
        "task": "forecast",
        "model": {"memory": "narx", "hidden_size": 10, "delays": 4, "horizon": 5, "season": 6, "dropout": 0.3},
        "training": {**TRAINING, "bptt_steps": 20},
    },
}
SOURCES = {
    "seq2seq": "pairs.tsv",
    "classify": "labels.tsv",
    "tag": "tags.txt",
    "forecast": "series.csv",
}  # else book.txt
FIRST = "lstm, state carried, dropout, accumulated, adamw"


# In the child


class Cuts:
    """Counts what happens, and ends the process at the chosen moment."""

    def __init__(self, at: int | None, act: Callable[[], None]) -> None:
        self.at, self.act, self.names = at, act, list[str]()

    def event(self, name: str) -> None:
        if len(self.names) == self.at:
            self.act()
        self.names.append(name)

    def install(self) -> None:
        from elman.checkpoint import RunFolder, checksummed_folder, durable_files
        from elman.tasks.classifier.training import ClassifierTask
        from elman.tasks.forecaster.training import ForecasterTask
        from elman.tasks.language_model.training import LanguageModelTask
        from elman.tasks.seq2seq.training import Seq2SeqTask
        from elman.tasks.tagger.training import TaggerTask
        from elman.training import loop
        from elman.training.session import Session

        os.fsync = lambda fd: self.event("fsync")
        for name in ("rename", "replace", "unlink", "write_text"):
            self._before(Path, name)
        self._before(shutil, "rmtree")
        self._before(loop, "update")
        for task in (LanguageModelTask, Seq2SeqTask, ClassifierTask, TaggerTask, ForecasterTask):
            self._before(task, "validate")
        self._before(Session, "save")
        write_synced, append = durable_files.write_synced, RunFolder.append_record

        def half_written(path: Path, content: bytes) -> None:
            path.write_bytes(content[: len(content) // 2])
            self.event(f"half of {path.name}")
            write_synced(path, content)

        def half_appended(run: RunFolder, name: str, record: dict[str, Any]) -> None:
            size = run.file_size(name)
            append(run, name, record)
            whole = (run / name).read_bytes()
            os.truncate(run / name, (size + len(whole)) // 2)
            self.event(f"half a line of {name}")
            (run / name).write_bytes(whole)

        for owner, name, replacement in (
            (checksummed_folder, "write_synced", half_written),
            (durable_files, "write_synced", half_written),
            (RunFolder, "append_record", half_appended),
        ):
            setattr(owner, name, replacement)

    def _before(self, owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def counted(*arguments: Any, **keywords: Any) -> Any:
            self.event(name)
            return real(*arguments, **keywords)

        setattr(owner, name, counted)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _go(run: Path, text: Path, given: dict[str, Any], at: int | None, overwrite: bool, counted: Path | None) -> None:
    """Train, or go on with what is there; be killed at the event number `at`."""
    from elman.checkpoint import is_run_folder
    from elman.experiment import resume, train
    from elman.training.progress import SilentDisplay

    cuts = Cuts(at, _kill)
    cuts.install()
    if is_run_folder(run) and not overwrite:
        resume(run, SilentDisplay())
    else:
        task = given.get("task", "lm")
        source = text.with_name(SOURCES.get(task, text.name))
        train([source], run, given, SilentDisplay(), task=task, overwrite=overwrite)
    if counted is not None:
        counted.write_bytes(json.dumps(cuts.names).encode())


def _command_line(arguments: list[str], shown: Path, signal_number: int | None, at_update: int) -> None:
    """Run the command line, its stderr into a file; at an update, send itself a signal."""
    from elman.cli import main
    from elman.training import loop

    os.dup2(os.open(shown, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    real, updates = loop.update, [0]

    def counted(*given: Any, **named: Any) -> float:
        updates[0] += 1
        if updates[0] == at_update and signal_number is not None:
            os.kill(os.getpid(), signal_number)
        return real(*given, **named)

    loop.update = counted
    sys.argv = ["elman", *arguments]
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    os._exit(main())


def _hold(run: Path) -> None:
    from elman.checkpoint import RunFolder

    held = RunFolder.open(run)
    (run / "held").write_bytes(b"")
    time.sleep(600)
    held.unlock()


# In the parent


@pytest.fixture(scope="module")
def forks() -> Any:
    context = multiprocessing.get_context("forkserver")
    late = ["torch._dynamo", "safetensors.numpy", "tomli_w"]  # what training imports on its way: a second a child
    tasks = [f"{task.package}.{name}" for task in TASKS.values() for name in ("report", "training")]
    context.set_forkserver_preload(["elman.experiment", "elman.cli", "tests.test_resume", *late, *tasks])
    return context


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("resume")


@pytest.fixture(scope="module")
def text(shared: Path) -> Path:
    rng = random.Random(0)
    words = [rng.choice(["alpha", "beta", "gamma", "delta", "epsilon,", "zeta."]) for _ in range(330)]
    (shared / "book.txt").write_text(" ".join(words), "utf-8")
    pairs = {word[:n]: word[n:] + word for word in words for n in range(1, len(word))}
    (shared / "pairs.tsv").write_text("".join(f"{source}\t{target}\n" for source, target in pairs.items()), "utf-8")
    labels = "".join(f"{word} {n}\t{word[0]}\n" for n, word in enumerate(words))
    (shared / "labels.tsv").write_text(f"text\tlabel\n{labels}", "utf-8")
    tags = (f"{word} {word[-1]}\n" + "\n" * (n % 5 == 0) for n, word in enumerate(words))
    (shared / "tags.txt").write_text("".join(tags), "utf-8")
    rows = "".join(f"{rng.random() + n % 6:.3f}\n" for n in range(90))
    (shared / "series.csv").write_text(f"y\n{rows}", "utf-8")
    return shared / "book.txt"


class Runs:
    """Starts children; knows what an uninterrupted run comes to."""

    def __init__(self, forks: Any, shared: Path, text: Path) -> None:
        self.forks, self.shared, self.text = forks, shared, text
        self._references: dict[str, tuple[dict[str, bytes], list[str]]] = {}

    def child(self, target: Callable[..., None], *arguments: Any) -> int:
        process = self.forks.Process(target=target, args=arguments)
        process.start()
        process.join(60)
        code = process.exitcode
        process.close()
        assert code is not None
        return int(code)

    def go(
        self, case: str, run: Path, at: int | None = None, *, overwrite: bool = False, counted: Path | None = None
    ) -> int:
        return self.child(_go, run, self.text, CASES[case], at, overwrite, counted)

    def reference(self, case: str) -> tuple[dict[str, bytes], list[str]]:
        """What an uninterrupted run leaves, and the events on its way."""
        if case not in self._references:
            run, counted = self.shared / f"whole {case}", self.shared / "events"
            assert self.go(case, run, counted=counted) == 0
            self._references[case] = left_by(run), json.loads(counted.read_bytes())
        return self._references[case]


@pytest.fixture(scope="module")
def runs(forks: Any, shared: Path, text: Path) -> Runs:
    return Runs(forks, shared, text)


def left_by(run: Path) -> dict[str, bytes]:
    """Everything in a run folder that must not depend on a kill: all but the clock, the lock and older checkpoints."""
    last = (run / "last").read_text().strip()
    files = {p for folder in ("data", "model") for p in (run / folder).iterdir()}
    files |= {run / name for name in ("request.json", "config.toml", "env.json", "metrics.jsonl", "last", "best")}
    content = {str(path.relative_to(run)): path.read_bytes() for path in files}
    content["model/README.md"] = without_speed(content["model/README.md"])
    state = json.loads((run / "checkpoints" / last / "state.json").read_bytes())
    assert state.pop("seconds") > 0.0
    content["state"] = json.dumps(state, sort_keys=True).encode()
    content["tensors"] = (run / "checkpoints" / last / "tensors.safetensors").read_bytes()
    best = (run / "best").read_text().strip()
    content["best tensors"] = (run / "checkpoints" / best / "tensors.safetensors").read_bytes()
    assert not list(run.rglob("*.new")), "temporary files are gone"
    assert not list(run.rglob("*.old")), "temporary files are gone"
    return content


def same(found: dict[str, bytes], expected: dict[str, bytes]) -> None:
    assert sorted(found) == sorted(expected)
    assert [name for name in found if found[name] != expected[name]] == []


def killed_and_resumed(runs: Runs, case: str, at: int, run: Path) -> None:
    assert runs.go(case, run, at) == -signal.SIGKILL
    assert runs.go(case, run) == 0
    same(left_by(run), runs.reference(case)[0])


def spread(total: int, count: int) -> list[int]:
    """So many moments of a run, the first and the last among them."""
    return sorted({round(n) for n in np.linspace(0, total - 1, count)})


def test_a_reference_run_has_every_kind_of_moment(runs: Runs) -> None:
    left, events = runs.reference(FIRST)
    expected = {"fsync", "rename", "replace", "unlink", "rmtree", "update", "validate", "save"}
    halves = {
        f"half of {name}" for name in ("tensors.safetensors", "state.json", MANIFEST, "model.safetensors", "last.new")
    }
    assert expected | halves | {"half a line of metrics.jsonl"} <= set(events)
    assert left["metrics.jsonl"].count(b"\n") == 6  # three of the log, three validations
    assert len(events) > 100


def test_two_uninterrupted_runs_are_one(runs: Runs, tmp_path: Path) -> None:
    for case in CASES:
        assert runs.go(case, tmp_path / case) == 0
        same(left_by(tmp_path / case), runs.reference(case)[0])


@pytest.mark.parametrize("case", CASES)
def test_killed_now_and_then(runs: Runs, tmp_path: Path, case: str) -> None:
    moments = len(runs.reference(case)[1])
    for at in spread(moments, 5 if "task" in CASES[case] else 9):
        killed_and_resumed(runs, case, at, tmp_path / str(at))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_killed_at_every_moment(runs: Runs, tmp_path: Path, case: str) -> None:
    for at in range(len(runs.reference(case)[1])):
        killed_and_resumed(runs, case, at, tmp_path / str(at))


def test_killed_around_the_pointers_of_a_best_step(runs: Runs, tmp_path: Path) -> None:
    """Between a checkpoint, `last`, `best` and the export, each names another step."""
    events = runs.reference(FIRST)[1]
    pointers = [n for n, name in enumerate(events) if name == "half of best.new"]
    assert len(pointers) >= 2
    for at in range(pointers[1] - 4, pointers[1] + 4):
        killed_and_resumed(runs, FIRST, at, tmp_path / str(at))


def test_killed_twice(runs: Runs, tmp_path: Path) -> None:
    moments = len(runs.reference(FIRST)[1])
    for n, first in enumerate(spread(moments, 4)):
        run = tmp_path / str(n)
        assert runs.go(FIRST, run, first) == -signal.SIGKILL
        assert runs.go(FIRST, run, 12 + 5 * n) in (-signal.SIGKILL, 0)
        assert runs.go(FIRST, run) == 0
        same(left_by(run), runs.reference(FIRST)[0])


def test_killed_while_it_replaces_another_run(runs: Runs, tmp_path: Path) -> None:
    assert runs.go(list(CASES)[1], tmp_path / "old") == 0
    for at in (2, 4, 8, 40):
        run = tmp_path / str(at) / "run"
        shutil.copytree(tmp_path / "old", run)
        assert runs.go(FIRST, run, at, overwrite=True) == -signal.SIGKILL
        assert runs.go(FIRST, run) == 0, "no --overwrite this time: it goes on, or begins"
        same(left_by(run), runs.reference(FIRST)[0])
        if at > 2:
            assert [entry.name for entry in run.parent.iterdir()] == ["run"]


def test_going_on_with_a_finished_run_completes_its_model_and_trains_no_more(runs: Runs, tmp_path: Path) -> None:
    run = tmp_path / "run"
    expected = runs.reference(FIRST)[0]
    shutil.copytree(runs.shared / f"whole {FIRST}", run)
    shutil.rmtree(run / "model")
    counted = tmp_path / "events"
    assert runs.go(FIRST, run, counted=counted) == 0
    assert "update" not in json.loads(counted.read_bytes())
    same(left_by(run), expected)


@pytest.mark.parametrize("change", ["deleted", "changed"])
def test_a_source_that_is_gone_or_changed_after_it_was_read_is_no_trouble(
    runs: Runs, tmp_path: Path, change: str
) -> None:
    at = runs.reference(FIRST)[1].index("update") + 60
    assert runs.go(FIRST, tmp_path / "run", at) == -signal.SIGKILL
    content = runs.text.read_bytes()
    try:
        if change == "deleted":
            runs.text.unlink()
        else:
            runs.text.write_bytes(b"another text altogether " * 100)
        assert runs.go(FIRST, tmp_path / "run") == 0
    finally:
        runs.text.write_bytes(content)
    same(left_by(tmp_path / "run"), runs.reference(FIRST)[0])


def test_a_damaged_newest_checkpoint_costs_only_its_steps(runs: Runs, tmp_path: Path) -> None:
    events = runs.reference(FIRST)[1]
    updates = [n for n, name in enumerate(events) if name == "update"]
    for name in ("tensors.safetensors", "state.json", MANIFEST):
        run = tmp_path / name
        assert runs.go(FIRST, run, updates[-1]) == -signal.SIGKILL
        newest = sorted((run / "checkpoints").iterdir())[-1]
        content = bytearray((newest / name).read_bytes())
        content[len(content) // 2] ^= 8
        (newest / name).write_bytes(content)
        assert runs.go(FIRST, run) == 0
        same(left_by(run), runs.reference(FIRST)[0])


def test_a_damaged_checkpoint_that_was_also_the_best_costs_only_its_steps(runs: Runs, tmp_path: Path) -> None:
    run = tmp_path / "run"
    events = runs.reference(FIRST)[1]
    after_best = [n for n, name in enumerate(events) if name == "half of best.new"][-1] + 4
    assert runs.go(FIRST, run, after_best) == -signal.SIGKILL
    assert (run / "best").read_text() == (run / "last").read_text()
    newest = run / "checkpoints" / (run / "best").read_text().strip()
    (newest / "state.json").write_bytes(b"{}")
    assert runs.go(FIRST, run) == 0
    same(left_by(run), runs.reference(FIRST)[0])


# Signals, two trainers, and the command line


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_says_how_to_go_on_and_costs_nothing(runs: Runs, tmp_path: Path, number: int, code: int) -> None:
    run, shown = tmp_path / "run", tmp_path / "stderr"
    flags = ["--set", "training.accumulate_steps=2", "--set", "training.weight_decay=0.01"]
    flags += [f"--set=training.{key}={value}" for key, value in TRAINING.items()]
    flags += ["--cell", "lstm", "--hidden", "16", "--embedding", "8", "--dropout", "0.3"]
    arguments = ["train", "lm", str(runs.text), "-o", str(run), *flags]
    assert runs.child(_command_line, arguments, shown, number, 5) == code
    assert (run / "last").read_text() == "step-00000005\n"
    assert shown.read_text().splitlines()[-1] == (
        f"elman: stopped at step 5 and saved. Continue with `elman resume {run}`"
    )
    assert "Traceback" not in shown.read_text()
    assert runs.child(_command_line, ["resume", str(run)], shown, None, 0) == 0
    expected = {**runs.reference(FIRST)[0]}
    found = left_by(run)
    for name in ("request.json",):  # what was given was given otherwise
        expected.pop(name)
        found.pop(name)
    same(found, expected)


def test_two_trainings_on_one_folder_are_refused(
    runs: Runs, tmp_path: Path, forks: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from elman.cli import main

    runs.reference(FIRST)  # trains it, if no earlier test of this process has
    run = tmp_path / "run"
    shutil.copytree(runs.shared / f"whole {FIRST}", run)
    process = forks.Process(target=_hold, args=(run,))
    process.start()
    try:
        while not (run / "held").exists():
            time.sleep(0.01)
        for arguments in (["resume", str(run)], ["train", "lm", str(runs.text), "-o", str(run), "--overwrite"]):
            monkeypatch.setattr(sys, "argv", ["elman", *arguments])
            assert main() == 2
            out, err = capsys.readouterr()
            assert out == ""
            told = "another process is training in this folder. Wait until it ends, or choose another -o"
            assert err.splitlines()[-1] == f"elman: {run}: {told}"
        assert (run / "held").exists(), "the folder was not moved"
    finally:
        process.kill()
        process.join()
        process.close()
    assert runs.go(FIRST, run) == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_the_installed_command_survives_a_signal_from_outside(runs: Runs, tmp_path: Path, number: int) -> None:
    run = tmp_path / "run"
    settings = {
        **TRAINING,
        "steps": 700,
        "validate_every_steps": 350,
        "log_every_steps": 50,
        "checkpoint_every_steps": 100,
    }
    flags = [f"--set=training.{key}={value}" for key, value in settings.items()]
    command = [
        sys.executable,
        "-m",
        "elman",
        "train",
        "lm",
        str(runs.text),
        "--hidden",
        "16",
        "--dropout",
        "0.1",
        *flags,
    ]
    with subprocess.Popen([*command, "-o", str(run)], stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not (run / "metrics.jsonl").exists() or (run / "metrics.jsonl").read_bytes().count(b"\n") < 3:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    assert out == b""
    assert b"Traceback" not in err
    assert runs.child(_command_line, ["resume", str(run)], tmp_path / "stderr", None, 0) == 0
    arguments = [*command[3:], "-o", str(tmp_path / "whole")]
    assert runs.child(_command_line, arguments, tmp_path / "stderr", None, 0) == 0
    same(left_by(run), left_by(tmp_path / "whole"))


# What cannot go on


class Killed(BaseException):
    """The process ends here, as far as one test process can tell."""


class Terminal:
    """A standard input whose reader is killed."""

    @property
    def buffer(self) -> Any:
        raise Killed


@pytest.fixture
def display() -> Any:
    from elman.training.progress import SilentDisplay

    return SilentDisplay()


def test_text_from_a_pipe_that_was_never_read_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, display: Any
) -> None:
    from elman.experiment import resume, train

    monkeypatch.setattr(sys, "stdin", Terminal())
    with pytest.raises(Killed):
        train(["-"], tmp_path / "run", CASES[FIRST], display)
    with pytest.raises(DataError) as caught:
        resume(tmp_path / "run", display)
    told = "was stopped before its text was read, and the text is gone"
    hint = "Train again with --overwrite, giving the text again"
    assert str(caught.value) == f"{tmp_path / 'run'}: {told}. {hint}"
    assert caught.value.exit_code == 3


@pytest.fixture
def half_done(runs: Runs, tmp_path: Path) -> Path:
    at = [n for n, name in enumerate(runs.reference(FIRST)[1]) if name == "update"][4]
    assert runs.go(FIRST, tmp_path / "run", at) == -signal.SIGKILL
    return tmp_path / "run"


def test_text_that_was_deleted_before_it_was_read_is_told(runs: Runs, tmp_path: Path, display: Any) -> None:
    from elman.experiment import resume

    events = runs.reference(FIRST)[1]
    assert runs.go(FIRST, tmp_path / "run", events.index("unlink")) == -signal.SIGKILL
    content = runs.text.read_bytes()
    runs.text.unlink()
    try:
        with pytest.raises(DataError, match="no such file"):
            resume(tmp_path / "run", display)
    finally:
        runs.text.write_bytes(content)
    assert runs.go(FIRST, tmp_path / "run") == 0
    same(left_by(tmp_path / "run"), runs.reference(FIRST)[0])


def test_when_every_checkpoint_is_damaged_it_is_told(half_done: Path, display: Any) -> None:
    from elman.experiment import resume

    for folder in (half_done / "checkpoints").iterdir():
        (folder / "state.json").unlink()
    with pytest.raises(ModelError, match=r"every checkpoint is damaged\. Train again with --overwrite$"):
        resume(half_done, display)


@pytest.mark.parametrize("name", ["train.ids", "valid.ids"])
def test_damaged_training_data_is_told(half_done: Path, display: Any, name: str) -> None:
    from elman.experiment import resume

    content = bytearray((half_done / "data" / name).read_bytes())
    content[5] ^= 1
    (half_done / "data" / name).write_bytes(content)
    with pytest.raises(ModelError, match=f"{name}: differs from what was written. Train again"):
        resume(half_done, display)


def test_a_config_that_was_edited_into_nonsense_is_told(half_done: Path, display: Any) -> None:
    from elman.experiment import resume

    path = half_done / "config.toml"
    path.write_text(path.read_text().replace('cell = "lstm"', 'cell = "lstn"'))
    with pytest.raises(ModelError, match=r"model\.cell") as caught:
        resume(half_done, display)
    assert "lstn" in str(caught.value)
    assert "Train again with --overwrite" in str(caught.value)


def test_a_config_that_no_longer_fits_the_checkpoint_is_told(half_done: Path, display: Any) -> None:
    from elman.experiment import resume

    path = half_done / "config.toml"
    path.write_text(path.read_text().replace("embedding_size = 8", "embedding_size = 9"))
    with pytest.raises(ModelError, match="the checkpoint does not match this run"):
        resume(half_done, display)


def test_a_model_folder_cannot_be_trained_on(half_done: Path, display: Any) -> None:
    from elman.experiment import resume

    with pytest.raises(ModelError, match=r"not a run folder\. Name a folder that `elman train` has created$"):
        resume(half_done / "model", display)


def test_training_again_without_overwrite_is_refused_and_touches_nothing(
    runs: Runs, half_done: Path, display: Any
) -> None:
    from elman.experiment import train

    before = {p: p.read_bytes() for p in half_done.rglob("*") if p.is_file()}
    with pytest.raises(ConfigError, match=f"the folder already exists. Continue with `elman resume {half_done}`"):
        train([runs.text], half_done, CASES[FIRST], display)
    assert {p: p.read_bytes() for p in half_done.rglob("*") if p.is_file()} == before


def test_no_checkpoint_on_the_way_holds_a_number_that_is_not_finite(runs: Runs, half_done: Path) -> None:
    checked = 0
    for path in half_done.rglob("*.safetensors"):
        for name, tensor in parse_tensors(path.read_bytes(), path).items():
            assert np.isfinite(tensor).all(), (path, name)
            checked += 1
    assert checked > 30
