"""Training from a request to a model folder: the result, the files of a run, and errors, which leave no files."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import random
import shutil
import threading
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch

from elman import experiment
from elman.cells import CELLS
from elman.checkpoint import RunFolder, durable_files
from elman.data.sources import ParallelFiles
from elman.errors import ConfigError, DataError, ModelError, ResourceError
from elman.experiment import resume, timing, train
from elman.tasks.language_model import preparation, report
from elman.tasks.language_model.corpus import LanguageModelCorpus
from elman.tasks.language_model.readers import MemoryTexts
from elman.tasks.seq2seq import defaults as seq2seq_defaults
from elman.tasks.seq2seq.corpus import Seq2SeqCorpus
from elman.tasks.seq2seq.readers import MemoryPairs
from elman.tasks.spec import load
from elman.training.loop import fit
from elman.training.progress import SilentDisplay

from .cards import without_speed

TINY: dict[str, Any] = {
    "model": {"hidden_size": 16, "embedding_size": 8},
    "training": {"steps": 4, "batch_size": 4, "bptt_steps": 8, "threads": 1},
}


class Recorder(SilentDisplay):
    """A display that keeps the messages."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def notify(self, message: str) -> None:
        self.messages.append(message)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    rng = random.Random(0)
    text = " ".join(rng.choice(["alpha", "beta", "gamma\n", "delta"]) for _ in range(400))
    (tmp_path / "book.txt").write_text(text, "utf-8")
    return tmp_path / "book.txt"


def with_training(**training: Any) -> dict[str, Any]:
    """Return TINY with other values of the training config."""
    return {**TINY, "training": {**TINY["training"], **training}}


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_the_result_has_the_metrics_of_the_model_on_disk_exactly(book: Path, tmp_path: Path) -> None:
    result = train([book], tmp_path / "run", TINY, SilentDisplay())
    valid_set = LanguageModelCorpus.open(tmp_path / "run" / "data").ids("valid")
    assert load(tmp_path / "run").evaluate(valid_set) == result["valid"]
    assert load(tmp_path / "run" / "model").evaluate(valid_set) == result["valid"]
    assert set(result) == {"run", "model", "task", "steps", "seconds", "tokens_per_second", "best_step", "valid"}
    assert (result["run"], result["model"]) == (str(tmp_path / "run"), str(tmp_path / "run" / "model"))
    assert (result["task"], result["steps"]) == ("lm", 4)


@pytest.mark.parametrize("cell", CELLS)
def test_the_predictor_has_the_loss_of_torch(book: Path, tmp_path: Path, cell: str) -> None:
    settings = {**TINY, "model": {**TINY["model"], "cell": cell, "dropout": 0.3}}
    result = train([book], tmp_path / "run", settings, SilentDisplay())
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    scored = {line["step"]: line["valid"] for line in lines if "valid" in line}
    best = scored[result["best_step"]]
    assert best["loss"] == pytest.approx(result["valid"]["loss"], abs=1e-5)  # float32 sums in another order
    assert best["loss"] == min(line["loss"] for line in scored.values())


def test_the_same_seed_trains_the_same_model_and_another_does_not(book: Path, tmp_path: Path) -> None:
    weights = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train([book], tmp_path / name, {**TINY, "seed": seed}, SilentDisplay())
        weights.append((tmp_path / name / "model" / "model.safetensors").read_bytes())
    assert weights[0] == weights[1] != weights[2]


def test_the_config_on_disk_is_everything_resolved(book: Path, tmp_path: Path) -> None:
    train([book], tmp_path / "run", with_training(threads=0), SilentDisplay())
    config = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    assert config["model"]["hidden_size"] == [16]
    assert config["training"]["steps"] == 4
    assert config["training"]["device"] == "cpu" or torch.cuda.is_available()
    assert config["training"]["threads"] >= 1, "measured, and written as a number"
    assert "minutes" not in config["training"]
    assert json.loads((tmp_path / "run" / "request.json").read_bytes())["sources"]["train"] == [str(book)]
    assert set(json.loads((tmp_path / "run" / "env.json").read_bytes())) >= {"elman", "python", "torch"}


def test_the_config_on_disk_trains_the_same_model(book: Path, tmp_path: Path) -> None:
    train([book], tmp_path / "a", TINY, SilentDisplay())
    train([book], tmp_path / "b", tomllib.loads((tmp_path / "a" / "config.toml").read_text()), SilentDisplay())
    files = [(tmp_path / name / "model" / "model.safetensors").read_bytes() for name in "ab"]
    assert files[0] == files[1]


