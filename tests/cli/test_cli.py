"""The command line: data on stdout, messages on stderr, one JSON object, an exit code for each kind of failure."""

from __future__ import annotations

import errno
import io
import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from elman.cli import app
from elman.cli.console import printable, run_app
from elman.errors import DataError, DivergedError, Interrupted, ModelError, ResourceError
from elman.tasks.language_model.predictor import LanguageModelPredictor
from elman.tasks.spec import load

from ..cards import without_speed
from .conftest import TINY, Command

TRAIN_KEYS = {"run", "model", "task", "steps", "seconds", "tokens_per_second", "best_step", "valid"}
EVALUATE_KEYS = {"task", "count", "loss", "perplexity", "bits_per_character", "tokens", "unknown"}


def only_json(out: str) -> dict[str, Any]:
    """Stdout is one JSON object and nothing else."""
    assert out.count("\n") == 1
    value = json.loads(out)
    assert isinstance(value, dict)
    return value


# train, resume


def test_train_says_what_it_does_on_stderr_and_nothing_on_stdout(command: Command, book: Path, tmp_path: Path) -> None:
    done = command("train", "lm", book, "-o", tmp_path / "run", "--steps", 4, *TINY)
    assert (done.code, done.out) == (0, "")
    assert "held out: loss " in done.err
    assert f"model: {tmp_path / 'run' / 'model'}\n" in done.err
    assert done.err.splitlines()[-1].startswith(f"next: elman generate {tmp_path / 'run'} --prompt")
    assert "\x1b" not in done.err


def test_train_json_is_one_object_with_the_keys_of_the_contract(command: Command, book: Path, tmp_path: Path) -> None:
    done = command("train", "lm", book, "-o", tmp_path / "run", "--steps", 4, *TINY, "--json")
    assert done.code == 0
    told = only_json(done.out)
    assert set(told) == TRAIN_KEYS
    assert set(told["valid"]) == EVALUATE_KEYS
    assert told["steps"] == 4
    again = command("evaluate", tmp_path / "run", "--json")
    assert only_json(again.out) == told["valid"]


def test_resume_of_a_finished_run_is_done_and_tells_the_same(command: Command, trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "model")
    done = command("resume", tmp_path / "run", "--json")
    assert done.code == 0
    assert "there is nothing left to do" in done.err
    assert set(only_json(done.out)) == TRAIN_KEYS
    weights, cards = (
        [(run / "model" / name).read_bytes() for run in (trained, tmp_path / "run")]
        for name in ("model.safetensors", "README.md")
    )
    assert weights[0] == weights[1]
    assert without_speed(cards[0]) == without_speed(cards[1])


def test_every_flag_reaches_its_key_and_wins_over_set_and_file(command: Command, book: Path, tmp_path: Path) -> None:
    import tomllib

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


