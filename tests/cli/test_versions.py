"""elman train --replace, elman versions and elman rollback."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from elman.checkpoint import versions

from .conftest import TINY, TRAIN_KEYS, Command, Done, only_json

VERSION_KEYS = {"model", "version", "is_current", "previous_version", "comparison", "deleted_versions"}


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def replace(command: Command, run: Path, book: Path) -> Any:
    def train(*arguments: Any, steps: int = 4) -> Done:
        return command("train", "lm", book, "-o", run, "--steps", steps, *TINY, "--replace", *arguments)

    return train


def test_a_replacement_prints_what_became_of_it(replace: Any, run: Path) -> None:
    done = replace("--json", "--keep", 1, "--name", "second")
    result = only_json(done.out)
    assert (done.code, set(result)) == (0, TRAIN_KEYS | VERSION_KEYS)
    assert (result["version"], result["is_current"], result["previous_version"]) == (2, True, 1)
    assert (result["comparison"], result["deleted_versions"]) == (None, [1])
    assert "version 2 is the current version now; before, it was version 1\n" in done.err
    assert "deleted by --keep 1: version 1\n" in done.err
    assert json.loads((run / "model" / "config.json").read_bytes())["info"]["name"] == "second"


def test_a_version_that_is_not_better_ends_with_a_code_of_its_own(replace: Any, run: Path) -> None:
    done = replace("--only-if-better", "perplexity", "--lr", 1e-6, "--json")
    result = only_json(done.out)
    assert (done.code, result["is_current"]) == (7, False)
    assert set(result["comparison"]) == {"metric", "current_version", "new", "current"}
    assert "version 1 stays the current version. To use the new one: elman rollback " in done.err
    assert replace("--only-if-better", "perplexity", "--lr", 1e-6, "-q").code == 7
    assert replace("--only-if-better", "perplexity", steps=80).code == 0


def test_versions_are_listed(command: Command, replace: Any, run: Path) -> None:
    replace("--only-if-better", "perplexity", "--lr", 1e-6)
    replace("--name", "bigger", steps=40)
    done = command("versions", run)
    assert (done.code, done.err) == (0, "")
    head, *rows = [line.split() for line in done.out.splitlines()]
    assert head == ["version", "state", "name", "date", "data", "size", "metrics"]
    assert [row[:5] for row in rows] == [
        ["1", "earlier", "run", "2025-12-01", "13:00"],
        ["2", "rejected", "run", "2025-12-01", "13:00"],
        ["3", "current", "bigger", "2025-12-01", "13:00"],
    ]
    assert all(row[8:10] == ["loss", row[9]] and row[10] == "perplexity" for row in rows)
    listed = only_json(command("versions", run, "--json").out)
    assert (listed["run"], listed["current"]) == (str(run), 3)
    first, second, third = listed["versions"]
    assert set(first) == {
        *("version", "state", "name", "date", "data_sha256", "metrics", "comparison"),
        *("folder", "model_bytes", "folder_bytes"),
    }
    assert (first["comparison"], second["comparison"]["metric"], third["comparison"]) == (None, "perplexity", None)
    assert first["data_sha256"] == third["data_sha256"]
    assert first["folder_bytes"] > first["model_bytes"] > 0


def test_a_run_that_was_never_replaced_has_one_version(command: Command, trained: Path) -> None:
    listed = only_json(command("versions", trained, "--json").out)
    (version,) = listed["versions"]
    assert (version["version"], version["state"], version["folder"]) == (1, "current", str(trained))
    assert version["folder_bytes"] > version["model_bytes"]


def test_an_older_run_is_listed_without_what_it_does_not_say(command: Command, replace: Any, run: Path) -> None:
    from elman.tasks.loading import load

    predictor = load(run)
    predictor.info = type(predictor.info)()
    predictor.save(run / "model", replace=True)
    assert command("versions", run).out.splitlines()[1].split()[:2] == ["1", "current"]
    (version,) = only_json(command("versions", run, "--json").out)["versions"]
    assert (version["name"], version["date"], version["data_sha256"], version["metrics"]) == (None, None, None, {})
    assert replace("--only-if-better", "loss", steps=60).code == 0


def test_rolling_back_and_forth(command: Command, replace: Any, run: Path) -> None:
    replace()
    done = command("rollback", run)
    assert (done.code, done.out) == (0, "")
    assert done.err == "version 1 is the current version now; before, it was version 2\n"
    assert command("rollback", run, 1).err == "version 1 is the current version already\n"
    assert only_json(command("rollback", run, 2, "--json").out) == {
        "run": str(run),
        "version": 2,
        "previous_version": 1,
    }
    command("rollback", run)
    done = command("rollback", run)
    assert done.code == 2
    assert done.err == (
        f"elman: {run}: no earlier version was current. List the versions with `elman versions {run}`, and name one\n"
    )
    assert command("rollback", run, 7).code == 2


def test_every_command_uses_the_current_version(command: Command, replace: Any, run: Path, tmp_path: Path) -> None:
    before = [command("evaluate", run, "--json").out, command("generate", run, "--seed", 1, "--json").out]
    replace(steps=30)
    after = [command("evaluate", run, "--json").out, command("generate", run, "--seed", 1, "--json").out]
    assert all(old != new for old, new in zip(before, after, strict=True))
    assert command("evaluate", run / "model", run.parent / "missing").code == 3
    assert command("plot", run, "-o", tmp_path / "figures").code == 0
    assert command("resume", run, "--steps", "+2", "--json").json["steps"] == 32
    command("rollback", run)
    assert [command("evaluate", run, "--json").out, command("generate", run, "--seed", 1, "--json").out] == before
    assert command("resume", run, "--steps", "+2", "--json").json["steps"] == 6


def test_messages_are_in_chinese_too(command: Command, replace: Any, run: Path) -> None:
    replace("--lr", 1e-6, "--only-if-better", "perplexity")
    done = replace("--lang", "zh", "--lr", 1e-6, "--only-if-better", "perplexity")
    assert "版本 3 没有比版本 1 更好：困惑度为 " in done.err
    assert f"版本 1 仍是当前版本。要使用新版本，请运行：elman rollback {run} 3\n" in done.err
    lines = command("versions", run, "--lang", "zh").out.splitlines()
    assert [line.split()[1] for line in lines] == ["状态", "当前", "未采用", "未采用"]
    assert command("rollback", run, 2, "--lang", "zh").err == "当前版本现为版本 2；之前是版本 1\n"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--keep", 2], "--keep: given without --replace; expected both. Add --replace, or leave it out"),
        (["--only-if-better", "loss"], "--only-if-better: given without --replace; expected both. Add --replace"),
        (["--replace"], "--replace: given without -o; expected the run folder to replace. Add -o RUN"),
        (["--name", "two\nlines", "-o", "run"], "--name: given 'two\\nlines'; expected one line of at most 200"),
    ],
)
def test_options_that_do_not_fit_are_an_error(
    command: Command, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[Any], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = command("train", "lm", book, "--steps", 1, *flags)
    assert (done.code, list(tmp_path.iterdir())) == (2, [])
    assert message in done.err


def test_no_version_is_kept_by_a_number_below_one(replace: Any, run: Path) -> None:
    done = replace("--keep", 0)
    assert done.code == 2
    assert "--keep" in done.err


def test_an_unknown_metric_lists_those_that_are_known(replace: Any, run: Path) -> None:
    done = replace("--only-if-better", "speed")
    assert done.code == 2
    assert done.err == (
        "elman: --only-if-better: unknown metric 'speed'; expected loss, perplexity, bits_per_character\n"
    )
    assert versions.version_numbers(run) == [1]


@pytest.mark.parametrize("name", ["versions", "rollback"])
def test_a_folder_that_is_no_run_is_an_error(command: Command, trained: Path, tmp_path: Path, name: str) -> None:
    for path in (tmp_path, tmp_path / "missing", trained / "model"):
        done = command(name, path)
        assert (done.code, done.out) == (4, ""), path
        assert "Name a folder that `elman train` has created" in done.err


def test_an_interrupted_replacement_is_listed_with_the_command_that_completes_it(
    command: Command, replace: Any, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from elman.training import loop

    def killed(*arguments: Any) -> float:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(loop, "update", killed)
        assert replace().code == 1
    done = command("versions", run)
    assert done.out.splitlines()[2].split()[:2] == ["2", "unfinished"]
    assert done.err == f"The training of version 2 has not ended. Continue it with `elman resume {run}`\n"
    assert command("rollback", run, 2).code == 2
    assert command("resume", run, "--json").json["version"] == 2
