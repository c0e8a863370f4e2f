"""elman bench model: every task, run folders and model folders; no test depends on a measured time."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import elman
from elman import kernels
from elman.bench import model, timing
from elman.bench.model import measure
from elman.bench.streams import measure_streams
from elman.bench.timing import time_many, time_single
from elman.errors import ConfigError, ModelError
from tests.models.streaming_models import MODELS, tiny_forecaster_of_several_series

pytestmark = pytest.mark.integration

SETTINGS: dict[str, Any] = {"training": {"batch_size": 4, "threads": 1}}
WORDS = ["abc", "de", "fghij", "klmno", "pq", "rstuv", "wxyz", "bad", "cab", "fed", "gab", "hid"]


def lm(run: Path) -> None:
    settings = {"training": {**SETTINGS["training"], "bptt_steps": 4}}
    elman.LanguageModel(hidden_size=4, config=settings).fit(["The time. " * 40], steps=1, run=run, verbose=False)


def classify(run: Path) -> None:
    texts = [f"{word} {other} is here" for word in WORDS for other in WORDS[:3]]
    elman.Classifier(hidden_size=4, config=SETTINGS).fit(texts, ["a", "b"] * 18, steps=1, run=run, verbose=False)


def tag(run: Path) -> None:
    sentences = [["the", word, str(n)] for n, word in enumerate(WORDS)]
    elman.Tagger(hidden_size=4, config=SETTINGS).fit(
        sentences, [["DET", "NOUN", "NUM"]] * len(WORDS), steps=1, run=run, verbose=False
    )


def seq2seq(run: Path) -> None:
    pairs = [(word, word[::-1]) for word in WORDS]
    elman.Seq2Seq(hidden_size=4, config=SETTINGS).fit(pairs, steps=1, run=run, verbose=False)


def forecast(run: Path) -> None:
    settings = {"training": {**SETTINGS["training"], "bptt_steps": 8}}
    series = [float(n % 4) for n in range(80)]
    elman.Forecaster(hidden_size=4, horizon=2, config=settings).fit(series, steps=1, run=run, verbose=False)


TRAININGS = {"lm": lm, "classify": classify, "tag": tag, "seq2seq": seq2seq, "forecast": forecast}
UNITS = {"lm": "tokens", "classify": "texts", "tag": "sentences", "seq2seq": "sources", "forecast": "forecasts"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    for task, train in TRAININGS.items():
        train(folder / task)
    return {task: folder / task for task in TRAININGS}


@pytest.mark.parametrize("task", TRAININGS)
def test_every_task_is_measured(runs: dict[str, Path], task: str) -> None:
    before = kernels.get_num_threads()
    speed = measure(runs[task], threads=1, seconds=0.001)
    assert kernels.get_num_threads() == before
    assert (speed.task, speed.unit, speed.threads) == (task, UNITS[task], 1)
    assert 0 < speed.latency[50] <= speed.latency[90] <= speed.latency[99]
    assert speed.calls >= 20
    assert speed.at_once >= 1
    assert speed.per_second > 0
    assert speed.model_bytes == sum(file.stat().st_size for file in (runs[task] / "model").iterdir())
    assert speed.peak_bytes is None or speed.peak_bytes > 10_000_000
    keys = {"bench", "model", "task", "threads", "unit", "inputs", "latency_ms", "calls", "per_second", "at_once"}
    assert set(speed.as_json()) == keys | {"model_bytes", "peak_memory_bytes", "streams"}
    assert set(speed.as_json()["latency_ms"]) == {"p50", "p90", "p99"}


@pytest.mark.parametrize("task", TRAININGS)
def test_streams_are_measured_for_models_that_read_step_by_step(runs: dict[str, Path], task: str) -> None:
    speeds = measure(runs[task], threads=1, seconds=0.001).streams
    reads_step_by_step = task in {"lm", "forecast"}  # the classifier and the tagger are bidirectional by default
    assert [speed.streams for speed in speeds] == ([1, 100, 1_000] if reads_step_by_step else [])
    for speed in speeds:
        assert 0 < speed.latency[50] <= speed.latency[90] <= speed.latency[99]
        assert speed.per_second == pytest.approx(1e3 * speed.streams / speed.latency[50])
        assert speed.bytes_per_stream > 0


@pytest.mark.parametrize("name", ["classify-max", "tag", "forecast-gru", "forecast of several series"])
def test_random_inputs_can_be_read(name: str) -> None:
    model = MODELS[name]() if name in MODELS else tiny_forecaster_of_several_series()
    (speed,) = measure_streams(model, 0.001, num_streams=[3])
    assert (speed.streams, speed.rounds) == (3, 20)


@pytest.mark.parametrize("task", ["lm", "classify", "tag", "seq2seq"])
def test_a_model_folder_is_measured_with_tokens_of_its_vocabulary(runs: dict[str, Path], task: str) -> None:
    speed = measure(runs[task] / "model", threads=1, seconds=0.001)
    assert speed.inputs == ("generated one by one" if task == "lm" else "200 sequences of 20 random tokens")
    assert speed.model == str(runs[task] / "model")


def test_a_model_folder_of_a_forecaster_has_no_series(runs: dict[str, Path]) -> None:
    with pytest.raises(ConfigError, match="expected a run folder"):
        measure(runs["forecast"] / "model", threads=1, seconds=0.001)


def test_a_folder_without_a_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        measure(tmp_path / "none", threads=1, seconds=0.001)


class Clock:
    """A clock that calls move forward."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += seconds


def test_every_call_after_the_first_is_a_latency(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(timing, "time", clock)
    numbers: list[int] = []

    def single(number: int) -> None:
        numbers.append(number)
        clock.passes(100.0 if number == 0 else float(number % 2 + 1))

    durations = time_single(single, seconds=30.0)
    assert durations == [2.0, 1.0] * 10 + [2.0]
    assert numbers == list(range(22))


def test_the_throughput_is_the_median_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(timing, "time", clock)
    durations = iter([9.0, 1.0, 8.0, 2.0])

    def many() -> int:
        clock.passes(next(durations))
        return 40

    assert time_many(many, seconds=10.0) == (40, 20.0)


def test_macos_counts_memory_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = SimpleNamespace(RUSAGE_SELF=0, getrusage=lambda who: SimpleNamespace(ru_maxrss=5000))
    monkeypatch.setitem(sys.modules, "resource", usage)
    monkeypatch.setattr(sys, "platform", "linux")
    assert model._peak_memory() == 5_120_000
    monkeypatch.setattr(sys, "platform", "darwin")
    assert model._peak_memory() == 5000
