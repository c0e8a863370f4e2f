"""A tagger from the command line: from a user's file to tags, and clear messages for mistakes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from elman.tasks.loading import load
from tests.cli.conftest import TRAIN_KEYS, Command, Done, run_command

TINY = ("--steps", "60", "--hidden", "12", "--characters", "6", "--batch-size", "8", "--lr", "0.02", "--threads", "1")
TAGS = {"the": "DET", "a": "DET", "cat": "NOUN", "dog": "NOUN", "sees": "VERB", "hears": "VERB"}
SENTENCES = [
    [first, one, verb, second, other, str(n)]
    for n in range(4)
    for first, second in (("the", "a"), ("a", "the"))
    for one, other in (("cat", "dog"), ("dog", "cat"))
    for verb in ("sees", "hears")
]
KEYS = {
    *("task", "count", "sentences", "loss", "accuracy", "mean_confidence", "ece"),
    *("unknown_words", "unknown_accuracy", "f1"),
}


def conllu(sentences: list[list[str]]) -> str:
    """Return sentences as CoNLL-U; the tag of a number is NUM."""
    lines = []
    for tokens in sentences:
        lines += [f"{i}\t{token}\t_\t{TAGS.get(token, 'NUM')}" + 6 * "\t_" for i, token in enumerate(tokens, 1)] + [""]
    return "\n".join(["# newdoc", *lines]) + "\n"


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return lambda *arguments: run_command(monkeypatch, capsys, *arguments)


@pytest.fixture(scope="session")
def treebank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tagged") / "cats.conllu"
    path.write_text(conllu(SENTENCES), "utf-8")
    return path


@pytest.fixture(scope="module")
def run(treebank: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder that tests read and never change."""
    from elman.experiment import train
    from elman.training.progress import SilentDisplay

    folder = tmp_path_factory.mktemp("runs") / "run"
    values = {
        "model": {"hidden_size": 12, "character_size": 6},
        "training": {"steps": 60, "batch_size": 8, "learning_rate": 0.02, "threads": 1},
    }
    train([treebank], folder, values, SilentDisplay(), task="tag")
    return folder


def only_json(done: Done) -> dict[str, Any]:
    """Return the JSON object on stdout, which holds nothing else."""
    assert done.out.count("\n") == 1
    return done.json


def test_from_a_file_to_tags(command: Command, run: Path, treebank: Path, tmp_path: Path) -> None:
    config = (run / "config.toml").read_text()
    assert 'task = "tag"' in config
    assert 'level = "word"' in config
    assert "crf = false" in config
    (tmp_path / "new.txt").write_text("the dog sees\n\na cat\n", "utf-8")
    done = command("predict", run, tmp_path / "new.txt")
    blocks = done.out.split("\n\n")
    assert [line.split("\t") for line in blocks[0].splitlines()] == [[w, TAGS[w]] for w in ("the", "dog", "sees")]
    assert blocks[1].splitlines() == ["", "a\tDET", "cat\tNOUN"]
    assert done.code == 3
    assert f"{tmp_path / 'new.txt'}:2: empty; expected a sentence" in done.err
    metrics = only_json(command("evaluate", run, treebank, "--json"))
    assert set(metrics) == KEYS
    assert (metrics["count"], metrics["sentences"]) == (6 * len(SENTENCES), len(SENTENCES))
    assert metrics["accuracy"] > 0.9
    output = command("evaluate", run, treebank).out
    assert f"accuracy            {metrics['accuracy']:.4f}" in output
    assert f"VERB   {metrics['f1']['VERB']:.4f}" in output


def test_training_reports_its_result(command: Command, treebank: Path, tmp_path: Path) -> None:
    done = command("train", "tag", treebank, "-o", tmp_path / "run", *TINY, "--json")
    result = only_json(done)
    assert set(result) == TRAIN_KEYS
    assert set(result["valid"]) == KEYS
    assert only_json(command("evaluate", tmp_path / "run", "--json")) == result["valid"]
    expected = "training set: 28 sentences, 168 tokens; validation set: 4 sentences; 11 different words, 4 tags"
    assert expected in done.err
    inputs = "96 numbers for a token and 12 numbers for its characters"
    assert f"1 x lstm 12, both directions; inputs: {inputs}; dropout 0.5" in done.err
    assert "tags correct" in command("resume", tmp_path / "run").err


