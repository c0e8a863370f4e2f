"""`elman evaluate` with encoder-decoders: references, ensembles, parallel files, and mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from elman.tasks.loading import load
from elman.tasks.seq2seq.corpus import Seq2SeqCorpus
from elman.tasks.seq2seq.ensemble import Ensemble
from elman.tasks.seq2seq.readers import Pair
from tests.cli.conftest import Command

from .commands import TINY, check_error, only_json

REFERENCES = [("abc", ["K", "AA B K"]), ("dab", ["T AA B"]), ("e", ["IY", "AA", "B"]), ("cab", ["K AA B"])]


def test_several_targets_are_columns_lists_or_repeated_sources(command: Command, models: Path, tmp_path: Path) -> None:
    model = load(models / "a")
    right = model.predict(["abc"])[0]
    references = [(source, [*texts, right]) for source, texts in REFERENCES]
    (tmp_path / "wide.tsv").write_text("".join("\t".join([source, *texts]) + "\n" for source, texts in references))
    long = [f"{source}\t{text}\n" for source, texts in references for text in texts]
    (tmp_path / "long.tsv").write_text("".join(long))
    objects = [json.dumps({"source": source, "target": texts}) + "\n" for source, texts in references]
    (tmp_path / "objects").write_text("".join(objects))
    expected = model.evaluate([Pair(source, tuple(texts)) for source, texts in references])
    assert expected["exact_match"] >= 0.25
    for name in ("wide.tsv", "long.tsv", "objects"):
        assert only_json(command("evaluate", models / "a", tmp_path / name, "--json").out) == expected, name
    first = model.evaluate([Pair(source, (texts[0],)) for source, texts in references])
    assert command("evaluate", models / "a", tmp_path / "wide.tsv", "--columns", "1,2", "--json").json == first


def test_members_with_another_validation_set_are_reported(command: Command, pairs: Path, tmp_path: Path) -> None:
    levels = ["--source-level", "byte", "--target-level", "byte"]  # one vocabulary for any split

    def train(name: str, *flags: Any) -> Path:
        done = command("train", "seq2seq", pairs, "-o", tmp_path / name, *TINY, *levels, *flags)
        assert done.code == 0
        return tmp_path / name

    def validation_sources(run: Path) -> set[str]:
        return {pair.source for pair in Seq2SeqCorpus.open(run / "data").valid()}

    run, same = train("run"), train("same", "--seed", 5)
    other = train("other", "--set", "data.split_seed=1")
    assert validation_sources(same) == validation_sources(run), "with any seed of the run"
    assert validation_sources(other) != validation_sources(run)
    for member, is_reported in ((same, False), (same / "model", True), (other, True)):
        done = command("evaluate", run, "--ensemble", member)
        assert done.code == 0
        message = f"{member} may have been trained on examples of this validation set"
        assert (message in done.err) is is_reported


def test_evaluate_takes_a_beam_an_ensemble_and_targets_in_a_file(
    command: Command, models: Path, tmp_path: Path
) -> None:
    examples = [Pair(source, (texts[0],)) for source, texts in REFERENCES]
    (tmp_path / "sources").write_text("".join(f"{each.source}\n" for each in examples))
    (tmp_path / "targets").write_text("".join(f"{each.targets[0]}\n" for each in examples))
    files = [tmp_path / "sources", "--target-file", tmp_path / "targets"]
    a, b = load(models / "a"), load(models / "b")
    assert command("evaluate", models / "a", *files, "--beam", 3, "--json").json == a.evaluate(examples, beam=3)
    together = command("evaluate", models / "a", *files, "--ensemble", models / "b", "--json").json
    assert together == Ensemble([a, b]).evaluate(examples)
    assert "loss" not in together, "an ensemble has no loss"


def test_evaluate_prints_each_metric_on_its_line(command: Command, run: Path) -> None:
    done = command("evaluate", run)
    metrics = load(run).evaluate(Seq2SeqCorpus.open(run / "data").valid())
    assert (done.code, done.err) == (0, "")
    assert [line.split()[0] for line in done.out.splitlines()] == list(metrics)
    assert f"token_error_rate    {metrics['token_error_rate']:.4f}\n" in done.out


def test_a_model_folder_has_no_validation_set(command: Command, models: Path) -> None:
    check_error(done := command("evaluate", models / "a"), 2)
    assert f"Give data: elman evaluate {models / 'a'} FILE" in done.err


EVALUATE_OPTIONS: list[tuple[list[Any], str]] = [
    (["DATA", "--format", "xml"], "format: given 'xml'; expected auto, tsv, csv, jsonl or lexicon"),
    (
        ["DATA", "--format", "jsonl", "--columns", "1,2"],
        "given numbers of columns for JSON lines; expected the names of two keys",
    ),
    (
        ["DATA", "--target-file", "DATA", "--columns", "1,2"],
        "--columns: given with a target file; expected one file with both sides",
    ),
    (
        ["DATA", "--target-file", "DATA", "--target-file", "DATA"],
        "--target-file: given 2 files for 1 of DATA; expected one for each",
    ),
    (
        ["--target-file", "DATA"],
        "--target-file: given without DATA; expected DATA, which it describes. Run elman evaluate",
    ),
    (["--columns", "1,2"], "--columns: given without DATA; expected DATA"),
    (["--format", "tsv"], "--format: given without DATA; expected DATA"),
    (["--encoding", "utf-8"], "--encoding: given without DATA; expected DATA"),
    (["DATA", "--beam", "0"], "--beam"),
]


@pytest.mark.parametrize(("flags", "message"), EVALUATE_OPTIONS, ids=lambda value: str(value))
def test_a_wrong_option_of_evaluate_is_an_error(
    command: Command, run: Path, pairs: Path, flags: list[str], message: str
) -> None:
    check_error(done := command("evaluate", run, *(pairs if flag == "DATA" else flag for flag in flags)), 2)
    assert message in done.err


def test_pairs_that_cannot_be_scored_are_an_error(command: Command, models: Path, tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_text("abc\tAA\nabc\n")
    check_error(done := command("evaluate", models / "a", tmp_path / "pairs.tsv"), 3)
    assert done.err.startswith(f"elman: {tmp_path / 'pairs.tsv'}:2: has one column; expected SOURCE TAB TARGET. ")
    (tmp_path / "empty.tsv").touch()
    check_error(done := command("evaluate", models / "a", tmp_path / "empty.tsv"), 3)
    message = "no pairs to score; expected at least one. Write SOURCE TAB TARGET on each line"
    assert done.err == f"elman: {tmp_path / 'empty.tsv'}: {message}\n"