class Standard(io.StringIO):
    """A standard input of bytes."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.buffer = io.BytesIO(content)


def test_a_text_from_a_pipe_trains_the_same_model(
    command: Command, book: Path, tmp_path: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Standard(book.read_bytes()))
    done = command("train", "lm", "-", "-o", tmp_path / "run", "--steps", 4, *TINY)
    assert done.code == 0
    weights = [(run / "model" / "model.safetensors").read_bytes() for run in (tmp_path / "run", trained)]
    assert weights[0] == weights[1]


def test_overwrite_replaces_a_run(command: Command, book: Path, trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "run")
    done = command("train", "lm", book, "-o", tmp_path / "run", "--steps", 2, *TINY, "--overwrite", "--json")
    assert done.code == 0
    assert done.json["steps"] == 2
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]


CHINESE = "夜航船中，唯有文章最难对付。天下学问，惟夜航船中最难对付。\n" * 40


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_chinese_text_trains_and_writes_in_either_encoding(command: Command, tmp_path: Path, encoding: str) -> None:
    (tmp_path / "书.txt").write_bytes(CHINESE.encode(encoding))
    done = command("train", "lm", tmp_path / "书.txt", "-o", tmp_path / "模型", "--steps", 3, *TINY)
    assert done.code == 0, done.err
    assert ("reading it as GB18030" in done.err) == (encoding == "gb18030")
    done = command("generate", tmp_path / "模型", "--prompt", "夜航", "--max-tokens", 20, "--seed", 1)
    assert done.code == 0
    assert done.out.startswith("夜航")
    assert set(done.out) <= set(CHINESE)
    assert done.err == ""


# evaluate


def test_evaluate_prints_each_figure_on_its_line(command: Command, trained: Path) -> None:
    done = command("evaluate", trained)
    assert (done.code, done.err) == (0, "")
    assert [line.split()[0] for line in done.out.splitlines()] == [
        "task", "count", "loss", "perplexity", "bits_per_character", "tokens", "unknown",
    ]  # fmt: skip


def test_evaluate_of_a_file_is_the_predictor_s(command: Command, trained: Path, book: Path) -> None:
    told = only_json(command("evaluate", trained / "model", book, "--json").out)
    assert told == load(trained).evaluate(book.read_text())
    assert told["perplexity"] == pytest.approx(math.exp(told["loss"]))


def test_unknown_characters_are_counted_on_stderr(command: Command, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "odd.txt").write_text("alpha Ωmega beta Ω\n")
    done = command("evaluate", trained, tmp_path / "odd.txt", "--json")
    assert done.code == 0
    assert done.err == "2 of 18 tokens are unknown to the model\n"
    assert done.json["unknown"] == 2


def test_a_model_folder_has_no_held_out_part(command: Command, trained: Path) -> None:
    done = command("evaluate", trained / "model")
    assert done.code == 2
    model = trained / "model"
    told = f"the folder is a model folder, which has no validation set; expected a run folder. Give data: elman evaluate {model} FILE"
    assert done.err == f"elman: {model}: {told}\n"


# generate


def test_generate_writes_the_prompt_and_its_continuation(command: Command, trained: Path) -> None:
    done = command("generate", trained, "--prompt", "alpha ", "--max-tokens", 30, "--seed", 7, "--temperature", 0.5)
    assert (done.code, done.err) == (0, "")
    assert done.out == load(trained).generate("alpha ", max_tokens=30, seed=7, temperature=0.5) + "\n"


def test_generate_takes_top_k_and_top_p(command: Command, trained: Path) -> None:
    greedy = command("generate", trained, "--prompt", "al", "--max-tokens", 30, "--temperature", 0).out
    assert command("generate", trained, "--prompt", "al", "--max-tokens", 30, "--top-k", 1).out == greedy
    assert command("generate", trained, "--prompt", "al", "--max-tokens", 30, "--top-p", 1e-9).out == greedy


def test_generate_json_is_one_object(command: Command, trained: Path) -> None:
    told = only_json(command("generate", trained, "--prompt", "beta\n", "--max-tokens", 5, "--seed", 1, "--json").out)
    assert told["prompt"] == "beta\n"
    assert told["text"] == load(trained).generate("beta\n", max_tokens=5, seed=1)
    assert told["seed"] == 1


def test_suggest_prints_words_and_probabilities(command: Command, trained: Path) -> None:
    expected = load(trained).suggest("alpha b", 2)
    done = command("generate", trained, "--prompt", "alpha b", "--suggest", 2)
    assert done.code == 0
    assert done.out == "".join(f"{word}\t{probability:.4f}\n" for word, probability in expected)
    told = only_json(command("generate", trained, "--prompt", "alpha b", "--suggest", 2, "--json").out)
    assert told["suggestions"] == [{"word": word, "probability": probability} for word, probability in expected]


def test_characters_that_were_never_seen_are_told_and_do_no_harm(command: Command, trained: Path) -> None:
    done = command("generate", trained, "--prompt", "αβγ alpha", "--max-tokens", 5, "--seed", 1)
    assert done.code == 0
    assert done.err == "the model does not know 'α', 'β', 'γ'\n"
    assert done.out.startswith("αβγ alpha")


def test_a_prompt_of_bytes_that_are_no_text_is_survived(command: Command, trained: Path) -> None:
    done = command("generate", trained, "--prompt", "alpha \udcff", "--max-tokens", 5, "--seed", 1)
    assert done.code == 0
    assert done.out.startswith("alpha \ufffd")


# data, doctor, demo


def test_data_list_names_every_data_set(command: Command) -> None:
    from elman.data.datasets import DATA_SETS

    done = command("data", "list")
    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines()] == list(DATA_SETS)


@pytest.mark.parametrize("verb", ["path", "fetch"])
def test_data_path_and_fetch_print_the_path_of_what_needs_no_network(
    command: Command, verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELMAN_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))  # where an earlier training may have put it
    done = command("data", verb, "reverse")
    assert done.code == 0
    assert done.out == f"{tmp_path / 'reverse' / 'reverse.tsv'}\n"


def test_an_unknown_data_set_is_told(command: Command) -> None:
    done = command("data", "path", "revers")
    assert (done.code, done.out) == (3, "")
    assert "unknown data set 'revers'" in done.err
    assert "did you mean 'reverse'?" in done.err


def test_doctor_tells_versions_and_json(command: Command) -> None:
    told = only_json(command("doctor", "--json").out)
    assert set(told) == {"versions", "kernels", "threads", "missing"}
    expected = [] if told["kernels"]["compiled"] else ["elman.kernels"]
    assert [item["package"] for item in told["missing"]] == expected
    done = command("doctor")
    assert done.code == 0
    assert f"torch         {told['versions']['torch']}\n" in done.out
    assert ("Nothing is missing." in done.out) is told["kernels"]["compiled"]


def test_doctor_names_the_instruction_set_in_use_and_the_others(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from elman import kernels

    monkeypatch.setattr(kernels, "instruction_set", lambda: "avx2")
    monkeypatch.setattr(kernels, "instruction_sets", lambda: ["avx512", "avx2", "plain"])
    assert "kernels       avx2 (also available: avx512, plain)\n" in command("doctor").out


def test_doctor_says_why_there_are_no_kernels_and_what_mends_it(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from elman import kernels

    monkeypatch.setattr(kernels, "instruction_set", lambda: None)
    monkeypatch.setattr(kernels, "instruction_sets", list)
    monkeypatch.setattr(kernels, "unavailable_reason", lambda: "not compiled in this installation")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    told = only_json(command("doctor", "--json").out)
    reason = "not compiled in this installation"
    assert told["kernels"] == {"compiled": False, "instruction_set": None, "instruction_sets": [], "reason": reason}
    out = command("doctor").out
    assert f"kernels       none ({reason}); NumPy predicts and torch trains, which is slower\n" in out
    assert "missing: elman.kernels (needed for speed). Install it: pip install --force-reinstall --no-deps elman" in out


def test_demo_trains_on_the_built_in_text_and_writes(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, book: Path
) -> None:
    from elman import experiment

    real = experiment.train

    def quick(sources: Any, out: Path, given: Any, display: Any, **keywords: Any) -> Any:
        assert sources == ["python-docs"]
        assert given == {"training": {"minutes": 0.01}}
        settings = {
            "model": {"hidden_size": 16, "embedding_size": 8},
            "training": {"steps": 2, "batch_size": 4, "bptt_steps": 8, "threads": 1},
        }
        return real([book], out, settings, display, **keywords)

    monkeypatch.setattr(experiment, "train", quick)
    done = command("demo", "-o", tmp_path / "demo", "--minutes", 0.01)
    assert done.code == 0, done.err
    assert done.out.startswith("The class ")
    assert f"The run is in {tmp_path / 'demo'}" in done.err


# Help, versions, exit codes

COMMANDS = [
    [], ["train"], ["train", "lm"], ["train", "seq2seq"], ["train", "classify"], ["train", "tag"],
    ["train", "forecast"], ["resume"],
    ["evaluate"], ["predict"], ["generate"], ["doctor"], ["demo"],
    ["data"], ["data", "list"], ["data", "fetch"], ["data", "path"],
    ["bench"], ["bench", "train"], ["bench", "step"], ["bench", "limit"],
]  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_works_under_every_command(command: Command, words: list[str]) -> None:
    done = command(*words, "--help")
    assert (done.code, done.err) == (0, "")
    assert f"Usage: elman {' '.join(words)}".rstrip() in done.out
    assert "--help" in done.out


def test_every_command_is_in_the_list_above() -> None:
    def walk(group: Any, path: list[str]) -> Iterator[list[str]]:
        yield path
        for name, each in getattr(group, "commands", {}).items():
            yield from walk(each, [*path, name])

    assert sorted(walk(typer.main.get_command(app), [])) == sorted(COMMANDS)


@pytest.mark.parametrize("words", [[], ["train"], ["data"], ["bench"]], ids=" ".join)
def test_a_group_without_a_command_shows_its_help_and_is_a_mistake(command: Command, words: list[str]) -> None:
    done = command(*words)
    assert (done.code, done.out) == (2, "")
    assert "Usage: elman" in done.err


def test_version(command: Command) -> None:
    from elman.version import version

    assert command("--version").out == f"{version()}\n"


ERRORS: list[tuple[Callable[[], BaseException], int, str]] = [
    (lambda: ZeroDivisionError("division by zero"), 1, "failed"),
    (lambda: OSError(5, "Input/output error", "/dev/x"), 1, "failed"),
    (lambda: DataError("bad"), 3, "data"),
    (lambda: ModelError("bad"), 4, "model"),
    (lambda: DivergedError("bad"), 5, "diverged"),
    (lambda: ResourceError("bad"), 6, "resource"),
    (lambda: MemoryError(), 6, "resource"),
    (lambda: Interrupted(15, "bad"), 143, "interrupted"),
]


@pytest.mark.parametrize(("error", "code", "name"), ERRORS)
def test_every_failure_has_its_exit_code_one_line_and_its_json(
    error: Callable[[], BaseException], code: int, name: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    failing = typer.Typer()

    @failing.command()
    def fails(as_json: bool = typer.Option(False, "--json")) -> None:
        raise error()

    for arguments in ([], ["--json"]):
        monkeypatch.setattr(sys, "argv", ["elman", *arguments])
        assert run_app(failing) == code
        out, err = capsys.readouterr()
        assert err.startswith("elman: ")
        assert err.count("\n") == 1
        assert "Traceback" not in err
        if arguments:
            told = only_json(out)
            assert set(told) == {"code", "message", "hint", "where"}
            assert told["code"] == name
        else:
            assert out == ""


def test_ctrl_c_outside_training_is_told_in_a_word(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    failing = typer.Typer()

    @failing.command()
    def fails() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["elman"])
    assert run_app(failing) == 130
    assert capsys.readouterr() == ("", "elman: interrupted\n")


def test_a_mistake_of_ours_shows_its_traceback_only_when_asked(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    failing = typer.Typer()

    @failing.command()
    def fails() -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(sys, "argv", ["elman"])
    assert run_app(failing) == 1
    assert capsys.readouterr().err == (
        "elman: ZeroDivisionError: division by zero; "
        "this is a mistake in elman: ELMAN_DEBUG=1 shows where; please report it\n"
    )
    monkeypatch.setenv("ELMAN_DEBUG", "1")
    assert run_app(failing) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_training_that_diverges_ends_with_its_code(command: Command, book: Path, tmp_path: Path) -> None:
    done = command(
        "train", "lm", book, "-o", tmp_path / "run", *TINY, "--steps", 8, "--optimizer", "sgd", "--lr", 1e38,
        "--set", "training.warmup_fraction=0.0", "--set", "training.schedule=constant", "--validate-every", 9, "--json",
    )  # fmt: skip
    assert done.code == 5
    told = only_json(done.out)
    assert told["code"] == "diverged"
    assert told["message"].startswith("training diverged: ")
    assert "Try --lr " in told["hint"]
    assert "Traceback" not in done.err


# Terminals and pipes


def test_color_is_left_out_where_it_is_not_wanted(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from elman.cli.console import stderr_console

    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert stderr_console().no_color is False
    monkeypatch.setenv("NO_COLOR", "1")
    assert stderr_console().no_color is True
    monkeypatch.delenv("FORCE_COLOR")
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert stderr_console().is_terminal is False


def test_a_reader_that_leaves_early_is_no_error(trained: Path) -> None:
    command = f"{sys.executable} -W error -m elman generate {trained} --max-tokens 20000 --seed 1"
    script = f"set -o pipefail; {command} | head -c 1"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode in (141, 1)  # 1 where the parser notices it first
    assert (len(done.stdout), done.stderr) == (1, "")


def test_help_and_generate_do_not_import_torch(trained: Path) -> None:
    script = (
        "import sys; sys.modules['torch'] = None; from elman.cli import main;"
        "sys.argv = ['elman', '--help']; assert main() == 0; assert 'numpy' not in sys.modules;"
        f"sys.argv = ['elman', 'generate', {str(trained)!r}, '--max-tokens', '3']; assert main() == 0;"
        f"sys.argv = ['elman', 'evaluate', {str(trained)!r}]; assert main() == 0"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_stdout_that_cannot_say_a_character_does_not_break(trained: Path) -> None:
    command = [sys.executable, "-m", "elman", "generate", str(trained), "--prompt", "中", "--max-tokens", "3"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(command, capture_output=True, check=False, env=environment)
    assert done.returncode == 0
    assert done.stdout.startswith(b"?")
    assert b"Traceback" not in done.stderr


def test_nothing_that_a_terminal_would_obey_is_printable() -> None:
    assert printable("a\x1b[2Jb\x07\r\x9bc\x00") == "a\ufffd[2Jb\ufffd\ufffd\ufffdc\ufffd"
    assert printable("plain é 你好\n\ttab 😀") == "plain é 你好\n\ttab 😀"


@pytest.mark.parametrize("terminal", [True, False])
def test_what_a_model_writes_is_harmless_to_a_terminal_and_exact_in_a_pipe(
    command: Command, trained: Path, monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    pieces = ["a\x1b[2J", "\x07b\n", "é"]
    monkeypatch.setattr(LanguageModelPredictor, "stream", lambda self, prompt, **options: iter(pieces))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    done = command("generate", trained, "--prompt", "al")
    assert done.code == 0
    assert done.out == ("ala\ufffd[2J\ufffdb\né\n" if terminal else f"al{''.join(pieces)}\n")


# What a reader found


def test_the_demo_does_not_replace_a_run_that_it_was_not_told_to(
    command: Command, trained: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    shutil.copy(trained / "request.json", tmp_path / "mine")
    before = (tmp_path / "mine" / "request.json").read_bytes()
    done = command("demo", "-o", tmp_path / "mine", "--minutes", 0.01)
    assert (done.code, done.out) == (2, "")
    assert f"elman: {tmp_path / 'mine'}: the folder already exists. " in done.err
    assert [(p.name, p.read_bytes()) for p in (tmp_path / "mine").iterdir()] == [("request.json", before)]


@pytest.mark.parametrize(("arguments", "replaced"), [([], True), (["-o", "runs/other"], False)])
def test_the_demo_replaces_its_own_run_alone(
    command: Command, monkeypatch: pytest.MonkeyPatch, arguments: list[str], replaced: bool
) -> None:
    from elman import experiment

    asked: list[bool] = []

    def stop(*positional: Any, overwrite: bool) -> Any:
        asked.append(overwrite)
        raise DataError("enough")

    monkeypatch.setattr(experiment, "train", stop)
    assert command("demo", *arguments).code == 3
    assert asked == [replaced]


def test_a_flag_s_budget_replaces_the_one_of_the_config_file(command: Command, book: Path, tmp_path: Path) -> None:
    import tomllib

    (tmp_path / "a.toml").write_text("[training]\nsteps = 100000\nbatch_size = 4\nbptt_steps = 8\nthreads = 1\n")
    done = command(
        "train", "lm", book, "-o", tmp_path / "run", "--config", tmp_path / "a.toml", "--minutes", 0.005,
        "--hidden", 16, "--embedding", 8, "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    config = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    assert config["training"]["minutes"] == 0.005
    assert "steps" not in config["training"]


def test_two_budgets_of_flags_are_a_mistake(command: Command, book: Path, tmp_path: Path) -> None:
    done = command("train", "lm", book, "-o", tmp_path / "run", "--steps", 2, "--minutes", 1)
    assert done.code == 2
    assert "given steps and minutes; expected only one of" in done.err
    assert not (tmp_path / "run").exists()


def test_a_run_s_own_config_trains_the_same_model_and_is_resolved_again(
    command: Command, book: Path, trained: Path, tmp_path: Path
) -> None:
    import tomllib

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


def test_zero_turns_clipping_and_patience_off_and_stays_off_in_the_file(
    command: Command, book: Path, tmp_path: Path
) -> None:
    import tomllib

    flags = ["--clip", 0, "--set", "training.patience=0", "--set", "training.validate_tokens=0", "--steps", 2]
    assert command("train", "lm", book, "-o", tmp_path / "run", *flags, *TINY).code == 0
    training = tomllib.loads((tmp_path / "run" / "config.toml").read_text())["training"]
    assert (training["clip_norm"], training["patience"], training["validate_tokens"]) == (0.0, 0, 0)


TRAIN_WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from elman.cli import main
sys.argv = ["elman", *sys.argv[1:]]
sys.exit(main())
"""


