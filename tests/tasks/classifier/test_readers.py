"""Readers of labelled texts: every format gives the same examples, and errors name their place."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data.sources import ParallelFiles
from elman.errors import ConfigError, DataError
from elman.tasks.classifier.config import ClassifierReaderConfig
from elman.tasks.classifier.readers import ClassFolder, LabelledText, MemoryTexts, label_of, open_source

EXPECTED = [("a b", "x"), ('say "hi", 你', "y"), ("c", "x")]
FORMATS = {
    "tsv": 'label\ttext\nx\ta b\n\ny\t say "hi", 你 \nx\tc\n',
    "csv": 'label,text,more\nx,a b,1\n\ny,"say ""hi"", 你",2\nx, c ,3\n',
    "jsonl": "\n".join(json.dumps({"text": text, "label": label, "more": 1}) for text, label in EXPECTED) + "\n\n",
}


def read(path: Path, content: str, **reader: Any) -> list[LabelledText]:
    path.write_text(content, "utf-8")
    return list(open_source(path, ClassifierReaderConfig(**reader), lambda message: None).examples())


def error_of(path: Path, content: str, **reader: Any) -> str:
    with pytest.raises(DataError) as raised:
        read(path, content, **reader)
    return str(raised.value).replace(str(path), "FILE")


def pairs(texts: list[LabelledText]) -> list[tuple[str, str]]:
    return [(example.text, example.label) for example in texts]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_detected_and_gives_the_same_texts(name: str, tmp_path: Path) -> None:
    path = tmp_path / "data"
    assert pairs(read(path, FORMATS[name])) == EXPECTED
    assert pairs(read(path, FORMATS[name], format=name)) == EXPECTED
    assert [example.where for example in read(path, FORMATS["tsv"])] == [f"{path}:2", f"{path}:4", f"{path}:5"]


def test_columns_have_names_and_a_table_without_a_header_gets_them(tmp_path: Path) -> None:
    path, expected = tmp_path / "data", [("a b", "x"), ("c", "y")]
    columns = {"text_column": "message", "label_column": "kind"}
    assert pairs(read(path, "kind,message\nx,a b\ny,c\n", **columns)) == expected
    assert pairs(read(path, '{"message": "a b", "kind": "x"}\n{"message": "c", "kind": "y"}\n', **columns)) == expected
    bare = {"columns": ("label", "text")}
    assert pairs(read(path, "x\ta b\ny\tc\n", **bare)) == expected
    assert pairs(read(path, "x,a b\ny,c\n", **bare)) == expected
    assert pairs(read(path, "text\tlabel\n", columns=("text", "label"))) == [("text", "label")]


def test_labels_that_are_numbers_are_text(tmp_path: Path) -> None:
    lines = '{"text": "a", "label": 1}\n{"text": "b", "label": true}\n{"text": "c", "label": 0.5}\n'
    numbers: Any = [("a", np.int64(1)), ("b", True)]
    assert pairs(read(tmp_path / "data", lines)) == [("a", "1"), ("b", "true"), ("c", "0.5")]
    assert pairs(list(MemoryTexts(numbers).examples())) == [("a", "1"), ("b", "True")]


def test_a_cell_of_csv_may_have_several_lines_and_places_stay_right(tmp_path: Path) -> None:
    path = tmp_path / "data"
    texts = read(path, 'label,text\nx,"one\ntwo, three"\ny,four\n')
    assert pairs(texts) == [("one\ntwo, three", "x"), ("four", "y")]
    assert [example.where for example in texts] == [f"{path}:2", f"{path}:4"]
    assert pairs(read(path, 'x\t"one\ny\ttwo"\n', columns=("label", "text"))) == [('"one', "x"), ('two"', "y")]


cells = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).map(str.strip).filter(bool)


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=8))
def test_tables_that_the_csv_module_writes_are_read(
    rows: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["text", "label"])
    writer.writerows(rows)
    path = tmp_path_factory.getbasetemp() / "rows.csv"
    assert pairs(read(path, stream.getvalue(), format="csv")) == rows


def test_a_folder_has_one_file_for_each_class(tmp_path: Path) -> None:
    folder = tmp_path / "names"
    folder.mkdir()
    (folder / "French.txt").write_text("Abel\n\n  Zoé \n", "utf-8")
    (folder / ".hidden").write_text("no\n")
    with gzip.open(folder / "中文.txt.gz", "wt", encoding="utf-8") as stream:
        stream.write("王\n")
    source = ClassFolder(folder)
    source.check()
    opened = list(open_source(folder, ClassifierReaderConfig(), lambda message: None).examples())
    texts = list(source.examples())
    assert pairs(texts) == [("Abel", "French"), ("Zoé", "French"), ("王", "中文")] == pairs(opened)
    assert texts[1].where == f"{folder / 'French.txt'}:3"
    files = [(folder / name).read_bytes() for name in ("French.txt", "中文.txt.gz")]
    hashes = "".join(
        f"{label}\t{hashlib.sha256(content).hexdigest()}\n"
        for label, content in zip(("French", "中文"), files, strict=True)
    )
    record = source.record
    assert (record.bytes, record.sha256) == (sum(map(len, files)), hashlib.sha256(hashes.encode()).hexdigest())
    assert label_of(Path("a/b.c.txt.gz")) == "b.c"


def test_an_empty_folder_and_two_files_of_one_class_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the folder is empty; expected files\. Put one file for each class"):
        ClassFolder(tmp_path).check()
    (tmp_path / "a.txt").write_text("x\n")
    (tmp_path / "a.csv").write_text("y\n")
    with pytest.raises(DataError, match="the folder contains several files of one class; expected one"):
        ClassFolder(tmp_path)
    (tmp_path / "pos").mkdir()
    with pytest.raises(DataError, match="the folder contains another folder, 'pos'; expected files only"):
        ClassFolder(tmp_path)


@pytest.mark.parametrize(
    ("content", "reader", "expected"),
    [
        ("text,kind\na,x\n", {}, "FILE:1: the header has the columns 'text', 'kind'; expected 'label'. Name another"),
        ("ham\tGo now\n", {}, "FILE:1: the header has the columns 'ham', 'Go now'; expected 'text'. Name another"),
        (
            "x\ta\n",
            {"columns": ("label", "b")},
            "FILE:1: --columns names the columns 'label', 'b'; expected 'text' among them. For",
        ),
        ("text\tlabel\na\tx\nb\n", {}, "FILE:3: one column; expected at least 2. Separate the cells by a"),
        ("text,label\n,x\n", {}, "FILE:2: empty text; expected some text. Fill it in, or remove the line"),
        ("text,label\na, \n", {}, "FILE:2: empty label; expected some text. Fill it in, or remove the line"),
        ('text,label\n"a,x\n', {}, "FILE:2: not a CSV row (unexpected end of data). Check that every quote"),
        (
            '{"text": "a"}\n',
            {},
            'FILE:1: no key "label" in the object. Write an object on each line: {"text": ..., "label": ...}',
        ),
        ('{"text": "a", "label": "x"}\nb\n', {}, "FILE:2: not JSON (Expecting value: line 1 column 1 (char 0)). Write"),
        ('{"text": "a", "label": "x"}\n[1]\n', {}, "FILE:2: [1]; expected a JSON object. Write"),
        ('{"text": "a", "label": NaN}\n', {}, 'FILE:1: "label" is NaN; expected text'),
        ('text,label\na,"x\ny"\n', {}, "FILE:2: the label is 'x\\ny'; expected one line without tabs"),
        (
            "text;label\na;x\n",
            {},
            "FILE:1: the header has the columns 'text;label'; expected 'text'. Separate the cells by commas",
        ),
        (
            '[{"text": "a"}]\n',
            {},
            "FILE:1: the header has the columns '[{\"text\": \"a\"}]'; expected 'text'. Write one JSON object",
        ),
        ('{"text": 1, "label": "x"}\n', {}, 'FILE:1: "text" is 1; expected text'),
        ('{"text": "a", "label": null}\n', {}, 'FILE:1: "label" is null; expected text'),
    ],
)
def test_a_malformed_line_is_an_error_with_its_place(
    content: str, reader: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    assert error_of(tmp_path / "data", content, **reader).startswith(expected)


def test_items_in_memory_are_texts_with_labels() -> None:
    source = MemoryTexts([("a", "x"), ("b ", "y")])
    assert open_source(source, ClassifierReaderConfig(), lambda message: None) is source
    assert pairs(list(source.examples())) == [("a", "x"), ("b", "y")]
    assert source.record.name == "memory"
    assert source.record.bytes == len('["a", "x"]\n["b", "y"]\n')
    invalid_items: list[Any] = [("a",), "ab", ("a", None), (1, "x"), ("a", object())]
    for item in (*invalid_items, ("a", float("nan")), ("a", np.float64("nan"))):
        with pytest.raises(DataError, match=r"item 1 is .*; expected a text and its label\. A text is a str, a label"):
            list(MemoryTexts([("a", "x"), item]).examples())
    with pytest.raises(DataError, match="item 0: empty text"):
        list(MemoryTexts([(" ", "x")]).examples())


def test_a_target_file_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"given a target file beside a\.txt; expected a file, a folder, or texts"):
        open_source(ParallelFiles("a.txt", "b.txt"), ClassifierReaderConfig(), lambda message: None)
