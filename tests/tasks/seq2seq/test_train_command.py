"""`elman train seq2seq`: options reach the config, all forms of pairs give the same model, and mistakes are errors."""

from __future__ import annotations

import gzip
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from elman.tasks.seq2seq.corpus import Seq2SeqCorpus
from tests.cli.conftest import TRAIN_KEYS, Command

from .commands import TINY, check_error, files_of, only_json, random_words, target_of


def test_train_describes_the_run_on_stderr_and_the_next_commands(command: Command, pairs: Path, tmp_path: Path) -> None:
    done = command("train", "seq2seq", pairs, "-o", tmp_path / "run", *TINY)
    assert (done.code, done.out) == (0, "")
    assert "sources: 5 different characters; targets: 5 different words\n" in done.err
    assert "encoder 1 x lstm 8, both directions; decoder 1 x lstm 8, attention dot" in done.err
    assert f"model: {tmp_path / 'run' / 'model'}\n" in done.err
    assert done.err.splitlines()[-1].startswith(f"next: elman predict {tmp_path / 'run'} sources.txt")
    assert "\x1b" not in done.err


def test_train_json_has_the_metrics_that_evaluate_gives_for_the_validation_set(
    command: Command, pairs: Path, tmp_path: Path
) -> None:
    done = command("train", "seq2seq", pairs, "-o", tmp_path / "run", *TINY, "--json")
    printed = only_json(done.out)
    assert set(printed) == TRAIN_KEYS
    assert (printed["task"], printed["steps"]) == ("seq2seq", 3)
    rates = {"task", "count", "loss", "exact_match", "sequence_error_rate", "token_error_rate"}
    rates |= {"mean_confidence", "ece"}
    assert rates <= set(printed["valid"]) <= rates | {"bleu", "chrf"}
    assert only_json(command("evaluate", tmp_path / "run", "--json").out) == printed["valid"]
    assert only_json(command("resume", tmp_path / "run", "--json").out)["valid"] == printed["valid"]


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
    corpus = Seq2SeqCorpus.open(tmp_path / "run" / "data")
    assert "I" not in corpus.target_vocabulary
    assert "a" in corpus.target_vocabulary