def test_training_without_torch_says_what_to_install(book: Path, trained: Path, tmp_path: Path) -> None:
    for arguments in (["train", "lm", str(book), "-o", str(tmp_path / "run")], ["resume", str(trained)], ["demo"]):
        command = [sys.executable, "-W", "error", "-c", TRAIN_WITHOUT_TORCH, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (
            'elman: training needs PyTorch, which is not installed. Install it: pip install "elman[train]"\n'
        )
    assert list(tmp_path.iterdir()) == []


def test_utf_16_without_a_mark_is_read_where_it_is_named(
    command: Command, book: Path, trained: Path, tmp_path: Path
) -> None:
    (tmp_path / "wide.txt").write_bytes(book.read_text("utf-8").encode("utf-16-le"))
    done = command(
        "train", "lm", tmp_path / "wide.txt", "-o", tmp_path / "run", "--steps", 4, *TINY, "--encoding", "utf-16-le"
    )
    assert done.code == 0, done.err
    weights = [(run / "model" / "model.safetensors").read_bytes() for run in (tmp_path / "run", trained)]
    assert weights[0] == weights[1]


def test_an_encoding_whose_name_is_a_number_is_taken(command: Command, tmp_path: Path) -> None:
    import tomllib

    (tmp_path / "书.txt").write_bytes(CHINESE.encode("cp936"))
    flags = ["--steps", 1, *TINY, "--encoding", "936"]
    done = command("train", "lm", tmp_path / "书.txt", "-o", tmp_path / "run", *flags)
    assert done.code == 0, done.err
    assert tomllib.loads((tmp_path / "run" / "config.toml").read_text("utf-8"))["data"]["encoding"] == "936"
    assert "航" in load(tmp_path / "run").vocabulary


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--temperature", -1], "temperature: given -1.0; expected 0 (greedy) or more"),
        (["--top-k", 0], "top_k: given 0; expected 1 or more"),
        (["--top-p", 1.5], "top_p: given 1.5; expected more than 0 and at most 1"),
    ],
)
def test_a_wrong_option_of_generate_is_told_before_the_prompt_is_written(
    command: Command, trained: Path, flags: list[Any], told: str
) -> None:
    done = command("generate", trained, "--prompt", "alpha ", *flags)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"elman: {told}\n"


