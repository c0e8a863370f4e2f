"""`elman predict` of taggers reads what training reads, and writes tables back with the tags in a column."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from elman.checkpoint import read_model
from elman.data.layout import Layout
from elman.tasks.loading import load
from elman.tasks.tagger.predictor import TaggerPredictor
from tests.cli.conftest import Command, run_command

TINY = {"steps": 30, "batch_size": 8, "learning_rate": 0.02, "threads": 1}
TAGS = ["PER", "O", "PER"]
SENTENCES = [["Ann", "saw", f"Bob{n % 4}"] for n in range(20)]


def rows_of(template: str, separator: str = "") -> str:
    """Return a row for each token of the first three sentences, with its number, and what stands between sentences."""
    return separator.join(
        "".join(template.format(n=n, token=token, tag=tag) for token, tag in zip(sentence, TAGS, strict=True))
        for n, sentence in enumerate(SENTENCES[:3])
    )


def whole_rows(template: str) -> str:
    return "".join(template.format(n=n, text=" ".join(tokens)) for n, tokens in enumerate(SENTENCES[:3]))


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return lambda *arguments: run_command(monkeypatch, capsys, *arguments)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of a table with a row for each token, which tests never change."""
    from elman.experiment import train
    from elman.training.progress import SilentDisplay

    folder = tmp_path_factory.mktemp("run")
    rows = "".join(f"{n},{token},{tag}\n" for n, s in enumerate(SENTENCES) for token, tag in zip(s, TAGS, strict=True))
    (folder / "train.csv").write_text("id,mots,etiquettes\n" + rows, "utf-8")
    names = {"token_column": "mots", "tag_column": "etiquettes"}
    values = {"data": names, "model": {"hidden_size": 12, "character_size": 6}, "training": TINY}
    train([folder / "train.csv"], folder / "run", values, SilentDisplay(), task="tag")
    return folder / "run"


def with_layout(run: Path, folder: Path, layout: Layout, **columns: Any) -> Path:
    """Return a folder of the same model, as if it were trained on files of another layout."""
    predictor = load(run)
    assert isinstance(predictor, TaggerPredictor)
    predictor.layout = layout
    predictor.reader = type(predictor.reader)(**columns)
    predictor.save(folder / "model")
    return folder / "model"


