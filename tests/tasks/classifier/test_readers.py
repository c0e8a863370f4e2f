"""Labelled texts: every format read alike, and what is wrong told with its place."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data.readers import TextSource
from elman.errors import DataError
from elman.tasks.classifier.readers import (
    ClassFolder,
    Columns,
    Labelled,
    MemoryLabelled,
    label_of,
    read_any,
    read_labelled,
)

EXPECTED = [("a b", "x"), ('say "hi", 你', "y"), ("c", "x")]
FORMATS = {
    "tsv": 'label\ttext\nx\ta b\n\ny\t say "hi", 你 \nx\tc\n',
    "csv": 'label,text,more\nx,a b,1\n\ny,"say ""hi"", 你",2\nx, c ,3\n',
    "jsonl": "\n".join(json.dumps({"text": text, "label": label, "more": 1}) for text, label in EXPECTED) + "\n\n",
}


def read(path: Path, content: str, columns: Columns | None = None, format: str = "auto") -> list[Labelled]:  # noqa: A002
    path.write_text(content, "utf-8")
    return list(read_labelled(TextSource(path), columns=columns, format=format))  # type: ignore[arg-type]


def told(path: Path, content: str, columns: Columns | None = None, format: str = "auto") -> str:  # noqa: A002
    with pytest.raises(DataError) as raised:
        read(path, content, columns, format)
    return str(raised.value).replace(str(path), "FILE")


def plain(found: list[Labelled]) -> list[tuple[str, str]]:
    return [(each.text, each.label) for each in found]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_told_by_its_content_and_says_the_same(name: str, tmp_path: Path) -> None:
    path = tmp_path / "data"
    assert plain(read(path, FORMATS[name])) == EXPECTED
    assert plain(read(path, FORMATS[name], format=name)) == EXPECTED
    assert [each.where for each in read(path, FORMATS["tsv"])] == [f"{path}:2", f"{path}:4", f"{path}:5"]


def test_columns_have_other_names_and_none_without_a_header(tmp_path: Path) -> None:
    path, expected = tmp_path / "data", [("a b", "x"), ("c", "y")]
    named = Columns("message", "kind")
    assert plain(read(path, "kind,message\nx,a b\ny,c\n", named)) == expected
    assert plain(read(path, '{"message": "a b", "kind": "x"}\n{"message": "c", "kind": "y"}\n', named)) == expected
    bare = Columns(names=("label", "text"))
    assert plain(read(path, "x\ta b\ny\tc\n", bare)) == expected
    assert plain(read(path, "x,a b\ny,c\n", bare)) == expected
    assert plain(read(path, "text\tlabel\n", Columns(names=("text", "label")))) == [("text", "label")]


def test_labels_that_are_numbers_are_text(tmp_path: Path) -> None:
    lines = '{"text": "a", "label": 1}\n{"text": "b", "label": true}\n{"text": "c", "label": 0.5}\n'
    assert plain(read(tmp_path / "data", lines)) == [("a", "1"), ("b", "true"), ("c", "0.5")]
    assert plain(list(MemoryLabelled([("a", np.int64(1)), ("b", True)]).labelled())) == [("a", "1"), ("b", "True")]  # type: ignore[list-item]


def test_a_cell_of_csv_may_go_over_lines_and_the_next_place_is_right(tmp_path: Path) -> None:
    path = tmp_path / "data"
    found = read(path, 'label,text\nx,"one\ntwo, three"\ny,four\n')
    assert plain(found) == [("one\ntwo, three", "x"), ("four", "y")]
    assert [each.where for each in found] == [f"{path}:2", f"{path}:4"]
    assert plain(read(path, 'x\t"one\ny\ttwo"\n', Columns(names=("label", "text")))) == [('"one', "x"), ('two"', "y")]


cells = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).map(str.strip).filter(bool)


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=8))
def test_what_csv_writes_is_read(rows: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["text", "label"])
    writer.writerows(rows)
    path = tmp_path_factory.getbasetemp() / "rows.csv"
    assert plain(read(path, stream.getvalue(), format="csv")) == rows


def test_a_folder_has_a_file_a_class(tmp_path: Path) -> None:
    folder = tmp_path / "names"
    folder.mkdir()
    (folder / "French.txt").write_text("Abel\n\n  Zoé \n", "utf-8")
    (folder / ".hidden").write_text("no\n")
    with gzip.open(folder / "中文.txt.gz", "wt", encoding="utf-8") as stream:
        stream.write("王\n")
    source = ClassFolder(folder)
    source.check()
    found = list(source.labelled())
    assert plain(found) == [("Abel", "French"), ("Zoé", "French"), ("王", "中文")] == plain(list(read_any(folder)))
    assert found[1].where == f"{folder / 'French.txt'}:3"
    files = [(folder / name).read_bytes() for name in ("French.txt", "中文.txt.gz")]
    hashes = "".join(
        f"{label}\t{hashlib.sha256(content).hexdigest()}\n"
        for label, content in zip(("French", "中文"), files, strict=True)
    )
    record = source.record
    assert (record.bytes, record.sha256) == (sum(map(len, files)), hashlib.sha256(hashes.encode()).hexdigest())
    assert label_of(Path("a/b.c.txt.gz")) == "b.c"


def test_folders_of_nothing_and_of_doubled_classes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is an empty folder; expected one file a class"):
        ClassFolder(tmp_path).check()
    (tmp_path / "a.txt").write_text("x\n")
    (tmp_path / "a.csv").write_text("y\n")
    with pytest.raises(DataError, match="holds several files of one class"):
        ClassFolder(tmp_path)
    (tmp_path / "pos").mkdir()
    with pytest.raises(DataError, match="holds the folder 'pos', expected files alone; one file a class"):
        ClassFolder(tmp_path)


@pytest.mark.parametrize(
    ("content", "columns", "expected"),
    [
        ("text,kind\na,x\n", None, "FILE:1: has no column 'label' in its header, given 'text', 'kind'; --label names"),
        ("ham\tGo now\n", None, "FILE:1: has no column 'text' in its header, given 'ham', 'Go now'; --text names"),
        ("x\ta\n", Columns(names=("label", "b")), "FILE:1: --columns names no 'text', given 'label', 'b'; --columns"),
        ("text\tlabel\na\tx\nb\n", None, "FILE:3: has one column, expected at least 2; are its cells separated by a"),
        ("text,label\n,x\n", None, "FILE:2: has an empty text; fill it in, or leave the line out"),
        ("text,label\na, \n", None, "FILE:2: has an empty label; fill it in, or leave the line out"),
        ('text,label\n"a,x\n', None, "FILE:2: is no CSV (unexpected end of data); is a quote not closed?"),
        ('{"text": "a"}\n', None, 'FILE:1: lacks "label"; expected {"text": ..., "label": ...}'),
        ('{"text": "a", "label": "x"}\nb\n', None, "FILE:2: is not JSON (Expecting value: line 1 column 1 (char 0));"),
        ('{"text": "a", "label": "x"}\n[1]\n', None, "FILE:2: is [1], expected an object"),
        ('{"text": "a", "label": NaN}\n', None, 'FILE:1: "label" is NaN, expected text'),
        ('text,label\na,"x\ny"\n', None, "FILE:2: has the label 'x\\ny', expected no tab and one line"),
        (
            "text;label\na;x\n",
            None,
            "FILE:1: has no column 'text' in its header, given 'text;label'; are its",
        ),
        (
            '[{"text": "a"}]\n',
            None,
            "FILE:1: has no column 'text' in its header, given '[{\"text\": \"a\"}]'; is it",
        ),
        ('{"text": 1, "label": "x"}\n', None, 'FILE:1: "text" is 1, expected text'),
        ('{"text": "a", "label": null}\n', None, 'FILE:1: "label" is null, expected text'),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    content: str, columns: Columns | None, expected: str, tmp_path: Path
) -> None:
    assert told(tmp_path / "data", content, columns).startswith(expected)


def test_items_in_memory_are_texts_with_labels() -> None:
    held = MemoryLabelled([("a", "x"), ("b ", "y")])
    assert plain(list(held.labelled())) == [("a", "x"), ("b", "y")]
    assert held.record.name == "memory"
    assert held.record.bytes == len('["a", "x"]\n["b", "y"]\n')
    for wrong in (("a",), "ab", ("a", None), (1, "x"), ("a", float("nan")), ("a", np.float64("nan")), ("a", object())):
        with pytest.raises(DataError, match=r"item 1 is .*, expected a text and its label; a text is a str, a label"):
            list(MemoryLabelled([("a", "x"), wrong]).labelled())  # type: ignore[list-item]
    with pytest.raises(DataError, match="item 0: has an empty text"):
        list(MemoryLabelled([(" ", "x")]).labelled())