def test_every_form_of_the_same_pairs_gives_the_same_model(
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
    forms: list[list[Any]] = [
        [tmp_path / "sources", "--target-file", tmp_path / "targets"],
        [tmp_path / "pairs.tsv.gz"],
        [tmp_path / "turned.tsv", "--columns", "3,1"],
        [tmp_path / "pairs.jsonl"],
        ["-"],
    ]
    expected = (run / "model" / "model.safetensors").read_bytes()
    for number, form in enumerate(forms):
        done = command("train", "seq2seq", *form, "-o", tmp_path / str(number), *TINY)
        assert done.code == 0, done.err
        assert (tmp_path / str(number) / "model" / "model.safetensors").read_bytes() == expected, form


def test_sources_that_are_in_both_sets_are_reported_with_their_count(
    command: Command, pairs: Path, tmp_path: Path
) -> None:
    known = list(dict.fromkeys(random_words(300)))[:3]
    validation = [*known, "abcdeabcde", "edcbaedcba"]
    (tmp_path / "valid.tsv").write_text("".join(f"{source}\t{target_of(source)}\n" for source in validation))
    (tmp_path / "sources").write_text("".join(f"{source}\n" for source in validation))
    (tmp_path / "targets").write_text("".join(f"{target_of(source)}\n" for source in validation))
    by_columns = ["--valid", tmp_path / "valid.tsv"]
    by_files = ["--valid", tmp_path / "sources", "--valid-target-file", tmp_path / "targets"]
    scores = []
    for number, files in enumerate((by_columns, by_files)):
        done = command("train", "seq2seq", pairs, "-o", tmp_path / str(number), *TINY, *files, "--json")
        assert done.code == 0, done.err
        assert "3 of the 5 sources of the validation set are in the training set too\n" in done.err
        scores.append(done.json["valid"])
    assert scores[0] == scores[1]
    assert scores[0]["count"] == 5


def test_extra_targets_are_further_pairs_and_an_error_without_the_option(command: Command, tmp_path: Path) -> None:
    lines = [f"{source}\t{target_of(source)}\tAA AA" for source in dict.fromkeys(random_words(40))]
    (tmp_path / "pairs.tsv").write_text("\n".join(lines) + "\n")
    done = command("train", "seq2seq", tmp_path / "pairs.tsv", "-o", tmp_path / "run", *TINY)
    check_error(done, 3)
    hint = "Use --extra-targets to train on all of them, or --columns 1,2 to ignore the others"
    assert done.err == f"elman: {tmp_path / 'pairs.tsv'}:1: has 3 columns; expected 2. {hint}\n"
    assert not (tmp_path / "run").exists()
    counts = []
    for name, flags in (("all", ["--extra-targets"]), ("two", ["--columns", "1,2"])):
        done = command("train", "seq2seq", tmp_path / "pairs.tsv", "-o", tmp_path / name, *TINY, *flags)
        assert done.code == 0, done.err
        counts.append(Seq2SeqCorpus.open(tmp_path / name / "data").train_set.count)
    assert counts[0] == 2 * counts[1]


COLUMNS = ["2", "1,1", "0,1", "1,2,3", "a,a", "1,", "1,b", "x"]


@pytest.mark.parametrize("columns", COLUMNS)
def test_wrong_columns_are_an_error_of_every_command(
    command: Command, models: Path, pairs: Path, tmp_path: Path, columns: str
) -> None:
    for words in (["evaluate", models / "a"], ["train", "seq2seq", "-o", tmp_path / "run"]):
        check_error(done := command(*words, pairs, f"--columns={columns}"), 2)
        assert "columns" in done.err
        assert "; expected two different numbers from 1, or names, of source and target" in done.err
    assert "data.columns (--columns): given " in done.err
    assert list(tmp_path.iterdir()) == []


TRAIN_OPTIONS: list[tuple[list[Any], str]] = [
    (["--hidden", "8,8"], "--hidden"),
    (["--hidden", "-3"], "model.hidden_size (--hidden): given -3"),
    (["--cell", "gur"], "model.cell (--cell): unknown cell 'gur'; choose elman, gru, lstm, "),
    (["--attention", "dott"], "model.attention (--attention): given 'dott'"),
    (["--source-level", "letter"], "data.source_level (--source-level): given 'letter'"),
    (["--target-level", "phones"], "data.target_level (--target-level): given 'phones'"),
    (["--normalize", "textbook"], "data.normalize (--normalize): given 'textbook'"),
    (["--format", "xml"], "data.format (--format): given 'xml'"),
    (["--extra-targets", "--columns", "1,2"], "given columns and extra_targets, which reads all columns"),
    (
        ["--columns", "1,2", "--target-file", "DATA"],
        "--columns: given with a target file; expected one file with both sides",
    ),
    (
        ["--target-file", "DATA", "--target-file", "DATA"],
        "--target-file: given 2 files for 1 of DATA; expected one for each",
    ),
    (["--valid-target-file", "DATA"], "--valid-target-file: given 1 file for 0 of --valid; expected one for each"),
    (
        ["--attention", "none", "--set", "model.input_feeding=true"],
        "given input_feeding with attention none; expected attention",
    ),
    (["--bptt", "8"], "--bptt"),
    (["--minutes", "1"], "given steps and minutes; expected only one of"),
]


@pytest.mark.parametrize(("flags", "message"), TRAIN_OPTIONS, ids=lambda value: str(value))
def test_a_wrong_option_of_train_is_an_error_and_leaves_no_files(
    command: Command, pairs: Path, tmp_path: Path, flags: list[Any], message: str
) -> None:
    arguments = [pairs if flag == "DATA" else flag for flag in flags]
    check_error(done := command("train", "seq2seq", pairs, "-o", tmp_path / "run", *TINY, *arguments), 2)
    assert message in done.err.replace("\n", " "), done.err
    assert list(tmp_path.iterdir()) == []


GOOD = "".join(f"{source}\t{target_of(source)}\n" for source in dict.fromkeys(random_words(30))).encode()
LINE = GOOD.count(b"\n") + 1
BAD_DATA: dict[str, tuple[bytes, str]] = {
    "one_column": (GOOD + b"abc\n", f":{LINE}: has one column; expected SOURCE TAB TARGET. "),
    "a_third_column": (GOOD + b"a\tb\tc\n", f":{LINE}: has 3 columns; expected 2. Use --extra-targets to train on"),
    "an_empty_source": (GOOD + b"\tB\n", f":{LINE}: has an empty source; expected text. "),
    "an_empty_target": (GOOD + b"b\t\n", f":{LINE}: has an empty target; expected text. "),
    "not_utf8": (GOOD + b"caf\xe9\tK\n", f":{LINE}: not UTF-8 at byte 4 of the line. Try --encoding cp1252"),
    "no_text": (bytes(range(256)), ":1: a zero byte at position 1 of the line, so this is not text; expected text"),
    "no_pairs": (b"\n\n", ": has no pairs; expected some. Write SOURCE TAB TARGET on each line"),
    "nothing": (b"", ": has no pairs; expected some. "),
    "one_source": (b"a\tB\na\tK\n", ": all pairs have the same source; expected different sources. "),
    "one_token": (
        b"".join(b"%s\tx\n" % source.encode() for source in dict.fromkeys(random_words(30))),
        ": the targets have 1 different token in the vocabulary; expected at least 2. ",
    ),
    "broken_json": (b'{"source": "a", "target": "b"}\n{"source": "a"\n', ":2: not JSON"),
    "json_without_target": (
        b'{"source": "a", "target": "b"}\n{"source": "a"}\n',
        ':2: no key "target" in the object, which has "source". ',
    ),
    "a_damaged_gz": (gzip.compress(GOOD)[:-9], ": the .gz file is damaged"),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_data_that_cannot_be_used_is_an_error_with_its_place_and_leaves_no_files(
    command: Command, tmp_path: Path, name: str
) -> None:
    content, message = BAD_DATA[name]
    path = tmp_path / "bad.tsv"
    path.write_bytes(content)
    check_error(done := command("train", "seq2seq", path, "-o", tmp_path / "run", *TINY), 3)
    assert done.err.startswith(f"elman: {path}{message}"), done.err
    (tmp_path / "good.tsv").write_bytes(GOOD)
    if name not in ("a_third_column", "one_source", "one_token"):  # they are allowed in the validation set
        done = command("train", "seq2seq", tmp_path / "good.tsv", "--valid", path, "-o", tmp_path / "run", *TINY)
        check_error(done, 3)
        assert str(path) in done.err
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["bad.tsv", "good.tsv"]


def test_parallel_files_of_different_lengths_are_an_error_with_the_first_additional_line(
    command: Command, run: Path, tmp_path: Path
) -> None:
    sources, targets = tmp_path / "sources", tmp_path / "targets"
    sources.write_text("a\nb\nc\n")
    targets.write_text("AA\nB\n")
    message = f"{sources}:3: has no counterpart: {sources} has 3 lines, {targets} has 2. "
    for words in (["train", "seq2seq", "-o", tmp_path / "run", sources], ["evaluate", run, sources]):
        check_error(done := command(*words, "--target-file", targets), 3)
        assert done.err.startswith(f"elman: {message}")
    check_error(done := command("train", "seq2seq", sources, "-o", tmp_path / "run", "--target-file", "nowhere"), 3)
    assert done.err.startswith("elman: nowhere: no such file. ")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["sources", "targets"]


def test_an_overwrite_that_fails_keeps_the_old_run(command: Command, pairs: Path, tmp_path: Path) -> None:
    assert command("train", "seq2seq", pairs, "-o", tmp_path / "run", *TINY).code == 0
    (tmp_path / "bad.tsv").write_bytes(GOOD + b"abc\n")
    before = files_of(tmp_path)
    done = command("train", "seq2seq", tmp_path / "bad.tsv", "-o", tmp_path / "run", *TINY, "--overwrite")
    check_error(done, 3)
    assert files_of(tmp_path) == before
