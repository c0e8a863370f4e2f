"""seq2seq on the command line: train, predict a line for a line, evaluate; and what each kind of bad input gets."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from elman.runtime import Ensemble, load

from elman.tasks.seq2seq.corpus import Example, PairCorpus

from ..pair_models import predictor_of, tiny_network
from .conftest import Command, Done
from .test_bad_input import refused, tree
from .test_cli import TRAIN_KEYS, only_json

TINY = ["--hidden", "8", "--embedding", "6", "--batch-size", "8", "--threads", "1", "--steps", "3"]
LETTERS = {"a": "AA", "b": "B", "c": "K", "d": "T", "e": "IY"}
SOURCES = ["abc", "dab", "e", "cab", "你好", "ddd", "bee", "ace"]


def spelled(source: str) -> str:
    return " ".join(LETTERS[letter] for letter in source)


def letters(count: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    return ["".join(rng.choices("abcde", k=rng.randint(1, 6))) for _ in range(count)]


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pairs") / "pairs.tsv"
    path.write_text("".join(f"{source}\t{spelled(source)}\n" for source in letters(300)), "utf-8")
    return path


@pytest.fixture(scope="session")
def run(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder that tests read and never change."""
    from elman.experiment import train
    from elman.training.progress import SilentDisplay

    folder = tmp_path_factory.mktemp("runs") / "run"
    given = {
        "model": {"hidden_size": 8, "embedding_size": 6},
        "training": {"steps": 3, "batch_size": 8, "threads": 1},
    }
    train([pairs], folder, given, SilentDisplay(), task="seq2seq")
    return folder


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Model folders a, b and none (without attention): weights so large that each source has an answer of its own."""
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
    def given(content: bytes) -> None:
        stream = SimpleNamespace(buffer=io.BytesIO(content), isatty=lambda: False)
        monkeypatch.setattr(sys, "stdin", stream)

    return given


def written(folder: Path, sources: list[str], **options: Any) -> str:
    return "".join(f"{text}\n" for text in load(folder).predict(sources, **options))


# train, resume


def test_train_says_what_it_does_on_stderr_and_what_to_try_next(command: Command, pairs: Path, tmp_path: Path) -> None:
    done = command("train", "seq2seq", pairs, "-o", tmp_path / "run", *TINY)
    assert (done.code, done.out) == (0, "")
    assert "sources by characters, 5 different" in done.err
    assert "targets by words, 5 different" in done.err
    assert "encoder 1 x lstm 8, both ways; decoder 1 x lstm 8; attention dot" in done.err
    assert f"model: {tmp_path / 'run' / 'model'}\n" in done.err
    assert done.err.splitlines()[-1].startswith(f"next: elman predict {tmp_path / 'run'} sources.txt")
    assert "\x1b" not in done.err


def test_train_json_is_what_evaluate_says_of_the_held_out_part(command: Command, pairs: Path, tmp_path: Path) -> None:
    done = command("train", "seq2seq", pairs, "-o", tmp_path / "run", *TINY, "--json")
    told = only_json(done.out)
    assert set(told) == TRAIN_KEYS
    assert (told["task"], told["steps"]) == ("seq2seq", 3)
    rates = {"task", "count", "loss", "exact_match", "sequence_error_rate", "token_error_rate"}
    assert rates <= set(told["valid"]) <= rates | {"bleu", "chrf"}
    assert only_json(command("evaluate", tmp_path / "run", "--json").out) == told["valid"]
    assert only_json(command("resume", tmp_path / "run", "--json").out)["valid"] == told["valid"]


def test_every_flag_reaches_its_key(command: Command, pairs: Path, tmp_path: Path) -> None:
    flags = ["--cell", "gru", "--hidden", 9, "--layers", 2, "--no-bidirectional", "--attention", "additive"]
    flags += ["--embedding", 5, "--dropout", 0.2, "--batch-size", 4, "--lr", 0.5, "--optimizer", "sgd", "--clip", 2]
    flags += ["--source-level", "byte", "--target-level", "char", "--normalize", "lower", "--columns", "2,1"]
    flags += ["--format", "tsv", "--valid-fraction", 0.3, "--encoding", "utf-8", "--validate-every", 2, "--seed", 5]
    flags += ["--checkpoint-every", 1, "--device", "cpu", "--threads", 1, "--steps", 2]
    done = command("train", "seq2seq", pairs, "-o", tmp_path / "run", *flags)
    assert done.code == 0, done.err
    config = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    model, training, data = config["model"], config["training"], config["data"]
    assert (config["task"], config["seed"]) == ("seq2seq", 5)
    assert (model["cell"], model["hidden_size"], model["num_layers"], model["bidirectional"]) == ("gru", 9, 2, False)
    assert (model["attention"], model["embedding_size"], model["dropout"]) == ("additive", 5, 0.2)
    assert (training["batch_size"], training["learning_rate"], training["optimizer"]) == (4, 0.5, "sgd")
    assert (training["clip_norm"], training["validate_every_steps"], training["checkpoint_every_steps"]) == (2, 2, 1)
    assert (data["source_level"], data["target_level"], data["normalize"]) == ("byte", "char", "lower")
    assert (data["columns"], data["format"], data["valid_fraction"]) == ([2, 1], "tsv", 0.3)
    corpus = PairCorpus.open(tmp_path / "run" / "data")
    assert "I" not in corpus.target_vocabulary
    assert "a" in corpus.target_vocabulary


def test_the_same_pairs_train_the_same_model_whatever_they_come_in(
    command: Command, pairs: Path, run: Path, tmp_path: Path, stdin: Callable[[bytes], None]
) -> None:
    lines = [line.split("\t") for line in pairs.read_text().splitlines()]
    (tmp_path / "sources").write_text("".join(f"{source}\r\n" for source, _ in lines), newline="")
    (tmp_path / "targets").write_text("".join(f"{target}\n" for _, target in lines))
    (tmp_path / "pairs.tsv.gz").write_bytes(gzip.compress(pairs.read_bytes()))
    (tmp_path / "turned.tsv").write_text("".join(f"{target}\tnote\t{source}\n" for source, target in lines))
    objects = (json.dumps({"source": source, "target": target}) + "\n" for source, target in lines)
    (tmp_path / "pairs.jsonl").write_text("".join(objects))
    stdin(pairs.read_bytes())
    ways = [
        [tmp_path / "sources", "--target-file", tmp_path / "targets"],
        [tmp_path / "pairs.tsv.gz"],
        [tmp_path / "turned.tsv", "--columns", "3,1"],
        [tmp_path / "pairs.jsonl"],
        ["-"],
    ]
    expected = (run / "model" / "model.safetensors").read_bytes()
    for number, way in enumerate(ways):
        done = command("train", "seq2seq", *way, "-o", tmp_path / str(number), *TINY)
        assert done.code == 0, done.err
        assert (tmp_path / str(number) / "model" / "model.safetensors").read_bytes() == expected, way


def test_held_out_sources_that_are_in_training_are_said_with_their_count(
    command: Command, pairs: Path, tmp_path: Path
) -> None:
    known = list(dict.fromkeys(letters(300)))[:3]
    held_out = [*known, "abcdeabcde", "edcbaedcba"]
    (tmp_path / "valid.tsv").write_text("".join(f"{source}\t{spelled(source)}\n" for source in held_out))
    (tmp_path / "sources").write_text("".join(f"{source}\n" for source in held_out))
    (tmp_path / "targets").write_text("".join(f"{spelled(source)}\n" for source in held_out))
    by_columns = ["--valid", tmp_path / "valid.tsv"]
    by_files = ["--valid", tmp_path / "sources", "--valid-target-file", tmp_path / "targets"]
    scores = []
    for number, way in enumerate((by_columns, by_files)):
        done = command("train", "seq2seq", pairs, "-o", tmp_path / str(number), *TINY, *way, "--json")
        assert done.code == 0, done.err
        assert "3 of the 5 held-out sources are in the training data too\n" in done.err
        scores.append(done.json["valid"])
    assert scores[0] == scores[1]
    assert scores[0]["count"] == 5


def test_extra_targets_are_further_pairs_and_refused_without_the_flag(command: Command, tmp_path: Path) -> None:
    lines = [f"{source}\t{spelled(source)}\tAA AA" for source in dict.fromkeys(letters(40))]
    (tmp_path / "pairs.tsv").write_text("\n".join(lines) + "\n")
    done = command("train", "seq2seq", tmp_path / "pairs.tsv", "-o", tmp_path / "run", *TINY)
    refused(done, 3)
    hint = "--extra-targets takes them as further targets; --columns 1,2 leaves them out"
    assert done.err == f"elman: {tmp_path / 'pairs.tsv'}:1: has 3 columns, expected 2; {hint}\n"
    assert not (tmp_path / "run").exists()
    counts = []
    for name, flags in (("all", ["--extra-targets"]), ("two", ["--columns", "1,2"])):
        done = command("train", "seq2seq", tmp_path / "pairs.tsv", "-o", tmp_path / name, *TINY, *flags)
        assert done.code == 0, done.err
        counts.append(PairCorpus.open(tmp_path / name / "data").train_part.count)
    assert counts[0] == 2 * counts[1]


# predict


def test_a_line_in_is_a_line_out_in_order(
    command: Command, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sources.txt").write_text("".join(f"{source}\n" for source in SOURCES))
    for chunk in (1, 3, 4096):
        monkeypatch.setattr(sys.modules["elman.cli.predict.lines"], "CHUNK", chunk)
        done = command("predict", models / "a", tmp_path / "sources.txt")
        assert (done.code, done.err) == (0, "")
        assert done.out == written(models / "a", SOURCES)


WRAPPED = {
    "crlf": "\r\n".join(SOURCES).encode(),
    "no_end": "\n".join(SOURCES).encode(),
    "mark": "\ufeff".encode() + "\n".join(SOURCES).encode(),
    "utf16": "\n".join(SOURCES).encode("utf-16"),
    "gz": gzip.compress("\n".join(SOURCES).encode()),
    "spaces": "".join(f"  {source} \n" for source in SOURCES).encode(),
    "wide": "".join(f"{source}\tanything\tat all\n" for source in SOURCES).encode(),
}


@pytest.mark.parametrize("name", WRAPPED)
@pytest.mark.parametrize("where", ["file", "-", None])
def test_sources_are_the_same_whatever_they_come_in(
    command: Command, models: Path, tmp_path: Path, stdin: Callable[[bytes], None], name: str, where: str | None
) -> None:
    (tmp_path / "sources").write_bytes(WRAPPED[name])
    stdin(WRAPPED[name])
    arguments = [tmp_path / "sources" if where == "file" else where] if where else []
    done = command("predict", models / "a", *arguments)
    assert (done.code, done.err) == (0, "")
    assert done.out == written(models / "a", SOURCES)


def test_an_encoding_that_is_named_is_used(command: Command, models: Path, tmp_path: Path) -> None:
    (tmp_path / "sources").write_bytes("你好\n你\n".encode("utf-16-le"))
    done = command("predict", models / "a", tmp_path / "sources", "--encoding", "utf-16-le")
    assert done.out == written(models / "a", ["你好", "你"])
    done = command("predict", models / "a", tmp_path / "sources", "--encoding", "utf-99")
    refused(done, 3)
    assert "unknown encoding 'utf-99'" in done.err


BAD_LINES = b"abc\n\ncaf\xe9\n \t \n\tx\ndab\n"  # two that are sources, and four that are none


@pytest.mark.parametrize("name", ["file", "stdin"])
def test_bad_lines_are_told_by_number_and_the_rest_is_done(
    command: Command, models: Path, tmp_path: Path, stdin: Callable[[bytes], None], name: str
) -> None:
    (tmp_path / "sources").write_bytes(BAD_LINES)
    stdin(BAD_LINES)
    where = str(tmp_path / "sources") if name == "file" else "stdin"
    done = command("predict", models / "a", *([where] if name == "file" else []))
    first, last = load(models / "a").predict(["abc", "dab"])
    assert done.code == 3
    assert done.out == f"{first}\n\n\n\n\n{last}\n"
    assert done.err.splitlines() == [
        f"{where}:2: empty, expected a source",
        f"{where}:3: not UTF-8 at byte 4 of the line",
        f"{where}:4: empty, expected a source",
        f"{where}:5: empty, expected a source",
        f"elman: {where}: 4 lines without a prediction, told above; the rest is done",
    ]


def test_with_bad_lines_json_is_still_one_object(command: Command, models: Path, tmp_path: Path) -> None:
    (tmp_path / "sources").write_bytes(BAD_LINES)
    done = command("predict", models / "a", tmp_path / "sources", "--json")
    assert done.code == 3
    told = only_json(done.out)
    assert (told["task"], told["count"]) == ("seq2seq", 6)
    assert [each["line"] for each in told["predictions"]] == [1, 2, 3, 4, 5, 6]
    assert [bool(each["predictions"]) for each in told["predictions"]] == [True, False, False, False, False, True]
    assert told["predictions"][2]["error"] == "not UTF-8 at byte 4 of the line"
    assert "error" not in told["predictions"][0]
    done = command("predict", models / "a", tmp_path / "sources", "--n-best", 1)
    assert [line.split("\t")[0] for line in done.out.splitlines()] == list("123456")
    assert done.out.splitlines()[1] == "2\t\t"


def test_an_empty_file_gives_nothing(command: Command, models: Path, tmp_path: Path) -> None:
    (tmp_path / "sources").touch()
    assert command("predict", models / "a", tmp_path / "sources") == Done(0, "", "")
    assert only_json(command("predict", models / "a", tmp_path / "sources", "--json").out)["count"] == 0


def test_characters_that_were_never_seen_are_told_once_and_do_no_harm(
    command: Command, models: Path, tmp_path: Path
) -> None:
    (tmp_path / "sources").write_text("zab\nyab\nzz\n" + "a" * 3000 + "\n")
    done = command("predict", models / "a", tmp_path / "sources")
    assert done.code == 0
    assert done.err == "the model does not know 'z', 'y'\n"
    assert len(done.out.splitlines()) == 4
    (tmp_path / "many").write_text("fghijklmnopqrstuv\n")
    told = ", ".join(repr(letter) for letter in "fghijklmno")
    assert command("predict", models / "a", tmp_path / "many").err == f"the model does not know {told} and 7 more\n"


def test_n_best_prints_the_line_the_target_and_the_score(command: Command, models: Path, tmp_path: Path) -> None:
    (tmp_path / "sources").write_text("".join(f"{source}\n" for source in SOURCES))
    found = load(models / "a").n_best(SOURCES, beam=4, length_penalty=0.5)
    expected = [f"{number}\t{each.text}\t{each.score:.4f}" for number, best in enumerate(found, 1) for each in best[:3]]
    flags = ["--beam", 4, "--length-penalty", 0.5]
    done = command("predict", models / "a", tmp_path / "sources", *flags, "--n-best", 3)
    assert (done.code, done.out.splitlines()) == (0, expected)
    assert command("predict", models / "a", tmp_path / "sources", *flags).out == "".join(
        f"{best[0].text}\n" for best in found
    )
    alone = command("predict", models / "a", tmp_path / "sources", "--n-best", 2, "--json").json["predictions"]
    for source, best, each in zip(SOURCES, load(models / "a").n_best(SOURCES, beam=2), alone, strict=True):
        assert each["source"] == source
        assert [one["text"] for one in each["predictions"]] == [prediction.text for prediction in best]
        assert [one["log_probability"] for one in each["predictions"]] == [one.log_probability for one in best]
        assert [one["score"] for one in each["predictions"]] == [prediction.score for prediction in best]


def test_attention_is_that_of_what_was_written(command: Command, models: Path, tmp_path: Path) -> None:
    (tmp_path / "sources").write_text("abc\n\n你好\n")
    done = command("predict", models / "a", tmp_path / "sources", "--attention", tmp_path / "looks.json", "--beam", 3)
    assert done.code == 3, "a line is empty"
    told = json.loads((tmp_path / "looks.json").read_text("utf-8"))
    assert [each["line"] for each in told] == [1, 3]
    model = load(models / "a")
    for each, source, text in zip(told, ["abc", "你好"], model.predict(["abc", "你好"], beam=3), strict=True):
        alignment = model.align(source, text)
        assert (each["source"], each["target"]) == (alignment.source, alignment.target)
        np.testing.assert_allclose(each["attention"], alignment.shares, atol=5.1e-6)  # five digits are written


def test_an_ensemble_averages_and_its_order_is_no_matter(command: Command, models: Path, tmp_path: Path) -> None:
    (tmp_path / "sources").write_text("".join(f"{source}\n" for source in SOURCES))
    members = [load(models / name) for name in ("a", "b", "none")]
    expected = "".join(f"{best.text}\n" for best, *_ in Ensemble(members).predict(SOURCES, beam=2))
    others = ["--ensemble", models / "b", "--ensemble", models / "none"]
    done = command("predict", models / "a", tmp_path / "sources", *others, "--beam", 2)
    assert (done.code, done.out) == (0, expected)
    assert expected != written(models / "a", SOURCES, beam=2)


def test_predicting_needs_no_torch(models: Path, pairs: Path, run: Path, tmp_path: Path) -> None:
    import subprocess

    script = (
        "import sys; sys.modules['torch'] = None; from elman.cli import main\n"
        f"for words in (['predict', {str(run)!r}, {str(pairs)!r}], ['evaluate', {str(run)!r}],"
        f" ['evaluate', {str(run)!r}, {str(pairs)!r}, '--columns', '1,2', '--beam', '2']):\n"
        "    sys.argv = ['elman', *words]\n"
        "    assert main() == 0\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("terminal", [True, False])
def test_a_target_never_breaks_its_line_nor_a_terminal(
    command: Command, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    from elman.runtime import Prediction

    monkeypatch.setattr(Ensemble, "predict", lambda *args, **more: [[Prediction("a\r\nb\tc\x1b", -1.0, -2.0, True)]])
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    (tmp_path / "sources").write_text("abc\n")
    shown = "a b c\ufffd" if terminal else "a b c\x1b"
    assert command("predict", models / "a", tmp_path / "sources").out == f"{shown}\n"
    assert command("predict", models / "a", tmp_path / "sources", "--n-best", 1).out == f"1\t{shown}\t-1.0000\n"
    told = command("predict", models / "a", tmp_path / "sources", "--json").json
    assert told["predictions"][0]["predictions"][0]["text"] == "a\r\nb\tc\x1b"


def test_on_a_terminal_each_line_is_answered_as_it_comes(
    command: Command, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered: list[list[str]] = []
    real = Ensemble.predict

    def noted(self: Ensemble, sources: Any, **options: Any) -> Any:
        answered.append(list(sources))
        return real(self, answered[-1], **options)

    class Terminal(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(Ensemble, "predict", noted)
    monkeypatch.setattr(sys, "stdin", Terminal(io.BytesIO(b"abc\ncaf\xe9\ndab\n"), encoding="utf-8"))
    done = command("predict", models / "a")
    assert done.code == 0, done.err
    assert answered == [["abc"], ["caf\ufffd"], ["dab"]]
    assert len(done.out.splitlines()) == 3


def test_ctrl_c_ends_predict_in_a_word_and_keeps_what_was_written(
    command: Command, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = Ensemble.predict, [0]

    def second_stops(self: Ensemble, sources: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] == 2:
            raise KeyboardInterrupt
        return real(self, sources, **options)

    monkeypatch.setattr(Ensemble, "predict", second_stops)
    monkeypatch.setattr(sys.modules["elman.cli.predict.lines"], "CHUNK", 1)
    (tmp_path / "sources").write_text("abc\ndab\n")
    expected = real(Ensemble([load(models / "a")]), ["abc"])[0][0].text
    done = command("predict", models / "a", tmp_path / "sources", "--attention", tmp_path / "looks.json")
    assert (done.code, done.out, done.err) == (130, f"{expected}\n", "elman: interrupted\n")
    assert not (tmp_path / "looks.json").exists()


# evaluate

REFERENCES = [("abc", ["K", "AA B K"]), ("dab", ["T AA B"]), ("e", ["IY", "AA", "B"]), ("cab", ["K AA B"])]


def test_several_references_are_columns_or_repeated_sources(command: Command, models: Path, tmp_path: Path) -> None:
    model = load(models / "a")
    right = model.predict(["abc"])[0]
    references = [(source, [*texts, right]) for source, texts in REFERENCES]
    (tmp_path / "wide.tsv").write_text("".join("\t".join([source, *texts]) + "\n" for source, texts in references))
    long = [f"{source}\t{text}\n" for source, texts in references for text in texts]
    (tmp_path / "long.tsv").write_text("".join(long))
    objects = [json.dumps({"source": source, "target": texts}) + "\n" for source, texts in references]
    (tmp_path / "objects").write_text("".join(objects))
    expected = model.evaluate([Example(source, tuple(texts)) for source, texts in references])
    assert expected["exact_match"] >= 0.25
    for name in ("wide.tsv", "long.tsv", "objects"):
        assert only_json(command("evaluate", models / "a", tmp_path / name, "--json").out) == expected, name
    first = model.evaluate([Example(source, (texts[0],)) for source, texts in references])
    assert command("evaluate", models / "a", tmp_path / "wide.tsv", "--columns", "1,2", "--json").json == first


def test_members_that_may_know_what_is_scored_are_told(
    command: Command, run: Path, pairs: Path, tmp_path: Path
) -> None:
    def trained(name: str, *flags: Any) -> Path:
        done = command("train", "seq2seq", pairs, "-o", tmp_path / name, *TINY, "--seed", 5, *flags)
        assert done.code == 0
        return tmp_path / name

    same, other = trained("same"), trained("other", "--set", "data.split_seed=1")
    alone = {example.source for example in PairCorpus.open(run / "data").valid()}
    assert {example.source for example in PairCorpus.open(same / "data").valid()} == alone, "whatever the run's seed"
    assert {example.source for example in PairCorpus.open(other / "data").valid()} != alone
    quiet, told = (command("evaluate", run, "--ensemble", member) for member in (same, same / "model"))
    assert (quiet.code, told.code) == (0, 0)
    assert "may have been trained on" not in quiet.err
    assert f"{same / 'model'} may have been trained on some of what is scored" in told.err
    assert "may have been trained on" in command("evaluate", run, "--ensemble", other).err


def test_evaluate_takes_a_beam_an_ensemble_and_targets_in_a_file(
    command: Command, models: Path, tmp_path: Path
) -> None:
    examples = [Example(source, (texts[0],)) for source, texts in REFERENCES]
    (tmp_path / "sources").write_text("".join(f"{each.source}\n" for each in examples))
    (tmp_path / "targets").write_text("".join(f"{each.targets[0]}\n" for each in examples))
    files = [tmp_path / "sources", "--target-file", tmp_path / "targets"]
    a, b = load(models / "a"), load(models / "b")
    assert command("evaluate", models / "a", *files, "--beam", 3, "--json").json == a.evaluate(examples, beam=3)
    together = command("evaluate", models / "a", *files, "--ensemble", models / "b", "--json").json
    assert together == Ensemble([a, b]).evaluate(examples)
    assert "loss" not in together, "the figures of several are of what they write"


def test_evaluate_prints_each_figure_on_its_line(command: Command, run: Path) -> None:
    done = command("evaluate", run)
    metrics = load(run).evaluate(PairCorpus.open(run / "data").valid())
    assert (done.code, done.err) == (0, "")
    assert [line.split()[0] for line in done.out.splitlines()] == list(metrics)
    assert f"token_error_rate    {metrics['token_error_rate']:.4f}\n" in done.out


def test_a_model_folder_has_no_held_out_part(command: Command, models: Path) -> None:
    refused(done := command("evaluate", models / "a"), 2)
    assert f"give data: elman evaluate {models / 'a'} FILE" in done.err


# What makes no sense is told before anything is done


def test_a_model_is_asked_for_what_it_can_do(
    command: Command, models: Path, trained: Path, book: Path, tmp_path: Path
) -> None:
    refused(done := command("generate", models / "a", "--prompt", "abc"), 2)
    what = "a model of seq2seq continues nothing"
    assert done.err == f"elman: {what}; elman predict {models / 'a'} FILE\n"
    refused(done := command("predict", trained, book), 2)
    what = "a language model continues text, and turns nothing into something else"
    assert done.err == f'elman: {what}; elman generate {trained} --prompt "..."\n'
    for flags in (["--beam", 3], ["--columns", "1,2"], ["--ensemble", models / "a"], ["--target-file", book]):
        refused(done := command("evaluate", trained, *flags), 2)
        assert done.err == f"elman: {flags[0]} is for seq2seq, given a language model\n"
    for verb in ("predict", "evaluate"):
        refused(done := command(verb, models / "a", book, "--ensemble", trained), 2)
        hint = "name runs that were trained by `elman train seq2seq`"
        assert done.err == f"elman: member 2 of the ensemble is a model of another kind; {hint}\n"


def test_members_that_write_other_tokens_are_refused(command: Command, models: Path, run: Path, tmp_path: Path) -> None:
    refused(done := command("predict", models / "a", "-", "--ensemble", run), 2)
    assert "member 2 of the ensemble writes other tokens than the first; train all members on the same" in done.err


PREDICT_OPTIONS: list[tuple[list[Any], str]] = [
    (["--n-best", 5, "--beam", 2], "--n-best: given 5, expected at most --beam, 2"),
    (["--beam", 0], "--beam"),
    (["--n-best", 0], "--n-best"),
    (["--length-penalty", -1], "--length-penalty"),
    (["--length-penalty", "nan"], "--length-penalty"),
    (["--length-penalty", "inf"], "length_penalty: given inf, expected 0 or more"),
    (["--prompt", "x"], "--prompt"),
]


@pytest.mark.parametrize(("flags", "told"), PREDICT_OPTIONS, ids=lambda value: str(value))
def test_a_wrong_option_of_predict(command: Command, models: Path, tmp_path: Path, flags: list[Any], told: str) -> None:
    (tmp_path / "sources").write_text("abc\n")
    refused(done := command("predict", models / "a", tmp_path / "sources", *flags), 2)
    assert told in done.err


def test_attention_that_cannot_be_had_or_written_is_told_before_the_work(
    command: Command, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sources").write_text("abc\n")
    (tmp_path / "kept.json").write_text("mine")

    def looks(model: str, path: Path) -> str:
        before = tree(tmp_path)
        done = command("predict", models / model, tmp_path / "sources", "--attention", path)
        refused(done, 2)
        assert tree(tmp_path) == before
        return done.err.removeprefix("elman: ")

    hint = "train with --attention dot, general or additive"
    assert looks("none", tmp_path / "looks.json") == f"--attention: the model has none; {hint}\n"
    assert looks("a", tmp_path) == f"{tmp_path}: --attention: is a folder, expected a file to write\n"
    path = tmp_path / "nowhere" / "looks.json"
    assert looks("a", path) == f"{path}: --attention: lies in no folder that is there; make it first\n"
    monkeypatch.setattr(os, "access", lambda path, mode, **more: mode != os.W_OK)  # root may write everything
    for name in ("looks.json", "kept.json"):
        told = f"{tmp_path / name}: --attention: may not be written; check its permissions\n"
        assert looks("a", tmp_path / name) == told


@pytest.mark.parametrize("verb", ["predict", "evaluate"])
def test_data_that_is_not_there(command: Command, models: Path, tmp_path: Path, verb: str) -> None:
    refused(done := command(verb, models / "a", tmp_path / "nowhere.txt"), 3)
    assert f"elman: {tmp_path / 'nowhere.txt'}: no such file" in done.err
    refused(done := command(verb, tmp_path / "nowhere", tmp_path / "nowhere.txt"), 4)
    assert f"elman: {tmp_path / 'nowhere'}: no such folder" in done.err
    (tmp_path / "photo").write_bytes(bytes(range(256)))
    refused(done := command(verb, models / "a", tmp_path / "photo"), 3)
    assert f"{tmp_path / 'photo'}: is not text (it holds zero bytes)" in done.err


COLUMNS = ["2", "1,1", "0,1", "1,2,3", "a,b", "1,", "--1,2", "x"]


@pytest.mark.parametrize("columns", COLUMNS)
def test_wrong_columns_are_a_wrong_option_everywhere(
    command: Command, models: Path, pairs: Path, tmp_path: Path, columns: str
) -> None:
    for words in (["evaluate", models / "a"], ["train", "seq2seq", "-o", tmp_path / "run"]):
        refused(done := command(*words, pairs, f"--columns={columns}"), 2)
        assert "columns" in done.err
        assert ", expected two different numbers from 1: of the source and of the target" in done.err
    assert "data.columns (--columns): given " in done.err
    assert list(tmp_path.iterdir()) == []


EVALUATE_OPTIONS: list[tuple[list[Any], str]] = [
    (["DATA", "--format", "csv"], "format: given 'csv', expected auto, tsv or jsonl"),
    (["DATA", "--format", "jsonl", "--columns", "1,2"], "columns: given for JSON lines, which have none"),
    (["DATA", "--target-file", "DATA", "--columns", "1,2"], "columns and formats are of one file, given a target file"),
    (["DATA", "--target-file", "DATA", "--target-file", "DATA"], "--target-file: given more files than DATA"),
    (["--target-file", "DATA"], "--target-file says how DATA is read, and none is given; elman evaluate"),
    (["--columns", "1,2"], "--columns says how DATA is read, and none is given"),
    (["--format", "tsv"], "--format says how DATA is read, and none is given"),
    (["--encoding", "utf-8"], "--encoding says how DATA is read, and none is given"),
    (["DATA", "--beam", "0"], "--beam"),
]


@pytest.mark.parametrize(("flags", "told"), EVALUATE_OPTIONS, ids=lambda value: str(value))
def test_a_wrong_option_of_evaluate(command: Command, run: Path, pairs: Path, flags: list[str], told: str) -> None:
    refused(done := command("evaluate", run, *(pairs if flag == "DATA" else flag for flag in flags)), 2)
    assert told in done.err


TRAIN_OPTIONS: list[tuple[list[Any], str]] = [
    (["--hidden", "8,8"], "--hidden"),
    (["--hidden", "-3"], "model.hidden_size (--hidden): given -3"),
    (["--cell", "gur"], "model.cell (--cell): unknown cell 'gur'; choose elman, gru, lstm, "),
    (["--attention", "dott"], "model.attention (--attention): given 'dott'"),
    (["--source-level", "letter"], "data.source_level (--source-level): given 'letter'"),
    (["--target-level", "phones"], "data.target_level (--target-level): given 'phones'"),
    (["--normalize", "textbook"], "data.normalize (--normalize): given 'textbook'"),
    (["--format", "csv"], "data.format (--format): given 'csv'"),
    (["--extra-targets", "--columns", "1,2"], "given columns too: choose one"),
    (["--columns", "1,2", "--target-file", "DATA"], "columns and formats are of one file, given a target file too"),
    (["--target-file", "DATA", "--target-file", "DATA"], "target files: given 2 for 1 of sources"),
    (["--valid-target-file", "DATA"], "target files: given 1 for 0 of sources"),
    (["--attention", "none", "--set", "model.input_feeding=true"], "input_feeding feeds what attention gives"),
    (["--bptt", "8"], "--bptt"),
    (["--minutes", "1"], "one budget only, given steps and minutes"),
]


@pytest.mark.parametrize(("flags", "told"), TRAIN_OPTIONS, ids=lambda value: str(value))
def test_a_wrong_option_of_train_leaves_nothing(
    command: Command, pairs: Path, tmp_path: Path, flags: list[Any], told: str
) -> None:
    given = [pairs if flag == "DATA" else flag for flag in flags]
    refused(done := command("train", "seq2seq", pairs, "-o", tmp_path / "run", *TINY, *given), 2)
    assert told in done.err.replace("\n", " "), done.err
    assert list(tmp_path.iterdir()) == []


# Bad data: file:line, what is expected, exit 3, and nothing half-written

GOOD = "".join(f"{source}\t{spelled(source)}\n" for source in dict.fromkeys(letters(30))).encode()
LINE = GOOD.count(b"\n") + 1
BAD_DATA: dict[str, tuple[bytes, str]] = {
    "one_column": (GOOD + b"abc\n", f":{LINE}: has one column, expected SOURCE TAB TARGET; "),
    "a_third_column": (GOOD + b"a\tb\tc\n", f":{LINE}: has 3 columns, expected 2; --extra-targets takes them"),
    "an_empty_source": (GOOD + b"\tB\n", f":{LINE}: has an empty source, expected text; "),
    "an_empty_target": (GOOD + b"b\t\n", f":{LINE}: has an empty target, expected text; "),
    "not_utf8": (GOOD + b"caf\xe9\tK\n", f":{LINE}: not UTF-8 at byte 4 of the line; try --encoding gb18030"),
    "no_text": (bytes(range(256)), ": is not text (it holds zero bytes); expected UTF-8 text"),
    "no_pairs": (b"\n\n", ": holds no pairs, expected some; write SOURCE TAB TARGET, a pair a line"),
    "nothing": (b"", ": holds no pairs, expected some; "),
    "one_source": (b"a\tB\na\tK\n", ": all pairs have one source, expected different ones; "),
    "one_token": (
        b"".join(b"%s\tx\n" % source.encode() for source in dict.fromkeys(letters(30))),
        ": the targets have a vocabulary of 1, expected at least 2 different tokens; ",
    ),
    "broken_json": (b'{"source": "a", "target": "b"}\n{"source": "a"\n', ":2: is not JSON"),
    "json_without_target": (b'{"source": "a", "target": "b"}\n{"source": "a"}\n', ':2: lacks "target"; '),
    "a_damaged_gz": (gzip.compress(GOOD)[:-9], ": a damaged .gz file"),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_bad_pairs_are_told_by_file_and_line_and_leave_nothing(command: Command, tmp_path: Path, name: str) -> None:
    content, told = BAD_DATA[name]
    path = tmp_path / "bad.tsv"
    path.write_bytes(content)
    refused(done := command("train", "seq2seq", path, "-o", tmp_path / "run", *TINY), 3)
    assert done.err.startswith(f"elman: {path}{told}"), done.err
    (tmp_path / "good.tsv").write_bytes(GOOD)
    if name not in ("a_third_column", "one_source", "one_token"):  # which are right in what is held out
        done = command("train", "seq2seq", tmp_path / "good.tsv", "--valid", path, "-o", tmp_path / "run", *TINY)
        refused(done, 3)
        assert str(path) in done.err
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["bad.tsv", "good.tsv"]


def test_files_whose_lines_do_not_pair_up_are_told_by_the_first_line_too_many(
    command: Command, run: Path, tmp_path: Path
) -> None:
    sources, targets = tmp_path / "sources", tmp_path / "targets"
    sources.write_text("a\nb\nc\n")
    targets.write_text("AA\nB\n")
    told = f"{sources}:3: has no counterpart: {sources} has 3 lines, {targets} has 2; "
    for words in (["train", "seq2seq", "-o", tmp_path / "run", sources], ["evaluate", run, sources]):
        refused(done := command(*words, "--target-file", targets), 3)
        assert done.err.startswith(f"elman: {told}")
    targets.write_text("AA\n\nK\n")
    refused(done := command("train", "seq2seq", sources, "-o", tmp_path / "run", "--target-file", targets), 3)
    assert done.err.startswith(f"elman: {targets}:2: has an empty target, expected text; ")
    refused(done := command("train", "seq2seq", sources, "-o", tmp_path / "run", "--target-file", "nowhere"), 3)
    assert done.err.startswith("elman: nowhere: no such file; ")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["sources", "targets"]


def test_pairs_that_cannot_be_scored_are_told(command: Command, models: Path, tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_text("abc\tAA\nabc\n")
    refused(done := command("evaluate", models / "a", tmp_path / "pairs.tsv"), 3)
    assert done.err.startswith(f"elman: {tmp_path / 'pairs.tsv'}:2: has one column, expected SOURCE TAB TARGET; ")
    (tmp_path / "empty.tsv").touch()
    refused(done := command("evaluate", models / "a", tmp_path / "empty.tsv"), 3)
    told = "no pairs to score, expected at least one; give SOURCE TAB TARGET a line"
    assert done.err == f"elman: {tmp_path / 'empty.tsv'}: {told}\n"


def test_an_overwrite_that_fails_leaves_the_old_run(command: Command, pairs: Path, tmp_path: Path) -> None:
    assert command("train", "seq2seq", pairs, "-o", tmp_path / "run", *TINY).code == 0
    (tmp_path / "bad.tsv").write_bytes(GOOD + b"abc\n")
    before = tree(tmp_path)
    done = command("train", "seq2seq", tmp_path / "bad.tsv", "-o", tmp_path / "run", *TINY, "--overwrite")
    refused(done, 3)
    assert tree(tmp_path) == before
