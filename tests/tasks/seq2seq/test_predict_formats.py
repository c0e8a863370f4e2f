"""`elman predict` of encoder-decoders reads the sources of the files that training reads, and nothing else of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from elman.checkpoint import ModelFolder, read_model, write_model
from elman.data.layout import Layout
from elman.tasks.loading import load
from elman.tasks.seq2seq.config import Seq2SeqReaderConfig
from tests.cli.conftest import Command

from .commands import SOURCES, TINY, pairs_of

ENTRIES = sorted({source: target for source, target in pairs_of(60) if len(source) > 2}.items())
WORDS = [word for word, _ in ENTRIES]
TEMPLATES = {  # of dictionaries
    "CMUdict": ";;; a comment\n;;; another one\n{}",
    "spaces": "{word} {phones}\n",
    "tabs": "{word}\t{phones}\n",
    "lexiconp": "{word} 0.5 {phones}\n",
    "silprob": "{word} 1.0 0.5 1.2 0.9 {phones}\n",
    "MFA": "{word}\t0.99\t{phones}\n",
}


def dictionary(name: str, count: int | None = None) -> str:
    template = TEMPLATES["spaces"] if name == "CMUdict" else TEMPLATES[name]
    entries = "".join(template.format(word=word, phones=phones) for word, phones in ENTRIES[:count])
    return TEMPLATES[name].format(entries) if name == "CMUdict" else entries


@pytest.fixture(scope="module")
def lexicon_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of a pronouncing dictionary, which tests never change."""
    from elman.experiment import train
    from elman.training.progress import SilentDisplay

    folder = tmp_path_factory.mktemp("lexicon")
    (folder / "cmu.dict").write_text(dictionary("CMUdict"))
    values = {
        "model": {"hidden_size": 8, "embedding_size": 6},
        "training": {"steps": 3, "batch_size": 8, "threads": 1},
    }
    train([folder / "cmu.dict"], folder / "run", values, SilentDisplay(), task="seq2seq")
    return folder / "run"


def sources_of(done: Any) -> list[str]:
    return [prediction["source"] for prediction in done.json["predictions"]]


def with_layout(run: Path, folder: Path, layout: Layout) -> Path:
    """Return a folder of the same model, as if it were trained on files of another layout."""
    predictor = load(run)
    predictor.layout = layout
    predictor.save(folder / "model")
    return folder / "model"


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("count", [3, None])
def test_the_words_of_a_dictionary_are_the_sources(
    command: Command, lexicon_run: Path, tmp_path: Path, name: str, count: int | None
) -> None:
    assert load(lexicon_run).layout == Layout(format="lexicon")
    (tmp_path / "new.dict").write_text(dictionary(name, count))
    for options in ((), ("--format", "lexicon")):
        done = command("predict", lexicon_run / "model", tmp_path / "new.dict", "--json", *options)
        assert (done.code, sources_of(done)) == (0, WORDS[:count])


def test_variants_of_a_word_are_that_word(command: Command, lexicon_run: Path, tmp_path: Path) -> None:
    (tmp_path / "new.dict").write_text("bad  B AA T\nbad(1)  B AA T # rare\n\n")
    assert sources_of(command("predict", lexicon_run, tmp_path / "new.dict", "--json")) == ["bad", "bad"]


@pytest.mark.parametrize("content", ["bad\ncab\n", "new york\nbad\n", "a b c\nd e\n"])
def test_lists_of_words_stay_lines(command: Command, lexicon_run: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "words.txt").write_text(content)
    assert sources_of(command("predict", lexicon_run, tmp_path / "words.txt", "--json")) == content.splitlines()


def test_only_a_model_of_dictionaries_takes_words_before_symbols(
    command: Command, lexicon_run: Path, tmp_path: Path
) -> None:
    model = with_layout(lexicon_run, tmp_path, Layout(format="table"))
    (tmp_path / "new.txt").write_text(dictionary("spaces"))
    sources = sources_of(command("predict", model, tmp_path / "new.txt", "--json"))
    assert sources == dictionary("spaces").splitlines()


@pytest.mark.parametrize(
    ("layout", "expected"),
    [(Layout(format="parallel"), "red\tcat"), (Layout(format="table"), "red"), (Layout(), "red")],
)
def test_a_tab_ends_the_source_unless_the_model_was_trained_on_parallel_files(
    command: Command, models: Path, tmp_path: Path, layout: Layout, expected: str
) -> None:
    model = with_layout(models / "a", tmp_path, layout)
    (tmp_path / "new.txt").write_text("red\tcat\n")
    assert sources_of(command("predict", model, tmp_path / "new.txt", "--json")) == [expected]


def test_parallel_files_are_a_layout(command: Command, tmp_path: Path) -> None:
    for name, number in (("source.txt", 0), ("target.txt", 1)):
        (tmp_path / name).write_text("".join(f"{pair[number]}\n" for pair in pairs_of(40)))
    files = (tmp_path / "source.txt", "--target-file", tmp_path / "target.txt")
    assert command("train", "seq2seq", *files, "-o", tmp_path / "run", *TINY).code == 0
    assert load(tmp_path / "run" / "model").layout == Layout(format="parallel")


@pytest.mark.parametrize("indent", [None, 0, 2])
def test_an_array_of_objects_comes_out_as_lines(
    command: Command, models: Path, tmp_path: Path, indent: int | None
) -> None:
    objects = [{"source": source, "target": "AA", "n": n} for n, source in enumerate(SOURCES)]
    (tmp_path / "in.json").write_text(json.dumps(objects, indent=indent))
    done = command("predict", models / "a", tmp_path / "in.json")
    values = [json.loads(line) for line in done.out.splitlines()]
    assert [value["prediction"] for value in values] == load(models / "a").predict(SOURCES)
    assert [{key: value[key] for key in objects[0]} for value in values] == objects
    assert command("evaluate", models / "a", tmp_path / "in.json", "--json").json["count"] == len(SOURCES)


@pytest.mark.parametrize("content", ['["abc", "dab"]', '[["abc", "AA"]]', '[\n ["abc", "AA"]\n]'])
def test_an_array_of_other_things_is_refused(command: Command, models: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "in.json").write_text(content)
    done = command("predict", models / "a", tmp_path / "in.json")
    assert (done.code, done.out) == (3, "")


@pytest.mark.parametrize("name", ["new.csv", "new.tsv"])
def test_predict_and_evaluate_agree_on_tables_without_a_header(
    command: Command, models: Path, tmp_path: Path, name: str
) -> None:
    separator = "," if name.endswith("csv") else "\t"
    (tmp_path / name).write_text("".join(f"{source}{separator}AA\n" for source in SOURCES))
    assert sources_of(command("predict", models / "a", tmp_path / name, "--json")) == SOURCES
    assert command("evaluate", models / "a", tmp_path / name, "--json").json["count"] == len(SOURCES)


def test_a_folder_of_before_has_no_layout_and_is_loaded(models: Path, tmp_path: Path) -> None:
    model = read_model(models / "a")
    config = {name: part for name, part in model.config.items() if name not in ("layout", "reader")}
    write_model(tmp_path / "old", ModelFolder(config, model.tensors, model.vocabularies))
    predictor = load(tmp_path / "old")
    assert (predictor.layout, predictor.reader) == (Layout(), Seq2SeqReaderConfig())
    assert predictor.predict(SOURCES) == load(models / "a").predict(SOURCES)