def test_every_format_of_sentences_gives_the_same_tags(command: Command, run: Path, tmp_path: Path) -> None:
    sentences = [["the", "dog"], ["a", "cat", "hears"]]
    formats = {
        "lines": "the dog\na cat hears\n",
        "tagged": "the dog\tDET NOUN\na cat hears\tDET NOUN VERB\n",
        "jsonl": "".join(json.dumps({"tokens": tokens}) + "\n" for tokens in sentences),
        "conllu": conllu(sentences),
        "columns": "the\tx\ndog\tx\n\n\na\tx\ncat\tx\nhears\tx",
    }
    model, outputs = load(run), {}
    expected = [  # those of the predicted tags
        p[model.labels.index(tag)]
        for tags, rows_p in zip(model.predict(sentences), model.predict_proba(sentences), strict=True)
        for tag, p in zip(tags, rows_p, strict=True)
    ]
    for name, content in formats.items():
        (tmp_path / name).write_text(content)
        words = {"columns": ["--format", "columns"], "jsonl": ["--output", "lines"]}.get(name, [])
        done = command("predict", run, tmp_path / name, "--probabilities", *words)
        words = ["--format", "columns"] if name == "columns" else []
        assert done.code == 0, done.err
        outputs[name] = done.out
        as_json = only_json(command("predict", run, tmp_path / name, "--probabilities", "--json", *words))
        assert [prediction["tokens"] for prediction in as_json["predictions"]] == sentences
        rows = [line.split("\t") for line in done.out.splitlines() if line]
        assert [tag for _, tag, _ in rows] == [
            tag for prediction in as_json["predictions"] for tag in prediction["tags"]
        ]
        probabilities = [p for prediction in as_json["predictions"] for p in prediction["probabilities"]]
        assert [float(p) for _, _, p in rows] == pytest.approx(probabilities, abs=1e-4)
        assert probabilities == pytest.approx(expected)
        together = [math.prod(prediction["probabilities"]) for prediction in as_json["predictions"]]
        assert [prediction["probability"] for prediction in as_json["predictions"]] == pytest.approx(together)
    assert len(set(outputs.values())) == 1


def test_a_malformed_sentence_is_reported_and_the_others_are_tagged(
    command: Command, run: Path, tmp_path: Path
) -> None:
    good = conllu([["the", "dog"]])
    broken = good.replace("# newdoc\n", "").replace("\n\n", "\n3\tcat\n\n")
    (tmp_path / "some.conllu").write_text(good + broken + good)
    done = command("predict", run, tmp_path / "some.conllu")
    assert done.code == 3
    assert f"{tmp_path / 'some.conllu'}:7: 2 columns; expected ten columns, separated by tabs" in done.err
    assert done.out == "the\tDET\ndog\tNOUN\n\n\nthe\tDET\ndog\tNOUN\n\n"
    (tmp_path / "some.jsonl").write_text('{"tokens": ["the"]}\n{"tokens": "the"}\nno\n')
    done = command("predict", run, tmp_path / "some.jsonl", "--json")
    assert [prediction.get("tags") for prediction in only_json(done)["predictions"]] == [["DET"], None, None]
    assert "some.jsonl:2: the value of 'tokens' is \"the\"; expected a list of text" in done.err
    assert "some.jsonl:3: not JSON" in done.err


def test_predict_skips_the_lines_that_training_skips(command: Command, run: Path, tmp_path: Path) -> None:
    expected = "the\tDET\ndog\tNOUN\n\n"
    files = {
        "comments.conllu": ("# newdoc\n\n" + conllu([["the", "dog"]]), []),
        "start.txt": ("-DOCSTART- x\n\nthe x\ndog x\n", ["--format", "columns"]),
        "second.txt": ("x\tthe\ny\tdog\n", ["--format", "columns", "--words", "2"]),
        "heading.txt": ("# 1 in sales\nthe dog\n", []),
        "brace.txt": ("{sic} dog\nthe dog\n", []),
    }
    for name, (content, words) in files.items():
        (tmp_path / name).write_text(content)
        done = command("predict", run, tmp_path / name, *words)
        assert (done.code, done.out[-len(expected) :]) == (0, expected), name
    assert done.out.count("\n\n") == 2
    for name, content in (("empty.jsonl", '{"tokens": ["the", " "]}\n'), ("empty.txt", "the\tx\n \tx\n")):
        (tmp_path / name).write_text(content)
        words = ["--format", "columns"] if name == "empty.txt" else []
        done = command("predict", run, tmp_path / name, *words)
        assert done.code == 3
        assert "empty token; expected text" in done.err


def test_a_sentence_may_begin_in_one_chunk_and_end_in_the_next(command: Command, run: Path, tmp_path: Path) -> None:
    sentences = [["the", "dog", "sees"]] * 1500  # 6,000 lines: more than are answered together
    (tmp_path / "many.conllu").write_text(conllu(sentences))
    done = command("predict", run, tmp_path / "many.conllu")
    assert done.out == "the\tDET\ndog\tNOUN\nsees\tVERB\n\n" * 1500


