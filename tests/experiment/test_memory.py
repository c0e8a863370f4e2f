"""The memory that a training needs is compared with what the system has, before training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from elman.cells import CELLS
from elman.data.sources import SourceArgument
from elman.errors import ResourceError
from elman.experiment import memory, resume, train
from elman.experiment.memory import available_memory, estimate_memory
from elman.nn import Recurrent, recurrent_layers
from elman.training.progress import SilentDisplay
from tests.training.fakes import LinearTask, config

from .trainings import TINY, names_in, with_training

GIGABYTE = 10**9


def with_memory(monkeypatch: pytest.MonkeyPatch, available: int | None) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: available)


@pytest.mark.parametrize("threads", [0, 1])  # 0 times training steps before training
def test_too_little_memory_ends_before_training_and_leaves_no_folder(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    with_memory(monkeypatch, 20_000)
    monkeypatch.setattr("elman.experiment.fit", None)
    monkeypatch.setattr("elman.experiment.timing.fastest_thread_count", None)
    with pytest.raises(ResourceError) as caught:
        train([book], tmp_path / "run", with_training(threads=threads), SilentDisplay())
    assert caught.value.exit_code == 6
    assert str(caught.value) == (
        f"{tmp_path / 'run'}: training needs about 0.0 GB of memory; 0.0 GB are available. "
        "The largest mini-batch has 32 tokens: choose a smaller --batch-size or --hidden, or leave out long examples"
    )
    assert names_in(tmp_path) == ["book.txt"]


def test_a_run_that_does_not_fit_may_be_resumed_where_it_fits(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources: list[SourceArgument] = [book]
    train(sources, tmp_path / "run", TINY, SilentDisplay())
    with_memory(monkeypatch, 1_000)
    with pytest.raises(ResourceError):
        resume(tmp_path / "run", SilentDisplay())
    with_memory(monkeypatch, None)
    assert resume(tmp_path / "run", SilentDisplay())["steps"] == 4


class Layers(torch.nn.Module):
    def __init__(self, cell: str, hidden_size: int, *, bidirectional: bool = False) -> None:
        super().__init__()
        self.layers = recurrent_layers(cell, "tanh", 8, [hidden_size], bidirectional=bidirectional)


@pytest.mark.parametrize("cell", CELLS)
def test_the_estimate_grows_with_the_mini_batch_and_the_model(cell: str) -> None:
    def estimate(rows: int, hidden_size: int, *, bidirectional: bool = False) -> int:
        model = Layers(cell, hidden_size, bidirectional=bidirectional)
        return estimate_memory(LinearTask(rows), model, config())

    small = estimate(4, 16)
    assert estimate(8, 16) - small == pytest.approx((estimate(16, 16) - small) / 3)
    assert estimate(4, 32) > small
    assert estimate(4, 16, bidirectional=True) > small


def test_the_estimate_is_that_of_the_arrays_of_a_layer() -> None:
    """One LSTM of H = 1000 for 10,000 tokens: gates 4 H, cell state and output 2 H, and the input, in float32."""
    model = torch.nn.LSTM(10, 1000)
    task = LinearTask(1)
    task.largest_batch = 10_000
    weights = 4 * sum(p.numel() for p in model.parameters())
    estimate = estimate_memory(task, model, config(optimizer="adamw"))
    assert estimate == 4 * weights + 4 * 10_000 * (6 * 1000 + 10)
    assert isinstance(Layers("min_gru", 4).layers[0], Recurrent)


def test_a_model_that_does_not_fit_is_refused_before_it_is_built(book: Path, tmp_path: Path) -> None:
    sizes = {"hidden_size": 200_000, "num_layers": 4}  # 5 TB of weights
    with pytest.raises(ResourceError, match=r"training needs about [\d.]+ GB of memory; [\d.]+ GB are available"):
        train([book], tmp_path / "run", {**with_training(threads=1), "model": sizes}, SilentDisplay())
    assert names_in(tmp_path) == ["book.txt"]


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system with 8 GB of memory, of which 5 GB are available, and no control group."""
    written(tmp_path, meminfo="MemTotal: 8000000 kB\nMemAvailable: 5000000 kB\n", groups="")
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(memory, "_address_space", list)
    for version, (_, *names) in memory._GROUP_FILES.items():
        monkeypatch.setitem(memory._GROUP_FILES, version, (tmp_path / f"v{version}", *names))
    return tmp_path


def test_the_available_memory_is_that_of_the_system(system: Path) -> None:
    assert available_memory() == 5_000_000 * 1024


def test_a_container_may_have_less(system: Path) -> None:
    files = {"v2__box__memory_dot_max": "3000000000", "v2__box__memory_dot_current": "2500000000"}
    written(system, groups="0::/box/inner\n", **files)
    written(system, v2__box__memory_dot_stat="anon 2000000000\ninactive_file 400000000\n")
    written(system, v2__box__inner__memory_dot_max="max", v2__box__inner__memory_dot_current="100")
    assert available_memory() == 900_000_000  # of the outer group, whose cached files are freed first


def test_a_container_of_the_older_kind_too(system: Path) -> None:
    names = "v1__box__memory_dot_limit_in_bytes", "v1__box__memory_dot_usage_in_bytes"
    written(
        system,
        groups="9:name=systemd:/\n4:memory:/box\n0::/\n",
        **dict(zip(names, ["2000000000", "1500000000"], strict=True)),
    )
    assert available_memory() == 500_000_000
    written(system, **dict(zip(names, [str(2**63 - 4096), "1500000000"], strict=True)))  # no limit
    assert available_memory() == 5_000_000 * 1024


def test_where_the_system_does_not_say_nothing_is_refused(system: Path) -> None:
    (system / "meminfo").unlink()
    assert available_memory() is None


def test_here_something_is_available() -> None:
    available = available_memory()
    assert available is None or available > 0
