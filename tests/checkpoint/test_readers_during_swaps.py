"""Processes that read a run while its versions change: each gets one whole version, never a mixture or nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from elman.checkpoint import current_run, versions
from elman.tasks.loading import load

from .versioned_runs import add_version, assert_one_version, first_run, number_of, predictor_of, save_plain

ACCEPTED = {"accepted": True}
SECONDS = 300.0  # after which a reader ends that was forgotten


def read_again_and_again(folder: Path, path: str, stop: Path, report: Path) -> None:
    """Load a model until the file `stop` appears; report what was wrong, or how many loads and versions there were."""
    count, numbers, end = 0, set[int](), time.monotonic() + SECONDS
    try:
        while not stop.exists() and time.monotonic() < end:
            predictor = load(folder / path)
            assert {float(tensor.flat[0]) * 8 for tensor in predictor.tensors.values()} == {predictor.info.version}
            assert predictor.card == f"# version {predictor.info.version}\n"
            count, numbers = count + 1, numbers | {predictor.info.version}
        text = f"{count} loads, {len(numbers)} versions"
    except BaseException as error:  # it is the report
        text = f"failed after {count} loads: {error!r}"
    report.with_suffix(".new").write_text(text)
    report.with_suffix(".new").rename(report)


class Readers:
    """Processes that read until they are stopped."""

    def __init__(self, forks: Any, folder: Path, paths: list[str]) -> None:
        self.stop = folder / "stop"
        self.reports = [folder / f"report-{n}" for n in range(len(paths))]
        arguments = [(folder, path, self.stop, report) for path, report in zip(paths, self.reports, strict=True)]
        self.processes = [forks.Process(target=read_again_and_again, args=values) for values in arguments]

    def __enter__(self) -> Readers:
        for process in self.processes:
            process.start()
        return self

    def __exit__(self, *arguments: object) -> None:
        self.stop.touch()
        for process in self.processes:
            process.join(SECONDS)
            process.close()

    def has_failed(self) -> bool:
        return any(report.exists() for report in self.reports)

    def counts(self) -> Iterator[tuple[int, int]]:
        """Yield the number of loads and of versions that each has seen."""
        for report in self.reports:
            words = report.read_text().split()
            assert words[1::2] == ["loads,", "versions"], report.read_text()
            yield int(words[0]), int(words[2])


def swap(run: Path, times: int, readers: Readers) -> None:
    """Replace, roll back and delete versions."""
    for _ in range(times):
        if readers.has_failed():
            return
        versions.make_current(run, add_version(run), ACCEPTED)
        versions.roll_back(run, None, load)
        versions.make_current(run, add_version(run), ACCEPTED)
        versions.prune(run, 2, versions.history_of(run)[0])


@pytest.mark.parametrize("times", [12, pytest.param(100, marks=pytest.mark.slow)])
def test_readers_get_one_whole_version_during_many_swaps(
    forks: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # so that there are more swaps
    run = first_run(tmp_path / "run")
    with Readers(forks, tmp_path, ["run", "run/model"]) as readers:
        time.sleep(0.3)
        swap(run, times, readers)
    for loads, numbers in readers.counts():
        assert loads > 1
        assert numbers > 1
    assert number_of(current_run(run) / "model") == 1 + 2 * times
    assert_one_version(current_run(run), 1 + 2 * times)


def test_readers_get_one_whole_model_while_a_plain_model_folder_is_replaced(
    forks: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    save_plain(tmp_path / "folder", 1)
    with Readers(forks, tmp_path, ["folder"]) as readers:
        time.sleep(0.3)
        for number in range(2, 60):
            save_plain(tmp_path / "folder", number, replace=True)
    assert [loads > 1 and numbers > 1 for loads, numbers in readers.counts()] == [True]


def test_a_process_keeps_the_version_that_it_has_loaded(tmp_path: Path) -> None:
    run = first_run(tmp_path / "run")
    loaded = load(run)
    expected = predictor_of(1).evaluate(["ab\nab\n"])
    versions.make_current(run, add_version(run), ACCEPTED)
    versions.prune(run, 1, 2)
    assert versions.version_numbers(run) == [2]
    assert loaded.evaluate(["ab\nab\n"]) == expected
    assert loaded.info.version == 1