def test_training_restores_the_threads_of_torch(book: Path, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        train([book], tmp_path / "run", TINY, SilentDisplay())
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_training_neither_reads_nor_changes_the_global_random_generator(book: Path, tmp_path: Path) -> None:
    settings = {**TINY, "model": {**TINY["model"], "dropout": 0.4}}
    files = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        train([book], tmp_path / str(seed), settings, SilentDisplay())
        assert torch.equal(torch.get_rng_state(), before)
        files.append((tmp_path / str(seed) / "model" / "model.safetensors").read_bytes())
    assert files[0] == files[1]


def test_a_validation_file_is_the_validation_set(book: Path, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("delta gamma beta alpha " * 20)
    result = train([book], tmp_path / "run", TINY, SilentDisplay(), valid=[tmp_path / "other.txt"])
    assert result["valid"]["tokens"] == 23 * 20
    assert load(tmp_path / "run").evaluate((tmp_path / "other.txt").read_text()) == result["valid"]


def test_several_files_and_texts_in_memory_train_the_same_model_as_one_file(book: Path, tmp_path: Path) -> None:
    text = book.read_text()
    cut = text.index("\n", len(text) // 2) + 1
    (tmp_path / "one.txt").write_text(text[:cut])
    (tmp_path / "two.txt").write_text(text[cut:] + "\n")
    sources: list[list[Any]] = [
        [tmp_path / "one.txt", tmp_path / "two.txt"],
        [MemoryTexts((text[:cut], text[cut:]))],
    ]
    for number, source in enumerate(sources):
        train(source, tmp_path / str(number), TINY, SilentDisplay())
    files = [(tmp_path / str(n) / "model" / "model.safetensors").read_bytes() for n in range(2)]
    assert files[0] == files[1]


def speed(card: str) -> float:
    """Return the items per second on a card."""
    (line,) = (line for line in card.splitlines() if line.startswith("| speed | "))
    return float(line.split()[3].replace(",", ""))


def test_the_card_has_the_metrics_and_the_source(book: Path, tmp_path: Path) -> None:
    result = train([book], tmp_path / "run", TINY, SilentDisplay())
    card = (tmp_path / "run" / "model" / "README.md").read_text()
    assert f"loss {result['valid']['loss']:.4f} nats per token" in card
    assert speed(card) > 0.0
    assert f"- book.txt, {book.stat().st_size:,} bytes, SHA-256 " in card
    assert str(tmp_path) not in card, "a card is published: it holds no path of this machine"


def test_the_model_and_its_training_are_described(book: Path, tmp_path: Path) -> None:
    display = Recorder()
    train([book], tmp_path / "run", TINY, display)
    assert any("lstm 16, embedding 8" in line for line in display.messages)
    assert any("1 thread on cpu; 4 steps" in line for line in display.messages)


# Errors before training leave no files


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


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_text_that_cannot_be_decoded_leaves_no_run_and_does_not_change_an_old_one(
    book: Path, tmp_path: Path, overwrite: bool
) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_bytes(b"good line\n" * 200_000 + b"\xff\xfe bad\n")  # after the part that is checked beforehand
    if overwrite:
        train([book], tmp_path / "run", TINY, SilentDisplay())
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(DataError, match=r"bad\.txt:200001: not UTF-8 at byte 1 of the line"):
        train([bad], tmp_path / "run", TINY, SilentDisplay(), overwrite=overwrite)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    assert not [name for name in names_in(tmp_path) if name.startswith(".")]


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt, ZeroDivisionError])
def test_the_old_run_is_restored_whatever_stops_the_preparation(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    train([book], tmp_path / "run", TINY, SilentDisplay())
    before = {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()}

    def fails(*arguments: Any, **keywords: Any) -> None:
        raise error

    monkeypatch.setattr(preparation, "prepare", fails)
    with pytest.raises(ResourceError if error is MemoryError else error):
        train([book], tmp_path / "run", TINY, SilentDisplay(), overwrite=True)
    assert {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()} == before
    assert names_in(tmp_path) == ["book.txt", "run"]


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


def test_a_run_is_unlocked_when_it_ends_and_when_it_fails(book: Path, tmp_path: Path) -> None:
    train([book], tmp_path / "run", TINY, SilentDisplay())
    RunFolder.open(tmp_path / "run").unlock()
    (tmp_path / "run" / "data" / "train.ids").write_bytes(b"x")
    with pytest.raises(ModelError):
        resume(tmp_path / "run", SilentDisplay())
    RunFolder.open(tmp_path / "run").unlock()


def test_the_error_for_a_misspelled_data_set_has_the_right_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"python-doc: no such file. Did you mean the data set 'python-docs'\?"):
        train(["python-doc"], tmp_path / "run", TINY, SilentDisplay())
    assert names_in(tmp_path) == []


def test_a_relative_path_is_stored_as_an_absolute_one(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    train(["book.txt"], Path("run"), TINY, SilentDisplay())
    assert json.loads((tmp_path / "run" / "request.json").read_bytes())["sources"]["train"] == [str(book)]


# Overwriting twice, pipes, killed processes, memory, disks


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def timeless(folder: Path) -> dict[str, bytes]:
    """Return the files of a model folder, without the speed on its card."""
    files = files_of(folder)
    return {**files, "README.md": without_speed(files["README.md"])}


def test_a_run_survives_two_overwrites_that_were_killed_while_they_read_their_text(book: Path, tmp_path: Path) -> None:
    train([book], tmp_path / "run", TINY, SilentDisplay())
    before = files_of(tmp_path / "run")
    request = {"values": TINY, "sources": {"train": [str(book)], "valid": []}, "task": "lm"}
    RunFolder.create(tmp_path / "run", request, overwrite=True).unlock()  # killed while it read its text
    (tmp_path / "bad.txt").write_bytes(b"good line\n" * 200_000 + b"\xff\xfe bad\n")
    with pytest.raises(DataError, match="not UTF-8"):
        train([tmp_path / "bad.txt"], tmp_path / "run", TINY, SilentDisplay(), overwrite=True)
    assert files_of(tmp_path / "run") == before
    RunFolder.create(tmp_path / "run", request, overwrite=True).unlock()
    train([book], tmp_path / "run", with_training(steps=2), SilentDisplay(), overwrite=True)
    assert files_of(tmp_path / "run") != before
    assert names_in(tmp_path) == ["bad.txt", "book.txt", "run"]


def test_a_pipe_is_read_once_and_to_its_end(book: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    text, done = book.read_bytes(), threading.Event()

    def write() -> None:
        (tmp_path / "pipe").write_bytes(text)
        while not done.wait(0.02):  # a second reader, which would wait for ever, finds an empty pipe
            with contextlib.suppress(OSError):
                os.close(os.open(tmp_path / "pipe", os.O_WRONLY | os.O_NONBLOCK))

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        train([tmp_path / "pipe"], tmp_path / "run", TINY, SilentDisplay())
    finally:
        done.set()
        writer.join(10)
    source = json.loads((tmp_path / "run" / "data" / "corpus.json").read_bytes())["sources"][0]
    assert (source["bytes"], source["sha256"]) == (len(text), hashlib.sha256(text).hexdigest())


class Killed(BaseException):
    """The end of a process that is killed."""


@pytest.mark.parametrize("name", ["env.json", "config.toml"])
def test_a_run_killed_while_its_config_is_written_starts_over(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    train([book], tmp_path / "whole", TINY, SilentDisplay())
    real = durable_files.write_synced

    def cut(path: Path, content: bytes) -> None:
        if path.name.startswith(name):
            path.write_bytes(content[: len(content) // 2])
            raise Killed
        real(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(durable_files, "write_synced", cut)
        with pytest.raises(Killed):
            train([book], tmp_path / "run", TINY, SilentDisplay())
    assert not (tmp_path / "run" / "config.toml").exists()
    display = Recorder()
    assert resume(tmp_path / "run", display)["steps"] == 4
    assert display.messages[0] == "the run was stopped before its text was read: starting over"
    weights = [(tmp_path / run / "model" / "model.safetensors").read_bytes() for run in ("run", "whole")]
    assert weights[0] == weights[1]


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


def test_timing_restores_the_threads_of_torch_too(book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "fit", lambda *arguments, **keywords: pytest.fail("reached"))
    monkeypatch.setattr(report, "describe_run", lambda *arguments: (_ for _ in ()).throw(Killed))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(Killed):
            train([book], tmp_path / "run", with_training(steps=None, minutes=1.0), SilentDisplay())
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


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


def test_resuming_a_finished_run_does_not_change_an_edited_card(book: Path, tmp_path: Path) -> None:
    result = train([book], tmp_path / "run", TINY, SilentDisplay())
    (tmp_path / "run" / "model" / "README.md").write_text("# An edited card\n")
    before = files_of(tmp_path / "run" / "model")
    assert resume(tmp_path / "run", SilentDisplay())["valid"] == result["valid"]
    assert files_of(tmp_path / "run" / "model") == before


@pytest.mark.parametrize("damage", ["missing", "other weights"])
def test_resuming_a_finished_run_writes_the_best_model_again_if_it_is_missing_or_another(
    book: Path, tmp_path: Path, damage: str
) -> None:
    result = train([book], tmp_path / "run", TINY, SilentDisplay())
    folder = tmp_path / "run" / "model"
    before = timeless(folder)
    if damage == "missing":
        shutil.rmtree(folder)
    else:
        predictor = load(folder)
        predictor.tensors["readout.bias"] = predictor.tensors["readout.bias"] + 1
        predictor.save(folder, card=predictor.card)
        assert timeless(folder) != before
    assert resume(tmp_path / "run", SilentDisplay())["valid"] == result["valid"]
    assert timeless(folder) == before


def test_validate_tokens_0_scores_the_whole_validation_set(book: Path, tmp_path: Path) -> None:
    differences = {}
    for tokens in (0, 40):
        settings = with_training(validate_tokens=tokens, validate_every_steps=4)
        result = train([book], tmp_path / str(tokens), settings, SilentDisplay())
        lines = [json.loads(line) for line in (tmp_path / str(tokens) / "metrics.jsonl").read_text().splitlines()]
        (scored,) = (line["valid"]["loss"] for line in lines if "valid" in line)
        differences[tokens] = abs(scored - result["valid"]["loss"])
    assert differences[0] < 1e-5, "float32 sums in another order"
    assert differences[40] > 1e-4, "a sample has another loss"


def test_the_number_of_unknown_tokens_is_reported(book: Path, tmp_path: Path) -> None:
    display = Recorder()
    (tmp_path / "rare.txt").write_text(book.read_text() + "xyzzy\n", "utf-8")
    (tmp_path / "valid.txt").write_text("alpha beta é\n" * 3, "utf-8")
    settings = {**TINY, "data": {"min_frequency": 10}}
    train([tmp_path / "rare.txt"], tmp_path / "run", settings, display, valid=[tmp_path / "valid.txt"])
    assert "<unk> replaces 5 rare characters of the training set and 3 of the validation set" in display.messages
    quiet = Recorder()
    train([book], tmp_path / "plain", TINY, quiet)
    assert not [line for line in quiet.messages if "<unk>" in line]


def test_a_text_instead_of_a_path_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        train(["It was a dark and stormy night. " * 200], tmp_path / "run", TINY, SilentDisplay())
    assert str(caught.value) == (
        "'It was a dark and stormy night. It was a'... is no path. "
        "A str is a path; give the texts themselves as a list: [text]"
    )
    assert names_in(tmp_path) == []


def test_a_run_with_a_relative_path_can_be_overwritten(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for steps in (2, 3):
        assert train([book], Path("run"), with_training(steps=steps), SilentDisplay(), overwrite=True)["steps"] == steps
    assert names_in(tmp_path) == ["book.txt", "run"]


def test_a_run_may_be_the_current_folder(book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert train([book], Path(), with_training(steps=2), SilentDisplay())["steps"] == 2
    assert load(tmp_path / "empty").generate("a", max_tokens=3, seed=1).startswith("a")


@pytest.mark.parametrize("seed", [0, 2**63 - 1])
def test_the_smallest_and_the_largest_seed_train(book: Path, tmp_path: Path, seed: int) -> None:
    assert train([book], tmp_path / "run", {**with_training(steps=1), "seed": seed}, SilentDisplay())["steps"] == 1


# Encoder-decoders, whose data may be two files

TINY_PAIRS: dict[str, Any] = {
    "model": {"hidden_size": 8, "embedding_size": 6},
    "training": {"steps": 3, "batch_size": 8, "threads": 1},
}


def phonemes(source: str) -> str:
    return " ".join({"a": "AA", "b": "B", "c": "K"}[letter] for letter in source)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    rng = random.Random(0)
    sources = ["".join(rng.choices("abc", k=rng.randint(1, 6))) for _ in range(200)]
    (tmp_path / "pairs.tsv").write_text("".join(f"{source}\t{phonemes(source)}\n" for source in sources))
    return tmp_path / "pairs.tsv"


def test_the_config_of_pairs_on_disk_is_everything_resolved_with_the_levels(pairs: Path, tmp_path: Path) -> None:
    settings = {"training": {"steps": 3}, "model": {"hidden_size": 8}, "seed": 3}
    display = Recorder()
    train([pairs], tmp_path / "run", settings, display, task="seq2seq")
    config = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    assert (config["task"], config["seed"]) == ("seq2seq", 3)
    assert (config["data"]["source_level"], config["data"]["target_level"]) == ("char", "word")
    corpus = Seq2SeqCorpus.open(tmp_path / "run" / "data")
    chosen = seq2seq_defaults.resolve(settings, corpus).model_dump(mode="json", exclude_none=True)
    chosen["training"] |= {name: config["training"][name] for name in ("device", "threads")}
    assert config == chosen
    assert config["training"]["threads"] >= 1, "measured, and written as a number"
    assert any("sources: 3 different characters; targets: 3 different words" in line for line in display.messages)
    train([pairs], tmp_path / "again", config, SilentDisplay(), task="seq2seq")
    weights = [(tmp_path / name / "model" / "model.safetensors").read_bytes() for name in ("run", "again")]
    assert weights[0] == weights[1], "the config on disk trains the same model"


def test_the_request_has_the_absolute_path_of_every_file(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line.split("\t") for line in pairs.read_text().splitlines()]
    for name, column in (("sources", 0), ("targets", 1)):
        (tmp_path / name).write_text("".join(f"{line[column]}\n" for line in lines))
        (tmp_path / f"valid-{name}").write_text("".join(f"{line[column]}\n" for line in lines[:9]))
    monkeypatch.chdir(tmp_path)
    valid = [ParallelFiles("valid-sources", "valid-targets")]
    train([ParallelFiles("sources", "targets")], Path("run"), TINY_PAIRS, SilentDisplay(), task="seq2seq", valid=valid)
    assert json.loads((tmp_path / "run" / "request.json").read_bytes()) == {
        "values": TINY_PAIRS,
        "sources": {
            "train": [[str(tmp_path / "sources"), str(tmp_path / "targets")]],
            "valid": [[str(tmp_path / "valid-sources"), str(tmp_path / "valid-targets")]],
        },
        "task": "seq2seq",
    }
    names = [Path(source.name).name for source in Seq2SeqCorpus.open(tmp_path / "run" / "data").sources]
    assert names == ["sources", "targets", "valid-sources", "valid-targets"]


def test_a_run_of_pairs_killed_while_its_config_is_written_starts_over(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train([pairs], tmp_path / "whole", TINY_PAIRS, SilentDisplay(), task="seq2seq")

    def killed(path: Path, content: bytes) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(experiment, "replace_file", killed)
        with pytest.raises(Killed):
            train([pairs], tmp_path / "run", TINY_PAIRS, SilentDisplay(), task="seq2seq")
    assert not (tmp_path / "run" / "config.toml").exists()
    assert resume(tmp_path / "run", SilentDisplay())["task"] == "seq2seq"
    weights = [(tmp_path / run / "model" / "model.safetensors").read_bytes() for run in ("run", "whole")]
    assert weights[0] == weights[1]


def test_the_metrics_of_pairs_are_those_of_the_model_on_disk_and_on_its_card(pairs: Path, tmp_path: Path) -> None:
    result = train([pairs], tmp_path / "run", TINY_PAIRS, SilentDisplay(), task="seq2seq")
    valid_set = Seq2SeqCorpus.open(tmp_path / "run" / "data").valid()
    assert load(tmp_path / "run" / "model").evaluate(valid_set) == result["valid"]
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    scored = {line["step"]: line["valid"] for line in lines if "valid" in line}
    best = scored[result["best_step"]]
    assert {name: result["valid"][name] for name in best} == pytest.approx(best)
    assert best["token_error_rate"] == min(line["token_error_rate"] for line in scored.values())
    card = (tmp_path / "run" / "model" / "README.md").read_text()
    assert f"| token error rate | {result['valid']['token_error_rate']:.4f} |" in card
    assert speed(card) > 0.0
    assert str(tmp_path) not in card


def test_pairs_in_memory_train_the_same_model_and_cannot_be_read_again(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line.split("\t") for line in pairs.read_text().splitlines()]
    in_memory = MemoryPairs([(source, target) for source, target in lines])
    train([pairs], tmp_path / "file", TINY_PAIRS, SilentDisplay(), task="seq2seq")
    train([in_memory], tmp_path / "memory", TINY_PAIRS, SilentDisplay(), task="seq2seq")
    weights = [(tmp_path / run / "model" / "model.safetensors").read_bytes() for run in ("file", "memory")]
    assert weights[0] == weights[1]
    (tmp_path / "memory" / "config.toml").unlink()
    with pytest.raises(DataError, match="was stopped before its text was read, and the text is gone"):
        resume(tmp_path / "memory", SilentDisplay())
