"""Errors of a request, of memory, of disks and of GPUs, which are reported and leave no files."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
import torch

from elman import experiment
from elman.data.sources import ParallelFiles
from elman.errors import ConfigError, DataError, ResourceError
from elman.experiment import resume, timing, train
from elman.tasks.language_model import preparation
from elman.tasks.seq2seq.readers import MemoryPairs
from elman.training.loop import fit
from elman.training.progress import SilentDisplay

from .trainings import TINY, names_in, with_training


@pytest.mark.parametrize(
    ("settings", "key", "value"),
    [
        ({"model": {"hidden_size": -3}}, "model.hidden_size", "-3"),
        ({"model": {"cell": "gur"}}, "model.cell", "gur"),
        ({"modle": {}}, "modle", "model"),
        ({"training": {"stpes": 3}}, "training.stpes", "steps"),
    ],
)
def test_a_mistake_in_the_config_is_reported_before_anything_is_read(
    tmp_path: Path, settings: dict[str, Any], key: str, value: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        train([tmp_path / "never-read.txt"], tmp_path / "run", settings, SilentDisplay())
    assert key in str(caught.value)
    assert value in str(caught.value)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("valid", [False, True])
@pytest.mark.parametrize("kind", ["target file", "pairs"])
def test_a_source_of_a_kind_that_a_language_model_does_not_read_is_an_error(
    book: Path, tmp_path: Path, kind: str, valid: bool
) -> None:
    source: Any = ParallelFiles(book, book) if kind == "target file" else MemoryPairs([("a", "b")])
    with pytest.raises(ConfigError) as caught:
        train([book] if valid else [source], tmp_path / "run", TINY, SilentDisplay(), valid=[source] if valid else [])
    expected = {
        "target file": f"given a target file beside {book}; expected a text file, or texts. "
        "Leave out --target-file, which is for sequence to sequence",
        "pairs": "given MemoryPairs; expected a text file, or texts",
    }
    assert str(caught.value) == expected[kind]
    assert names_in(tmp_path) == ["book.txt"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_missing_gpu_is_reported(book: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"given cuda, but torch finds no GPU here\. Use --device auto or cpu"):
        train([book], tmp_path / "run", with_training(device="cuda"), SilentDisplay())
    assert names_in(tmp_path) == ["book.txt"]


def test_the_error_for_a_misspelled_data_set_has_the_right_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"python-doc: no such file. Did you mean the data set 'python-docs'\?"):
        train(["python-doc"], tmp_path / "run", TINY, SilentDisplay())
    assert names_in(tmp_path) == []


def test_a_text_instead_of_a_path_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        train(["It was a dark and stormy night. " * 200], tmp_path / "run", TINY, SilentDisplay())
    assert str(caught.value) == (
        "'It was a dark and stormy night. It was a'... is no path. "
        "A str is a path; give the texts themselves as a list: [text]"
    )
    assert names_in(tmp_path) == []


def test_exhausted_memory_is_reported_and_the_run_can_be_resumed(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*arguments: Any, **keywords: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(experiment, "fit", fails)
    with pytest.raises(ResourceError) as caught:
        train([book], tmp_path / "run", TINY, SilentDisplay())
    assert str(caught.value).startswith(f"{tmp_path / 'run'}: out of memory. Try a smaller --batch-size")
    assert caught.value.exit_code == 6
    monkeypatch.setattr(experiment, "fit", fit)
    assert resume(tmp_path / "run", SilentDisplay())["steps"] == 4


TORCH_MESSAGE = (
    "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: "
    "you tried to allocate 1099511627776 bytes. Error code 12 (Cannot allocate memory)"
)


@pytest.mark.parametrize("where", ["fit", "fastest_thread_count"])
@pytest.mark.parametrize("message", [TORCH_MESSAGE, "CUDA out of memory. Tried to allocate 20.00 GiB"])
def test_exhausted_memory_in_torch_is_reported(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, message: str
) -> None:
    def fails(*arguments: Any, **keywords: Any) -> Any:
        raise RuntimeError(message)

    monkeypatch.setattr(timing if where == "fastest_thread_count" else experiment, where, fails)
    with pytest.raises(ResourceError) as caught:
        train(
            [book],
            tmp_path / "run",
            with_training(threads=0 if where == "fastest_thread_count" else 1),
            SilentDisplay(),
        )
    assert str(caught.value) == (
        f"{tmp_path / 'run'}: out of memory. Try a smaller --batch-size or --hidden, or shorter texts. "
        "`elman resume` continues a run that had begun"
    )
    assert caught.value.exit_code == 6
    assert (tmp_path / "run").exists() == (where == "fit"), "a run that was not prepared leaves no folder"


@pytest.mark.parametrize("where", ["fit", "fastest_thread_count"])
def test_other_errors_of_torch_are_not_taken_for_exhausted_memory(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied (4x8 and 9x16)")

    def fails(*arguments: Any, **keywords: Any) -> Any:
        raise error

    monkeypatch.setattr(timing if where == "fastest_thread_count" else experiment, where, fails)
    with pytest.raises(RuntimeError) as caught:
        train(
            [book],
            tmp_path / "run",
            with_training(threads=0 if where == "fastest_thread_count" else 1),
            SilentDisplay(),
        )
    assert caught.value is error


def test_a_full_disk_during_preparation_is_reported(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any, **keywords: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(preparation, "prepare", full)
    with pytest.raises(ResourceError, match="run: the disk is full") as caught:
        train([book], tmp_path / "run", TINY, SilentDisplay())
    assert caught.value.exit_code == 6
    assert names_in(tmp_path) == ["book.txt"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_resuming_a_run_of_a_gpu_reports_that_there_is_none(book: Path, tmp_path: Path) -> None:
    train([book], tmp_path / "run", TINY, SilentDisplay())
    path = tmp_path / "run" / "config.toml"
    assert path.read_text().count('device = "cpu"') == 1
    path.write_text(path.read_text().replace('device = "cpu"', 'device = "cuda"'))
    with pytest.raises(ConfigError) as caught:
        resume(tmp_path / "run", SilentDisplay())
    assert str(caught.value) == ("training.device: given cuda, but torch finds no GPU here. Use --device auto or cpu")
    assert caught.value.exit_code == 2
