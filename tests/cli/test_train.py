"""elman train: stderr, stdout and exit codes; flags, --set and config files."""

from __future__ import annotations

import errno
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from elman import shell
from elman.cli.train import automatic_run

from .conftest import TINY, TRAIN_KEYS, Command, only_json

EVALUATE_KEYS = {"task", "count", "loss", "perplexity", "bits_per_character", "tokens", "unknown"}


def test_train_reports_on_stderr_and_prints_nothing_on_stdout(command: Command, book: Path, tmp_path: Path) -> None:
    done = command("train", "lm", book, "-o", tmp_path / "run", "--steps", 4, *TINY)
    assert (done.code, done.out) == (0, "")
    assert "validation: loss " in done.err
    assert f"model: {tmp_path / 'run' / 'model'}\n" in done.err
    assert done.err.splitlines()[-1].startswith(f"next: elman generate {tmp_path / 'run'} --prompt")
    assert "\x1b" not in done.err


def test_train_json_prints_one_object_with_the_documented_keys(command: Command, book: Path, tmp_path: Path) -> None:
    done = command("train", "lm", book, "-o", tmp_path / "run", "--steps", 4, *TINY, "--json")
    assert done.code == 0
    result = only_json(done.out)
    assert set(result) == TRAIN_KEYS
    assert set(result["valid"]) == EVALUATE_KEYS
    assert result["steps"] == 4
    again = command("evaluate", tmp_path / "run", "--json")
    assert only_json(again.out) == result["valid"]


def test_every_flag_sets_its_key_and_wins_over_set_and_the_file(command: Command, book: Path, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(
        "seed = 1\n[model]\ncell = 'gru'\ndropout = 0.1\n[training]\nsteps = 9\nclip_norm = 3.0\n"
    )
    flags = ["--set", "model.dropout=0.2", "--set", "training.steps=8", "--steps", 2, "--lr", 0.5, "--clip", 2]
    flags += [
        "--layers",
        2,
        "--hidden",
        "12,10",
        "--embedding",
        6,
        "--batch-size",
        3,
        "--bptt",
        5,
        "--optimizer",
        "sgd",
    ]
    flags += ["--validate-every", 2, "--checkpoint-every", 1, "--threads", 1, "--level", "word", "--normalize", "lower"]
    flags += ["--stream", "random", "--valid-fraction", 0.2, "--device", "cpu", "--encoding", "utf-8"]
    done = command("train", "lm", book, "-o", tmp_path / "run", "--config", tmp_path / "a.toml", *flags)
    assert done.code == 0, done.err
    config = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    model, training, data = config["model"], config["training"], config["data"]
    assert config["seed"] == 1
    assert (model["cell"], model["dropout"], model["hidden_size"], model["embedding_size"]) == ("gru", 0.2, [12, 10], 6)
    assert (training["steps"], training["learning_rate"], training["clip_norm"]) == (2, 0.5, 2.0)
    assert (training["batch_size"], training["bptt_steps"], training["optimizer"]) == (3, 5, "sgd")
    assert (training["validate_every_steps"], training["checkpoint_every_steps"]) == (2, 1)
    assert (data["level"], data["normalize"], data["stream"]) == ("word", "lower", "random")
    assert (data["valid_fraction"], data["encoding"]) == (0.2, "utf-8")


def test_overwrite_replaces_a_run(command: Command, book: Path, trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "run")
    done = command("train", "lm", book, "-o", tmp_path / "run", "--steps", 2, *TINY, "--overwrite", "--json")
    assert done.code == 0
    assert done.json["steps"] == 2
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]