def test_data_list_survives_a_damaged_file(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from elman.data.datasets import DATA_SETS

    damaged = [name for name, data_set in DATA_SETS.items() if data_set.origin == "download"]
    assert damaged
    for name in damaged:
        (tmp_path / name).mkdir()
        (tmp_path / name / DATA_SETS[name].file_name).write_bytes(b"half a fi")
    monkeypatch.setenv("ELMAN_DATA", str(tmp_path))
    done = command("data", "list")
    assert done.code == 0, done.err
    assert [line.split()[0] for line in done.out.splitlines()] == list(DATA_SETS)
    told = [
        line.split()[0] for line in done.out.splitlines() if f"damaged; see: elman data path {line.split()[0]}" in line
    ]
    assert told == damaged


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_ctrl_c_is_told_as_any_other_end(
    command: Command, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str]
) -> None:
    from elman import experiment

    def stopped(*arguments: Any, **keywords: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(experiment, "train", stopped)
    done = command("train", "lm", book, "-o", tmp_path / "run", *flags)
    assert done.code == 130
    if flags:
        told = only_json(done.out)
        assert (told["code"], told["message"]) == ("interrupted", "interrupted")
    else:
        assert done.out == ""
    assert done.err == "elman: interrupted\n"


def test_a_run_of_a_gpu_that_is_not_here_is_a_wrong_option(command: Command, trained: Path, tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    shutil.copytree(trained, tmp_path / "run")
    path = tmp_path / "run" / "config.toml"
    path.write_text(path.read_text().replace('device = "cpu"', 'device = "cuda"'))
    done = command("resume", tmp_path / "run")
    assert (done.code, done.out) == (2, "")
    assert "training.device: given cuda, but torch finds no GPU here; use --device auto or cpu\n" in done.err


def test_a_vocabulary_that_was_changed_is_a_damaged_run(command: Command, trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "run")
    path = tmp_path / "run" / "data" / "vocabulary.json"
    content = path.read_bytes()
    position = content.index(b'"a"') + 1
    path.write_bytes(content[:position] + b"z" + content[position + 1 :])
    for arguments in (["resume", tmp_path / "run"], ["evaluate", tmp_path / "run"]):
        done = command(*arguments)
        assert (done.code, done.out) == (4, "")
        assert "damaged training data (vocabulary.json differs from what was written); train again" in done.err


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_out_of_bounds_is_told_with_its_flag(command: Command, book: Path, tmp_path: Path, seed: int) -> None:
    done = command("train", "lm", book, "-o", tmp_path / "run", "--seed", seed)
    assert (done.code, done.out) == (2, "")
    assert f"seed (--seed): given {seed}; expected " in done.err
    assert not (tmp_path / "run").exists()


def test_a_run_in_the_current_folder_outlives_an_overwrite_that_cannot_move_it(
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