def test_sentences_that_violate_the_scheme_are_reported(command: Command, tmp_path: Path) -> None:
    sentence = "Ann B-PER\nLee I-PER\nleft{} O\n\n"
    (tmp_path / "people.txt").write_text("".join(sentence.format(n) for n in range(20)))
    assert command("train", "tag", tmp_path / "people.txt", "-o", tmp_path / "run", *TINY).code == 0
    (tmp_path / "other.txt").write_text("left O\nLee I-PER\n\n" + sentence.format(""))
    done = command("evaluate", tmp_path / "run", tmp_path / "other.txt")
    assert done.code == 0
    assert "the tags of 1 of 2 sentences violate BIO" in done.err
    assert "span_f1" in done.out


def test_chinese_characters_need_no_options(command: Command, tmp_path: Path) -> None:
    phrases = [("银行", "yín háng"), ("行走", "xíng zǒu"), ("走银", "zǒu yín"), ("行行", "háng xíng")] * 8
    lines = [f"{phrase}{'了' * (i % 3)}\t{tags}{' le' * (i % 3)}" for i, (phrase, tags) in enumerate(phrases)]
    (tmp_path / "pinyin.tsv").write_text("\n".join(lines), "utf-8")
    done = command("train", "tag", tmp_path / "pinyin.tsv", "-o", tmp_path / "run", *TINY)
    assert done.code == 0, done.err
    assert 'level = "char"' in (tmp_path / "run" / "config.toml").read_text()
    (tmp_path / "new.txt").write_text("银 行\n走\n", "utf-8")
    tagged = command("predict", tmp_path / "run", tmp_path / "new.txt").out
    rows = [line.split("\t") for line in tagged.splitlines() if line]
    assert [token for token, _ in rows] == ["银", "行", "走"]
    assert (rows[0][1], rows[2][1]) == ("yín", "zǒu")


@pytest.mark.parametrize(
    ("content", "words", "code", "expected"),
    [
        ("a X\nb\n", [], 3, "bad.txt:2: one column; expected 2, as in the lines before"),
        ("# x\n1\ta" + 8 * "\t_" + "\n2\ta\n", [], 3, "bad.txt:3: 2 columns; expected ten"),
        ("a X\nb X\n\nc X\n", [], 3, "bad.txt: all tokens have the tag 'X'; expected two tags or more"),
        ("\n\n", [], 3, "bad.txt: no sentences; expected at least one"),
        ("a\0b", [], 3, "bad.txt:1: a zero byte at position 2 of the line, so this is not text"),
        ("a X\n", ["--column", "pos"], 2, "--column is 'pos'; expected the number of a column, from 1"),
        ("a X\n", ["--level", "byte"], 2, "data.level (--level): given 'byte'; expected word or char"),
        ("a X\n", ["--format", "xml"], 2, "data.format (--format)"),
        ("a X\n", ["--characters", "-1"], 2, "model.character_size (--characters)"),
    ],
)
def test_data_that_cannot_be_used_is_an_error_and_leaves_no_files(
    command: Command, content: str, words: list[str], code: int, expected: str, tmp_path: Path
) -> None:
    (tmp_path / "bad.txt").write_text(content)
    done = command("train", "tag", tmp_path / "bad.txt", "-o", tmp_path / "run", *TINY[2:4], "--steps", "2", *words)
    assert expected in done.err
    assert done.code == code
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.txt"]


def test_a_tag_that_is_not_in_the_training_set_is_an_error_with_its_place(
    command: Command, run: Path, treebank: Path, tmp_path: Path
) -> None:
    (tmp_path / "valid.conllu").write_text(conllu([["the", "cat"]]).replace("NOUN", "INTJ"))
    words = ["-o", tmp_path / "other", "--valid", tmp_path / "valid.conllu", *TINY]
    done = command("train", "tag", treebank, *words)
    assert done.code == 3
    assert "valid.conllu:3: the tag 'INTJ' is not in the training set; expected one of DET, NOUN, NUM, VERB" in done.err
    assert not (tmp_path / "other").exists()
    done = command("evaluate", run, tmp_path / "valid.conllu")
    assert done.code == 3
    assert "valid.conllu:3: the model does not know the tag 'INTJ'; expected one of DET, NOUN, NUM, VERB" in done.err


def test_options_of_other_tasks_are_errors(command: Command, run: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.txt"
    new.write_text("cat\n")
    for words, expected in (
        (["predict", run, new, "--beam", "2"], "--beam: the model is a tagger; expected a model of seq2seq"),
        (["predict", run, new, "--explain"], "--explain: the model is a tagger; expected a model of classify"),
        (
            ["predict", run, new, "--format", "xml"],
            "--format: given 'xml'; expected auto, lines, jsonl, conllu, columns or csv",
        ),
        (["evaluate", run, "--column", "xpos"], "--column: given without DATA; expected DATA, which it describes"),
        (["evaluate", run, new, "--label", "a"], "--label: the model is a tagger; expected a model of classify"),
        (["generate", run], "RUN is a tagger; 'generate' needs a language model"),
    ):
        done = command(*words)
        assert done.code == 2, words
        assert expected in done.err