def test_the_budget_of_a_flag_replaces_that_of_the_config_file(command: Command, book: Path, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[training]\nsteps = 100000\nbatch_size = 4\nbptt_steps = 8\nthreads = 1\n")
    done = command(
        "train", "lm", book, "-o", tmp_path / "run", "--config", tmp_path / "a.toml", "--minutes", 0.005,
        "--hidden", 16, "--embedding", 8, "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    config = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    assert config["training"]["minutes"] == 0.005
    assert "steps" not in config["training"]


def test_two_budgets_of_flags_are_an_error(command: Command, book: Path, tmp_path: Path) -> None:
    done = command("train", "lm", book, "-o", tmp_path / "run", "--steps", 2, "--minutes", 1)
    assert done.code == 2
    assert "given steps and minutes; expected only one of" in done.err
    assert not (tmp_path / "run").exists()


def test_the_config_of_a_run_trains_the_same_model_and_can_be_changed(
    command: Command, book: Path, trained: Path, tmp_path: Path
) -> None:
    def weights(run: Path) -> bytes:
        return (run / "model" / "model.safetensors").read_bytes()

    own = trained / "config.toml"
    done = command("train", "lm", book, "-o", tmp_path / "same", "--config", own)
    assert done.code == 0, done.err
    assert weights(tmp_path / "same") == weights(trained)
    done = command("train", "lm", book, "-o", tmp_path / "other", "--config", own, "--epochs", 0.01, "--hidden", 12)
    assert done.code == 0, done.err
    config = tomllib.loads((tmp_path / "other" / "config.toml").read_text())
    assert (config["training"]["epochs"], config["model"]["hidden_size"]) == (0.01, [12])
    assert "steps" not in config["training"]


def test_zero_turns_clipping_and_early_stopping_off_and_is_written_to_the_config(
    command: Command, book: Path, tmp_path: Path
) -> None:
    flags = ["--clip", 0, "--set", "training.patience=0", "--set", "training.validate_tokens=0", "--steps", 2]
    assert command("train", "lm", book, "-o", tmp_path / "run", *flags, *TINY).code == 0
    training = tomllib.loads((tmp_path / "run" / "config.toml").read_text())["training"]
    assert (training["clip_norm"], training["patience"], training["validate_tokens"]) == (0.0, 0, 0)


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_the_error_for_a_seed_out_of_bounds_names_the_flag(
    command: Command, book: Path, tmp_path: Path, seed: int
) -> None:
    done = command("train", "lm", book, "-o", tmp_path / "run", "--seed", seed)
    assert (done.code, done.out) == (2, "")
    assert f"seed (--seed): given {seed}; expected " in done.err
    assert not (tmp_path / "run").exists()


def test_a_run_in_the_current_folder_survives_an_overwrite_that_cannot_move_it(
    command: Command, book: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(trained, tmp_path / "run")
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    monkeypatch.chdir(tmp_path / "run")
    done = command("train", "lm", book, "-o", ".", "--steps", 2, *TINY, "--overwrite")
    assert done.out == ""
    assert "mistake in elman" not in done.err
    if done.code != 0:  # a system that does not move the folder that a process stands in
        assert done.err == f"elman: .: {os.strerror(errno.EBUSY)}\n"
        assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]


TRAIN_WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from elman.cli import main
sys.argv = ["elman", *sys.argv[1:]]
sys.exit(main())
"""


def test_the_error_of_training_without_torch_names_the_package_to_install(
    book: Path, trained: Path, tmp_path: Path
) -> None:
    for arguments in (["train", "lm", str(book), "-o", str(tmp_path / "run")], ["resume", str(trained)], ["demo"]):
        command = [sys.executable, "-W", "error", "-c", TRAIN_WITHOUT_TORCH, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=60)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (
            'elman: training needs PyTorch, which is not installed. Install it: pip install "elman[train]"\n'
        )
    assert list(tmp_path.iterdir()) == []


def test_training_that_diverges_has_its_own_exit_code(command: Command, book: Path, tmp_path: Path) -> None:
    done = command(
        "train", "lm", book, "-o", tmp_path / "run", *TINY, "--steps", 8, "--optimizer", "sgd", "--lr", 1e38,
        "--set", "training.warmup_fraction=0.0", "--set", "training.schedule=constant", "--validate-every", 9, "--json",
    )  # fmt: skip
    assert done.code == 5
    result = only_json(done.out)
    assert result["code"] == "diverged"
    assert result["message"].startswith("training diverged: ")
    assert "Try --lr " in result["hint"]
    assert "Traceback" not in done.err


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_ctrl_c_during_training_is_one_line_and_an_exit_code(
    command: Command, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str]
) -> None:
    from elman import experiment

    def stopped(*arguments: Any, **keywords: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(experiment, "train", stopped)
    done = command("train", "lm", book, "-o", tmp_path / "run", *flags)
    assert done.code == 130
    if flags:
        result = only_json(done.out)
        assert (result["code"], result["message"]) == ("interrupted", "interrupted")
    else:
        assert done.out == ""
    assert done.err == "elman: interrupted\n"


@pytest.mark.parametrize("option", [["--bidirectional"], ["--set", "model.bidirectional=true"]])
def test_a_bidirectional_language_model_is_refused_with_the_reason(
    option: list[str], command: Command, book: Path, tmp_path: Path
) -> None:
    done = command("train", "lm", book, "-o", tmp_path / "run", *TINY, *option)
    assert done.code == 2
    assert "model.bidirectional: a language model reads in one direction; expected no second one" in done.err
    assert "has seen the token that is to be predicted" in done.err
    assert "--bidirectional" not in command("train", "lm", "--help").out
    assert not (tmp_path / "run").exists()


def test_training_from_a_run_keeps_its_sizes(command: Command, trained: Path, book: Path, tmp_path: Path) -> None:
    done = command(
        "train", "lm", book, "-o", tmp_path / "run", "--from", trained, "--steps", 2, "--threads", 1, "--json"
    )
    assert done.code == 0, done.err
    configs = [json.loads((run / "model" / "config.json").read_bytes()) for run in (trained, tmp_path / "run")]
    assert configs[0].pop("info") != configs[1].pop("info")
    assert configs[0] == configs[1]
    done = command("train", "lm", book, "-o", tmp_path / "other", "--from", trained, "--hidden", 8)
    assert done.code == 2
    assert "model.hidden_size (--hidden): given 8; expected 16, as in the model. Leave it out" in done.err
    done = command("train", "classify", book, "-o", tmp_path / "other", "--from", trained)
    assert (done.code, done.out) == (2, "")
    assert "the model is of the task 'lm'; expected one of the task 'classify'" in done.err


def test_ctrl_c_before_the_first_validation_leaves_a_model(
    command: Command, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from elman.training.progress import ConsoleDisplay

    monkeypatch.setattr(ConsoleDisplay, "step", lambda *arguments: os.kill(os.getpid(), signal.SIGINT))
    done = command("train", "lm", book, "-o", tmp_path / "run", *TINY, "--steps", 500)
    assert done.code == 130
    assert f"elman: stopped at step 1 and saved. Continue with `elman resume {tmp_path / 'run'}`\n" in done.err
    generated = command("generate", tmp_path / "run", "--max-tokens", 5)
    assert (generated.code, generated.err) == (0, "")


def test_the_run_folder_is_named_after_the_data_and_never_replaced(
    command: Command, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("book", "book-2", "book-3"), start=1):
        done = command("train", "lm", book, "--steps", 1, *TINY)
        assert done.code == 0, done.err
        assert done.err.startswith(f"run folder: runs/{name}\n")
        assert f"next: elman generate runs/{name} --prompt" in done.err
        assert len(list((tmp_path / "runs").iterdir())) == number
    done = command("train", "lm", book, "--steps", 1, *TINY, "--overwrite")
    assert done.code == 2
    assert "--overwrite: given without -o; expected the run folder to replace. Add -o RUN" in done.err


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("a/book.txt", "book"), ("book.txt.gz", "book"), ("v1.2 data.csv", "v1.2-data"), ("tinyshakespeare", None),
        ("-", "lm"), ("唐诗.txt", "唐诗"), ("a folder/", "a-folder"), ("???.txt", "lm"), (".hidden", "hidden"),
    ],
)  # fmt: skip
def test_the_name_of_a_run_folder_is_that_of_the_data(
    data: str, name: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert automatic_run(data, "lm") == Path("runs") / (name or data)


def test_quiet_prints_errors_and_json_only(command: Command, book: Path, tmp_path: Path) -> None:
    done = command("train", "lm", book, "-o", tmp_path / "run", "--steps", 2, *TINY, "--quiet")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert (tmp_path / "run" / "model").is_dir()
    done = command("resume", tmp_path / "run", "-q", "--json")
    assert (done.code, done.err) == (0, "")
    assert only_json(done.out)["steps"] == 2
    done = command("train", "lm", tmp_path / "none.txt", "-o", tmp_path / "other", "--quiet")
    assert done.code == 3
    assert done.err.startswith(f"elman: {tmp_path / 'none.txt'}: no such file")


def test_commands_that_are_shown_have_their_paths_in_quotes(command: Command, book: Path, tmp_path: Path) -> None:
    run = tmp_path / "my runs" / "it's"
    done = command("train", "lm", book, "-o", run, "--steps", 1, *TINY)
    assert done.err.splitlines()[-1].startswith(f"next: elman generate {shlex.quote(str(run))} --prompt")
    done = command("train", "lm", book, "-o", run, "--steps", 1, *TINY)
    assert f"Continue with `elman resume {shlex.quote(str(run))}`" in done.err


def test_commands_that_are_shown_begin_with_the_name_that_was_called(
    command: Command, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell, "program", lambda: ".venv/bin/elman")
    done = command("train", "lm", book, "-o", tmp_path / "run", "--steps", 1, *TINY)
    assert done.err.splitlines()[-1].startswith(f"next: .venv/bin/elman generate {tmp_path / 'run'} --prompt")
    done = command("train", "lm", book, "-o", tmp_path / "run")
    assert f"Continue with `.venv/bin/elman resume {tmp_path / 'run'}`" in done.err
    assert "See `.venv/bin/elman train lm --help`" in command("train", "lm", book, "--no-such-flag").err


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("cuda:1", "training.device (--device): given cuda:1, but torch finds no GPU here. Use --device auto or cpu"),
        ("mps", "given mps, but torch finds no Metal here, which is on Macs only. Use --device auto or cpu"),
        ("tpu", "given 'tpu'; expected auto, cpu, cuda, cuda:1 (the second GPU) or mps"),
        ("cuda:x", "given 'cuda:x'; expected auto, cpu, cuda, cuda:1 (the second GPU) or mps"),
    ],
)
def test_a_device_that_is_not_here_is_an_error(
    command: Command, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, message: str
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    done = command("train", "lm", book, "-o", tmp_path / "run", "--device", device)
    assert done.code == 2
    assert message in done.err
    assert not (tmp_path / "run").exists()


def test_a_gpu_of_a_number_that_is_not_here_is_an_error(
    command: Command, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    done = command("train", "lm", book, "-o", tmp_path / "run", "--device", "cuda:1")
    assert done.code == 2
    assert "given cuda:1, but torch finds 1 GPU here. Numbers begin at 0: the last one is cuda:0" in done.err


def test_messages_and_the_model_card_name_a_file_as_it_was_given(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ("--steps", 2, "--hidden", 8, "--threads", 1)
    rows = "".join(f"text {n}\t{'xy'[n % 2]}\n" for n in range(20))
    Path("good.tsv").write_text(f"text\tlabel\n{rows}", "utf-8")
    Path("bad.tsv").write_text(f"text\tlabel\nred\tx\ntoo\tmany\tcells\n{rows}", "utf-8")
    done = command("train", "classify", "bad.tsv", *options)
    assert "elman: bad.tsv:3: has 3 cells" in done.err
    done = command("train", "classify", "good.tsv", "-o", "run", *options)
    assert done.code == 0, done.err
    assert str(tmp_path) not in done.err
    card = Path("run/model/README.md").read_text("utf-8")
    assert "good.tsv" in card
    assert str(tmp_path) not in card
    assert str(tmp_path) in Path("run/request.json").read_text("utf-8"), "resume may be called in another folder"