TABLES = {  # layouts that training reads, with and without tags
    "names of sentences": "sentence_id,words,labels\n" + rows_of("{n},{token},{tag}\n"),
    "without tags": "sentence_id,words\n" + rows_of("{n},{token}\n"),
    "empty tags": "sentence_id,words,labels\n" + rows_of("{n},{token},\n"),
    "semicolons": "sentence_id;words;labels\n" + rows_of("{n};{token};{tag}\n"),
    "declared": "sep=;\nsentence_id;words;labels\n" + rows_of("{n};{token};{tag}\n"),
    "tabs": "sentence_id\twords\tlabels\n" + rows_of("{n}\t{token}\t{tag}\n"),
    "blank lines": "word,tag\n" + rows_of("{token},{tag}\n", "\n"),
    "blank rows": "word,tag\n" + rows_of("{token},{tag}\n", ",\n"),
    "Kaggle": "Sentence #,Word,POS,Tag\n" + rows_of("Sentence: {n},{token},NN,{tag}\n").replace(
        "Sentence: 0,saw", ",saw"
    ).replace("Sentence: 0,Bob", ",Bob"),
    "sentences": "text,labels\n" + whole_rows("{text},PER O PER\n"),
    "sentences without tags": "id,text\n" + whole_rows("{n},{text}\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_a_table_comes_out_with_the_tags(command: Command, run: Path, tmp_path: Path, name: str) -> None:
    model = with_layout(run, tmp_path, Layout(format="csv"))
    (tmp_path / "new.csv").write_text(TABLES[name], "utf-8")
    done = command("predict", model, tmp_path / "new.csv")
    assert (done.code, done.err) == (0, "")
    given, written = TABLES[name].splitlines(), done.out.splitlines()
    separator = ";" if ";" in TABLES[name] else "\t" if "\t" in TABLES[name] else ","
    header = given.index(next(line for line in given if not line.startswith("sep=")))
    assert written[header] == separator.join([given[header], "prediction", "probability"])
    assert [line[: len(row)] for row, line in zip(given, written, strict=True)] == given
    tags = load(run).predict(SENTENCES[:3])
    added = [line.split(separator)[-2:] for line in written[header + 1 :] if line]
    probabilities = [float(probability) for _, probability in added if probability]
    is_sentence = given[header].startswith(("text", "id"))
    expected = [" ".join(of_one) for of_one in tags] if is_sentence else [tag for of_one in tags for tag in of_one]
    assert [prediction for prediction, _ in added if prediction] == expected
    assert len(probabilities) == len(expected)
    assert all(0.0 < probability <= 1.0 for probability in probabilities)


@pytest.mark.parametrize("format", ["auto", "csv"])
def test_the_columns_of_the_training_are_part_of_the_model(
    command: Command,
    run: Path,
    tmp_path: Path,
    format: str,  # noqa: A002
) -> None:
    config = read_model(run / "model").config
    assert (config["reader"]["token_column"], config["layout"]) == (
        "mots",
        {"format": "csv", "columns": [], "row": "token"},
    )
    table = run.parent / "train.csv"
    done = command("predict", run / "model", table, "--format", format)
    assert done.out.startswith("id,mots,etiquettes,prediction,probability\n0,Ann,PER,")
    assert command("evaluate", run / "model", table, "--json").json["sentences"] == len(SENTENCES)
    (tmp_path / "other.csv").write_text("id,words\n1,Ann\n1,saw\n")
    refused = command("predict", run / "model", tmp_path / "other.csv")
    assert (refused.code, refused.out) == (3, "")
    assert "the header has the columns 'id', 'words'; expected 'mots'. Name a column with --words" in refused.err
    named = command("predict", run / "model", tmp_path / "other.csv", "--words", "words")
    assert named.out.startswith("id,words,prediction,probability\n1,Ann,")


def test_the_probability_in_a_row_is_that_of_its_tag_or_of_its_sentence(
    command: Command, run: Path, tmp_path: Path
) -> None:
    predictor = load(run)
    (p,) = predictor.predict_proba([SENTENCES[0]])
    (tags,) = predictor.predict([SENTENCES[0]])
    model = with_layout(run, tmp_path, Layout(format="csv"))
    (tmp_path / "tokens.csv").write_text("word,tag\nAnn,\nsaw,\nBob0,\n\n")
    (tmp_path / "texts.csv").write_text("id,text\n1,Ann saw Bob0\n")
    of_tokens = command("predict", model, tmp_path / "tokens.csv").out.splitlines()[1:4]
    expected = [p[t, predictor.labels.index(tag)] for t, tag in enumerate(tags)]
    assert [float(line.split(",")[-1]) for line in of_tokens] == pytest.approx(expected, abs=6e-5)
    _, row = command("predict", model, tmp_path / "texts.csv").out.splitlines()
    together = float(predictor.predict_with_probabilities([SENTENCES[0]])[0].probability)
    assert float(row.split(",")[-1]) == pytest.approx(together, abs=6e-5)


def test_a_row_that_is_broken_costs_its_sentence_only(command: Command, run: Path, tmp_path: Path) -> None:
    model = with_layout(run, tmp_path, Layout(format="csv"))
    (tmp_path / "new.csv").write_text("sentence_id,words\n1,Ann\n1\n1,saw\n2,Ann\n")
    done = command("predict", model, tmp_path / "new.csv")
    assert done.code == 3
    assert "new.csv:3: has one cell; expected at least 2" in done.err
    rows = done.out.splitlines()[1:]
    assert rows[:3] == ["1,Ann,,", "1,,", "1,saw,,"]
    assert rows[3].startswith("2,Ann,PER,0.")


@pytest.mark.parametrize("cell", ["['Ann', 'saw']", "['Ann' 'saw']", '[""Ann"", ""saw""]'])
def test_a_list_in_a_cell_is_no_sentence(command: Command, run: Path, tmp_path: Path, cell: str) -> None:
    model = with_layout(run, tmp_path, Layout(format="csv", row="sentence"))
    (tmp_path / "new.csv").write_text(f'text,id\n"{cell}",1\n')
    done = command("predict", model, tmp_path / "new.csv")
    assert done.code == 3
    assert "a list; expected words with spaces between them" in done.err


TOKEN_LINES = {
    "tabs": rows_of("{token}\t{tag}\n", "\n"),
    "spaces": rows_of("{token} {tag}\n", "\n"),
    "tags first": "B-PER Ann\nO saw\nB-PER Bob0\n\nB-PER Ann\nO saw\nB-PER Bob1\n\nB-PER Ann\nO saw\nB-PER Bob2\n",
    "more columns": rows_of("{token} x {tag}\n", "\n"),
    "other tags": rows_of("{token}\tNEW\n", "\n"),
    "no tags": rows_of("{token}\n", "\n"),
    "documents": "-DOCSTART- O\n\n" + rows_of("{token} {tag}\n", "\n"),
    "conllu": "\n".join(
        "".join(f"{number}\t{token}" + 8 * "\t_" + "\n" for number, token in enumerate(sentence, 1))
        for sentence in SENTENCES[:3]
    ),
}


@pytest.mark.parametrize("name", TOKEN_LINES)
@pytest.mark.parametrize("trained", ["columns", "conllu"])
def test_a_token_on_each_line_is_no_sentence(
    command: Command, run: Path, tmp_path: Path, name: str, trained: str
) -> None:
    model = with_layout(run, tmp_path, Layout(format=trained))
    (tmp_path / "new.txt").write_text(TOKEN_LINES[name], "utf-8")
    done = command("predict", model, tmp_path / "new.txt")
    assert (done.code, done.err) == (0, "")
    tags = load(run).predict(SENTENCES[:3])
    blocks = done.out.removesuffix("\n\n").split("\n\n")
    expected = ["\n".join(map("\t".join, zip(s, t, strict=True))) for s, t in zip(SENTENCES, tags, strict=False)]
    assert blocks == expected


@pytest.mark.parametrize("layout", [Layout(), Layout(format="lines"), Layout(format="csv")])
def test_columns_with_tags_of_the_model_are_known_by_them(
    command: Command, run: Path, tmp_path: Path, layout: Layout
) -> None:
    model = with_layout(run, tmp_path, layout)
    (tmp_path / "new.txt").write_text(TOKEN_LINES["spaces"], "utf-8")
    assert command("predict", model, tmp_path / "new.txt").out.startswith("Ann\tPER\nsaw\t")


def test_columns_with_tags_of_the_model_before_the_tokens_are_known_by_them(
    command: Command, run: Path, tmp_path: Path
) -> None:
    predictor = load(run)
    assert isinstance(predictor, TaggerPredictor)
    predictor.labels, predictor.layout = tuple({"PER": "B-PER"}.get(tag, tag) for tag in predictor.labels), Layout()
    predictor.save(tmp_path / "model")
    (tmp_path / "new.txt").write_text("B-PER Ann\nO saw\nB-PER Bob0\n")
    rows = command("predict", tmp_path / "model", tmp_path / "new.txt").out.splitlines()
    assert [row.split("\t")[0] for row in rows if row] == ["Ann", "saw", "Bob0"]


@pytest.mark.parametrize(
    ("trained", "line", "words"),
    [
        ("lines", "Ann/PER saw/O", ["Ann", "saw"]),
        ("lines", "Ann_PER saw_O", ["Ann", "saw"]),
        ("lines", "and/or he/she", ["and/or", "he/she"]),
        ("csv", "Ann/PER saw/O", ["Ann/PER", "saw/O"]),
    ],
)
def test_tags_that_are_joined_to_words_are_no_part_of_them(
    command: Command, run: Path, tmp_path: Path, trained: str, line: str, words: list[str]
) -> None:
    model = with_layout(run, tmp_path, Layout(format=trained))
    (tmp_path / "new.txt").write_text(line + "\n")
    rows = command("predict", model, tmp_path / "new.txt").out.splitlines()
    assert [row.split("\t")[0] for row in rows if row] == words


@pytest.mark.parametrize("text", ["Ann saw Bob\nBob saw\n", "Ann saw\nBob left\n", "one\ntwo\n", "Ann, saw\n"])
@pytest.mark.parametrize("trained", ["columns", "csv", "jsonl", None])
def test_plain_lines_stay_sentences(
    command: Command, run: Path, tmp_path: Path, text: str, trained: str | None
) -> None:
    model = with_layout(run, tmp_path, Layout(format=trained))
    (tmp_path / "new.txt").write_text(text)
    done = command("predict", model, tmp_path / "new.txt")
    blocks = done.out.removesuffix("\n\n").split("\n\n")
    assert [[line.split("\t")[0] for line in block.splitlines()] for block in blocks] == [
        line.split() for line in text.splitlines()
    ]


@pytest.mark.parametrize("form", ["lines", "array", "one line"])
def test_objects_have_the_keys_of_the_training(command: Command, run: Path, tmp_path: Path, form: str) -> None:
    model = with_layout(run, tmp_path, Layout(format="jsonl"), token_column="words", tag_column="labels")
    objects = [{"id": n, "words": tokens} for n, tokens in enumerate(SENTENCES[:3])]
    lines = [json.dumps(value) for value in objects]
    content = {"lines": "\n".join(lines), "array": "[\n" + ",\n".join(lines) + "\n]", "one line": json.dumps(objects)}
    (tmp_path / "new.json").write_text(content[form])
    done = command("predict", model, tmp_path / "new.json")
    assert (done.code, done.err) == (0, "")
    values = [json.loads(line) for line in done.out.splitlines()]
    assert [value["prediction"] for value in values] == load(run).predict(SENTENCES[:3])
    assert [{"id": value["id"], "words": value["words"]} for value in values] == objects
    assert "\t" in command("predict", model, tmp_path / "new.json", "--output", "lines").out
    other = command("predict", model, tmp_path / "new.json", "--words", "tokens")
    assert other.code == 3
    assert "no key 'tokens'; expected a list of text. --words names another key" in other.err


@pytest.mark.parametrize("content", ['[["Ann saw", {"entities": []}]]', '["Ann saw", "Bob"]', '["Ann"]\n["Bob"]\n'])
def test_an_array_of_other_things_is_refused(command: Command, run: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "new.json").write_text(content)
    done = command("predict", run, tmp_path / "new.json")
    assert (done.code, done.out) == (3, "")


def test_a_folder_of_before_has_no_layout_and_is_loaded(run: Path, tmp_path: Path) -> None:
    from elman.checkpoint import ModelFolder, write_model

    model = read_model(run / "model")
    config = {name: part for name, part in model.config.items() if name not in ("layout", "reader")}
    write_model(tmp_path / "old", ModelFolder(config, model.tensors, model.vocabularies))
    predictor = load(tmp_path / "old")
    assert (predictor.layout, predictor.reader.token_column) == (Layout(), None)
    assert predictor.predict(SENTENCES[:2]) == load(run).predict(SENTENCES[:2])
