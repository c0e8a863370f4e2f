"""The composition root: train returns what its model scores, and mistakes are told before anything is written."""

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
from elman.experiment.config import resolve_seq2seq
from elman.runtime import load

from elman import experiment
from elman.cells import CELLS
from elman.checkpoint import RunFolder, sealed
from elman.data.readers.text import MemoryText
from elman.errors import ConfigError, DataError, ModelError, ResourceError
from elman.experiment import resume, train
from elman.tasks.language_model import recipe as language_model
from elman.tasks.language_model.corpus import Corpus
from elman.tasks.seq2seq.corpus import PairCorpus
from elman.tasks.seq2seq.readers import MemoryPairs
from elman.training.progress import SilentDisplay

from .cards import without_speed

TINY: dict[str, Any] = {
    "model": {"hidden_size": 16, "embedding_size": 8},
    "training": {"steps": 4, "batch_size": 4, "bptt_steps": 8, "threads": 1},
}


class Told(SilentDisplay):
    """A display that remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, message: str) -> None:
        self.said.append(message)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    rng = random.Random(0)
    text = " ".join(rng.choice(["alpha", "beta", "gamma\n", "delta"]) for _ in range(400))
    (tmp_path / "book.txt").write_text(text, "utf-8")
    return tmp_path / "book.txt"


def given(**training: Any) -> dict[str, Any]:
    return {**TINY, "training": {**TINY["training"], **training}}


def entries(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_train_s_figures_are_those_of_the_model_on_disk_exactly(book: Path, tmp_path: Path) -> None:
    result = train([book], tmp_path / "run", TINY, SilentDisplay())
    held_out = Corpus.open(tmp_path / "run" / "data").ids("valid")
    assert load(tmp_path / "run").evaluate(held_out) == result["valid"]
    assert load(tmp_path / "run" / "model").evaluate(held_out) == result["valid"]
    assert set(result) == {"run", "model", "task", "steps", "seconds", "tokens_per_second", "best_step", "valid"}
    assert (result["run"], result["model"]) == (str(tmp_path / "run"), str(tmp_path / "run" / "model"))
    assert (result["task"], result["steps"]) == ("lm", 4)


@pytest.mark.parametrize("cell", CELLS)
def test_the_loss_of_the_runtime_is_torch_s(book: Path, tmp_path: Path, cell: str) -> None:
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
    train([book], tmp_path / "run", given(threads=0), SilentDisplay())
    config = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    assert config["model"]["hidden_size"] == [16]
    assert config["training"]["steps"] == 4
    assert config["training"]["device"] == "cpu" or torch.cuda.is_available()
    assert config["training"]["threads"] >= 1, "measured, then settled"
    assert "minutes" not in config["training"]
    assert json.loads((tmp_path / "run" / "request.json").read_bytes())["sources"]["train"] == [str(book)]
    assert set(json.loads((tmp_path / "run" / "env.json").read_bytes())) >= {"elman", "python", "torch"}


def test_the_config_on_disk_trains_the_same_model(book: Path, tmp_path: Path) -> None:
    train([book], tmp_path / "a", TINY, SilentDisplay())
    train([book], tmp_path / "b", tomllib.loads((tmp_path / "a" / "config.toml").read_text()), SilentDisplay())
    files = [(tmp_path / name / "model" / "model.safetensors").read_bytes() for name in "ab"]
    assert files[0] == files[1]


def test_torch_s_threads_are_given_back(book: Path, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        train([book], tmp_path / "run", TINY, SilentDisplay())
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_training_neither_reads_nor_moves_the_global_generator(book: Path, tmp_path: Path) -> None:
    settings = {**TINY, "model": {**TINY["model"], "dropout": 0.4}}
    files = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        train([book], tmp_path / str(seed), settings, SilentDisplay())
        assert torch.equal(torch.get_rng_state(), before)
        files.append((tmp_path / str(seed) / "model" / "model.safetensors").read_bytes())
    assert files[0] == files[1]


def test_a_held_out_file_is_what_is_scored(book: Path, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("delta gamma beta alpha " * 20)
    result = train([book], tmp_path / "run", TINY, SilentDisplay(), valid=[tmp_path / "other.txt"])
    assert result["valid"]["tokens"] == 23 * 20
    assert load(tmp_path / "run").evaluate((tmp_path / "other.txt").read_text()) == result["valid"]


def test_several_texts_are_one_and_a_text_in_memory_is_no_different(book: Path, tmp_path: Path) -> None:
    text = book.read_text()
    cut = text.index("\n", len(text) // 2) + 1
    (tmp_path / "one.txt").write_text(text[:cut])
    (tmp_path / "two.txt").write_text(text[cut:] + "\n")
    sources: list[list[Any]] = [
        [tmp_path / "one.txt", tmp_path / "two.txt"],
        [MemoryText((text[:cut], text[cut:]))],
    ]
    for number, source in enumerate(sources):
        train(source, tmp_path / str(number), TINY, SilentDisplay())
    files = [(tmp_path / str(n) / "model" / "model.safetensors").read_bytes() for n in range(2)]
    assert files[0] == files[1]


def speed(card: str) -> float:
    """What a card says of the speed, a second."""
    (line,) = (line for line in card.splitlines() if line.startswith("| speed | "))
    return float(line.split()[3].replace(",", ""))


def test_the_card_tells_the_figures_and_the_source(book: Path, tmp_path: Path) -> None:
    result = train([book], tmp_path / "run", TINY, SilentDisplay())
    card = (tmp_path / "run" / "model" / "README.md").read_text()
    assert f"loss {result['valid']['loss']:.4f} nats per token" in card
    assert speed(card) > 0.0
    assert f"- book.txt, {book.stat().st_size:,} bytes, SHA-256 " in card
    assert str(tmp_path) not in card, "a card travels: it holds no path of this machine"


def test_what_will_be_trained_is_told(book: Path, tmp_path: Path) -> None:
    told = Told()
    train([book], tmp_path / "run", TINY, told)
    assert any("lstm 16, embedding 8" in line and "1 thread on cpu; 4 steps" in line for line in told.said)


# What goes wrong before training leaves nothing


@pytest.mark.parametrize(
    ("settings", "key", "value"),
    [
        ({"model": {"hidden_size": -3}}, "model.hidden_size", "-3"),
        ({"model": {"cell": "gur"}}, "model.cell", "gur"),
        ({"modle": {}}, "modle", "model"),
        ({"training": {"stpes": 3}}, "training.stpes", "steps"),
    ],
)
def test_a_mistake_in_the_config_is_told_before_a_byte_is_read(
    tmp_path: Path, settings: dict[str, Any], key: str, value: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        train([tmp_path / "never-read.txt"], tmp_path / "run", settings, SilentDisplay())
    assert key in str(caught.value)
    assert value in str(caught.value)
    assert entries(tmp_path) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_told(book: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="given cuda, but torch finds no GPU here; use --device auto or cpu"):
        train([book], tmp_path / "run", given(device="cuda"), SilentDisplay())
    assert entries(tmp_path) == ["book.txt"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_text_that_turns_out_bad_leaves_nothing_and_the_old_run_as_it_was(
    book: Path, tmp_path: Path, overwrite: bool
) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_bytes(b"good line\n" * 200_000 + b"\xff\xfe bad\n")  # beyond what is looked at beforehand
    if overwrite:
        train([book], tmp_path / "run", TINY, SilentDisplay())
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(DataError, match=r"bad\.txt:200001: not UTF-8 at byte 1 of the line"):
        train([bad], tmp_path / "run", TINY, SilentDisplay(), overwrite=overwrite)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    assert not [name for name in entries(tmp_path) if name.startswith(".")]


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt, ZeroDivisionError])
def test_whatever_ends_the_reading_the_old_run_is_put_back(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    train([book], tmp_path / "run", TINY, SilentDisplay())
    before = {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()}

    def fails(*arguments: Any, **keywords: Any) -> None:
        raise error

    monkeypatch.setattr(language_model, "prepare", fails)
    with pytest.raises(ResourceError if error is MemoryError else error):
        train([book], tmp_path / "run", TINY, SilentDisplay(), overwrite=True)
    assert {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()} == before
    assert entries(tmp_path) == ["book.txt", "run"]


def test_out_of_memory_is_told_and_the_run_can_go_on(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = experiment.fit

    def fails(*arguments: Any, **keywords: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(experiment, "fit", fails)
    with pytest.raises(ResourceError) as caught:
        train([book], tmp_path / "run", TINY, SilentDisplay())
    assert str(caught.value).startswith(f"{tmp_path / 'run'}: out of memory; try a smaller --batch-size")
    assert caught.value.exit_code == 6
    monkeypatch.setattr(experiment, "fit", real)
    assert resume(tmp_path / "run", SilentDisplay())["steps"] == 4


def test_a_run_is_let_go_of_when_it_ends_and_when_it_fails(book: Path, tmp_path: Path) -> None:
    train([book], tmp_path / "run", TINY, SilentDisplay())
    RunFolder.open(tmp_path / "run").unlock()
    (tmp_path / "run" / "data" / "train.ids").write_bytes(b"x")
    with pytest.raises(ModelError):
        resume(tmp_path / "run", SilentDisplay())
    RunFolder.open(tmp_path / "run").unlock()


def test_a_misspelled_data_set_is_guessed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"python-doc: no such file; did you mean the data set 'python-docs'\?"):
        train(["python-doc"], tmp_path / "run", TINY, SilentDisplay())
    assert entries(tmp_path) == []


def test_a_relative_path_is_remembered_as_an_absolute_one(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    train(["book.txt"], Path("run"), TINY, SilentDisplay())
    assert json.loads((tmp_path / "run" / "request.json").read_bytes())["sources"]["train"] == [str(book)]


# What a reader found: overwriting twice, pipes, kills, memory, disks


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def timeless(folder: Path) -> dict[str, bytes]:
    """The files of a model folder, its card without the speed that was measured."""
    files = files_of(folder)
    return {**files, "README.md": without_speed(files["README.md"])}


def test_a_run_outlives_two_overwrites_that_never_began(book: Path, tmp_path: Path) -> None:
    train([book], tmp_path / "run", TINY, SilentDisplay())
    before = files_of(tmp_path / "run")
    request = {"given": TINY, "sources": [str(book)], "task": "lm", "valid": []}
    RunFolder.create(tmp_path / "run", request, overwrite=True).unlock()  # killed while it read its text
    (tmp_path / "bad.txt").write_bytes(b"good line\n" * 200_000 + b"\xff\xfe bad\n")
    with pytest.raises(DataError, match="not UTF-8"):
        train([tmp_path / "bad.txt"], tmp_path / "run", TINY, SilentDisplay(), overwrite=True)
    assert files_of(tmp_path / "run") == before
    RunFolder.create(tmp_path / "run", request, overwrite=True).unlock()
    train([book], tmp_path / "run", given(steps=2), SilentDisplay(), overwrite=True)
    assert files_of(tmp_path / "run") != before
    assert entries(tmp_path) == ["bad.txt", "book.txt", "run"]


def test_a_pipe_is_read_once_and_whole(book: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    text, done = book.read_bytes(), threading.Event()

    def write() -> None:
        (tmp_path / "pipe").write_bytes(text)
        while not done.wait(0.02):  # a second reader would wait for ever: let it find an empty pipe
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
    """The process ends here."""


@pytest.mark.parametrize("name", ["env.json", "config.toml"])
def test_a_run_killed_while_its_config_is_written_starts_over(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    train([book], tmp_path / "whole", TINY, SilentDisplay())
    real = sealed.write_synced

    def cut(path: Path, content: bytes) -> None:
        if path.name.startswith(name):
            path.write_bytes(content[: len(content) // 2])
            raise Killed
        real(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(sealed, "write_synced", cut)
        with pytest.raises(Killed):
            train([book], tmp_path / "run", TINY, SilentDisplay())
    assert not (tmp_path / "run" / "config.toml").exists()
    told = Told()
    assert resume(tmp_path / "run", told)["steps"] == 4
    assert told.said[0] == "the run was stopped before its text was read: starting over"
    weights = [(tmp_path / run / "model" / "model.safetensors").read_bytes() for run in ("run", "whole")]
    assert weights[0] == weights[1]


TORCH_S = (
    "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: "
    "you tried to allocate 1099511627776 bytes. Error code 12 (Cannot allocate memory)"
)


@pytest.mark.parametrize("where", ["fit", "fastest"])
@pytest.mark.parametrize("message", [TORCH_S, "CUDA out of memory. Tried to allocate 20.00 GiB"])
def test_memory_that_torch_found_too_small_is_told(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, message: str
) -> None:
    def fails(*arguments: Any, **keywords: Any) -> Any:
        raise RuntimeError(message)

    monkeypatch.setattr(experiment, where, fails)
    with pytest.raises(ResourceError) as caught:
        train([book], tmp_path / "run", given(threads=0 if where == "fastest" else 1), SilentDisplay())
    assert str(caught.value) == (
        f"{tmp_path / 'run'}: out of memory; try a smaller --batch-size or --hidden, or shorter texts; "
        "a run that had begun goes on with `elman resume`"
    )
    assert caught.value.exit_code == 6
    assert (tmp_path / "run").exists() == (where == "fit"), "a run that never began leaves nothing"


@pytest.mark.parametrize("where", ["fit", "fastest"])
def test_another_error_of_torch_is_not_taken_for_memory(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied (4x8 and 9x16)")

    def fails(*arguments: Any, **keywords: Any) -> Any:
        raise error

    monkeypatch.setattr(experiment, where, fails)
    with pytest.raises(RuntimeError) as caught:
        train([book], tmp_path / "run", given(threads=0 if where == "fastest" else 1), SilentDisplay())
    assert caught.value is error


def test_a_disk_that_is_full_while_the_text_is_read_is_told(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any, **keywords: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(language_model, "prepare", full)
    with pytest.raises(ResourceError, match="run: the disk is full") as caught:
        train([book], tmp_path / "run", TINY, SilentDisplay())
    assert caught.value.exit_code == 6
    assert entries(tmp_path) == ["book.txt"]


def test_torch_s_threads_are_given_back_by_the_timing_too(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiment, "fit", lambda *arguments, **keywords: pytest.fail("reached"))
    monkeypatch.setattr(experiment, "_tell", lambda *arguments: (_ for _ in ()).throw(Killed))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(Killed):
            train([book], tmp_path / "run", given(steps=None, minutes=1.0), SilentDisplay())
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_run_of_another_machine_s_gpu_is_told_when_it_is_resumed(book: Path, tmp_path: Path) -> None:
    train([book], tmp_path / "run", TINY, SilentDisplay())
    path = tmp_path / "run" / "config.toml"
    assert path.read_text().count('device = "cpu"') == 1
    path.write_text(path.read_text().replace('device = "cpu"', 'device = "cuda"'))
    with pytest.raises(ConfigError) as caught:
        resume(tmp_path / "run", SilentDisplay())
    assert str(caught.value) == ("training.device: given cuda, but torch finds no GPU here; use --device auto or cpu")
    assert caught.value.exit_code == 2


def test_resuming_a_finished_run_leaves_an_edited_card_alone(book: Path, tmp_path: Path) -> None:
    result = train([book], tmp_path / "run", TINY, SilentDisplay())
    (tmp_path / "run" / "model" / "README.md").write_text("# my own words\n")
    before = files_of(tmp_path / "run" / "model")
    assert resume(tmp_path / "run", SilentDisplay())["valid"] == result["valid"]
    assert files_of(tmp_path / "run" / "model") == before


@pytest.mark.parametrize("what", ["gone", "other weights"])
def test_resuming_a_finished_run_writes_its_model_again_where_it_is_not_the_best(
    book: Path, tmp_path: Path, what: str
) -> None:
    result = train([book], tmp_path / "run", TINY, SilentDisplay())
    folder = tmp_path / "run" / "model"
    before = timeless(folder)
    if what == "gone":
        shutil.rmtree(folder)
    else:
        predictor = load(folder)
        predictor.tensors["readout.bias"] = predictor.tensors["readout.bias"] + 1
        predictor.save(folder, card=predictor.card)
        assert timeless(folder) != before
    assert resume(tmp_path / "run", SilentDisplay())["valid"] == result["valid"]
    assert timeless(folder) == before


def test_validate_tokens_of_zero_scores_all_of_the_held_out_part(book: Path, tmp_path: Path) -> None:
    differ = {}
    for tokens in (0, 40):
        settings = given(validate_tokens=tokens, validate_every_steps=4)
        result = train([book], tmp_path / str(tokens), settings, SilentDisplay())
        lines = [json.loads(line) for line in (tmp_path / str(tokens) / "metrics.jsonl").read_text().splitlines()]
        (scored,) = (line["valid"]["loss"] for line in lines if "valid" in line)
        differ[tokens] = abs(scored - result["valid"]["loss"])
    assert differ[0] < 1e-5, "float32 sums in another order"
    assert differ[40] > 1e-4, "a sample scores otherwise"


def test_how_much_unk_stands_for_is_told(book: Path, tmp_path: Path) -> None:
    told = Told()
    (tmp_path / "rare.txt").write_text(book.read_text() + "xyzzy\n", "utf-8")
    (tmp_path / "valid.txt").write_text("alpha beta é\n" * 3, "utf-8")
    settings = {**TINY, "data": {"min_frequency": 10}}
    train([tmp_path / "rare.txt"], tmp_path / "run", settings, told, valid=[tmp_path / "valid.txt"])
    assert "<unk> stands for 5 rare characters of the training text and for 3 of the held-out part" in told.said
    quiet = Told()
    train([book], tmp_path / "plain", TINY, quiet)
    assert not [line for line in quiet.said if "<unk>" in line]


def test_a_long_text_in_the_place_of_a_path_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        train(["It was a dark and stormy night. " * 200], tmp_path / "run", TINY, SilentDisplay())
    assert str(caught.value) == (
        "'It was a dark and stormy night. It was a'... is no path; "
        "a str is a path; give the texts themselves as a list: [text]"
    )
    assert entries(tmp_path) == []


def test_a_relative_run_is_overwritten_from_where_it_stands(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for steps in (2, 3):
        assert train([book], Path("run"), given(steps=steps), SilentDisplay(), overwrite=True)["steps"] == steps
    assert entries(tmp_path) == ["book.txt", "run"]


def test_a_run_may_be_the_current_folder(book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert train([book], Path(), given(steps=2), SilentDisplay())["steps"] == 2
    assert load(tmp_path / "empty").generate("a", max_tokens=3, seed=1).startswith("a")


@pytest.mark.parametrize("seed", [0, 2**63 - 1])
def test_the_smallest_and_the_largest_seed_train(book: Path, tmp_path: Path, seed: int) -> None:
    assert train([book], tmp_path / "run", {**given(steps=1), "seed": seed}, SilentDisplay())["steps"] == 1


# Sequence to sequence

TINY_PAIRS: dict[str, Any] = {
    "model": {"hidden_size": 8, "embedding_size": 6},
    "training": {"steps": 3, "batch_size": 8, "threads": 1},
}


def spelled(source: str) -> str:
    return " ".join({"a": "AA", "b": "B", "c": "K"}[letter] for letter in source)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    rng = random.Random(0)
    sources = ["".join(rng.choices("abc", k=rng.randint(1, 6))) for _ in range(200)]
    (tmp_path / "pairs.tsv").write_text("".join(f"{source}\t{spelled(source)}\n" for source in sources))
    return tmp_path / "pairs.tsv"


def test_the_config_of_pairs_is_everything_resolved_levels_too(pairs: Path, tmp_path: Path) -> None:
    settings = {"training": {"steps": 3}, "model": {"hidden_size": 8}, "seed": 3}
    told = Told()
    train([pairs], tmp_path / "run", settings, told, task="seq2seq")
    config = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    assert (config["task"], config["seed"]) == ("seq2seq", 3)
    assert (config["data"]["source_level"], config["data"]["target_level"]) == ("char", "word")
    corpus = PairCorpus.open(tmp_path / "run" / "data")
    sizes = {
        "pairs": corpus.train_part.count,
        "source_tokens": corpus.train_part.source.tokens,
        "target_tokens": corpus.train_part.target.tokens,
        "vocabulary": len(corpus.target_vocabulary),
    }
    chosen = resolve_seq2seq(settings, **sizes).model_dump(mode="json", exclude_none=True)
    chosen["data"] |= {"source_level": "char", "target_level": "word"}
    chosen["training"] |= {name: config["training"][name] for name in ("device", "threads")}
    assert config == chosen
    assert config["training"]["threads"] >= 1, "measured, then settled"
    assert any("sources by characters, 3 different; targets by words, 3 different" in line for line in told.said)
    train([pairs], tmp_path / "again", config, SilentDisplay(), task="seq2seq")
    weights = [(tmp_path / name / "model" / "model.safetensors").read_bytes() for name in ("run", "again")]
    assert weights[0] == weights[1], "what the file holds trains the same model"


def test_the_request_names_every_file_by_a_path_that_holds_from_anywhere(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line.split("\t") for line in pairs.read_text().splitlines()]
    for name, column in (("sources", 0), ("targets", 1)):
        (tmp_path / name).write_text("".join(f"{line[column]}\n" for line in lines))
        (tmp_path / f"valid-{name}").write_text("".join(f"{line[column]}\n" for line in lines[:9]))
    monkeypatch.chdir(tmp_path)
    files: dict[str, Any] = {"targets": ["targets"], "valid": ["valid-sources"], "valid_targets": ["valid-targets"]}
    train(["sources"], Path("run"), TINY_PAIRS, SilentDisplay(), task="seq2seq", **files)
    assert json.loads((tmp_path / "run" / "request.json").read_bytes()) == {
        "given": TINY_PAIRS,
        "sources": {
            "train": [str(tmp_path / "sources")],
            "valid": [str(tmp_path / "valid-sources")],
            "targets": [str(tmp_path / "targets")],
            "valid_targets": [str(tmp_path / "valid-targets")],
        },
        "task": "seq2seq",
    }
    names = [Path(source.name).name for source in PairCorpus.open(tmp_path / "run" / "data").sources]
    assert names == ["sources", "targets", "valid-sources", "valid-targets"]


def test_pairs_killed_while_their_config_is_written_start_over(
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


def test_figures_of_pairs_are_those_of_the_model_on_disk_and_on_its_card(pairs: Path, tmp_path: Path) -> None:
    result = train([pairs], tmp_path / "run", TINY_PAIRS, SilentDisplay(), task="seq2seq")
    held_out = PairCorpus.open(tmp_path / "run" / "data").valid()
    assert load(tmp_path / "run" / "model").evaluate(held_out) == result["valid"]
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    scored = {line["step"]: line["valid"] for line in lines if "valid" in line}
    best = scored[result["best_step"]]
    assert {name: result["valid"][name] for name in best} == pytest.approx(best)
    assert best["token_error_rate"] == min(line["token_error_rate"] for line in scored.values())
    card = (tmp_path / "run" / "model" / "README.md").read_text()
    assert f"| token error rate | {result['valid']['token_error_rate']:.4f} |" in card
    assert speed(card) > 0.0
    assert str(tmp_path) not in card


def test_pairs_in_memory_are_no_different_and_cannot_be_read_again(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = MemoryPairs([tuple(line.split("\t")) for line in pairs.read_text().splitlines()])  # type: ignore[misc]
    train([pairs], tmp_path / "file", TINY_PAIRS, SilentDisplay(), task="seq2seq")
    train([held], tmp_path / "memory", TINY_PAIRS, SilentDisplay(), task="seq2seq")
    weights = [(tmp_path / run / "model" / "model.safetensors").read_bytes() for run in ("file", "memory")]
    assert weights[0] == weights[1]
    (tmp_path / "memory" / "config.toml").unlink()
    with pytest.raises(DataError, match="was stopped before its text was read, and the text is gone"):
        resume(tmp_path / "memory", SilentDisplay())
