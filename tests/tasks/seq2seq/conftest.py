"""Command-line fixtures: a file of pairs, a trained run, and models with large random weights."""

from __future__ import annotations

import io
import random
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from elman.tasks.loading import load
from tests.cli.conftest import Command, run_command

from .commands import SOURCES, pairs_of
from .models import predictor_of, tiny_network


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return lambda *arguments: run_command(monkeypatch, capsys, *arguments)


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pairs") / "pairs.tsv"
    path.write_text("".join(f"{source}\t{target}\n" for source, target in pairs_of(300)), "utf-8")
    return path


@pytest.fixture(scope="session")
def run(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder that tests read and never change."""
    from elman.experiment import train
    from elman.training.progress import SilentDisplay

    folder = tmp_path_factory.mktemp("runs") / "run"
    values = {
        "model": {"hidden_size": 8, "embedding_size": 6},
        "training": {"steps": 3, "batch_size": 8, "threads": 1},
    }
    train([pairs], folder, values, SilentDisplay(), task="seq2seq")
    return folder


@pytest.fixture(scope="session")
def language_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of a model of another task."""
    from elman.experiment import train
    from elman.training.progress import SilentDisplay

    folder = tmp_path_factory.mktemp("language_model")
    rng = random.Random(0)
    (folder / "book.txt").write_text("".join(rng.choice(["alpha ", "beta ", "gamma,\n"]) for _ in range(500)))
    values = {
        "model": {"hidden_size": 16, "embedding_size": 8},
        "training": {"steps": 2, "batch_size": 4, "bptt_steps": 8, "threads": 1},
    }
    train([folder / "book.txt"], folder / "run", values, SilentDisplay(), task="lm")
    return folder / "run"


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Model folders a, b and none (without attention); the weights are so large that the predictions differ."""
    folder = tmp_path_factory.mktemp("models")
    for name, architecture, seed in (("a", "dot", 2), ("b", "general", 4), ("none", "no_attention", 2)):
        network = tiny_network(architecture, seed=seed)
        for parameter in network.parameters():
            parameter.data *= 3.0
        network.readout.bias.data.zero_()
        predictor_of(network).save(folder / name)
    assert len(set(load(folder / "a").predict(SOURCES))) == len(SOURCES)
    return folder


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    def set_content(content: bytes) -> None:
        stream = SimpleNamespace(buffer=io.BytesIO(content), isatty=lambda: False)
        monkeypatch.setattr(sys, "stdin", stream)

    return set_content
