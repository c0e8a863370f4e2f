"""Readers of labelled texts: every format gives the same examples, and errors name their place."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data.sources import ParallelFiles
from elman.errors import ConfigError, DataError
from elman.tasks.classifier.config import ClassifierReaderConfig
from elman.tasks.classifier.folders import ClassFolder, label_of
from elman.tasks.classifier.readers import LabelledText, MemoryTexts, open_source

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
    texts = list(source.texts())
    assert pairs(opened) == [("Abel", "French"), ("Zoé", "French"), ("王", "中文")]
    assert texts[1] == ("French", (f"{folder / 'French.txt'}:3", "  Zoé "))
    assert opened[1].where == f"{folder / 'French.txt'}:3"
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


def write_files(folder: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")


@pytest.mark.parametrize(
    ("files", "expected", "left_out"),
    [
        ({"pos/1.txt": "good", "neg/1.txt": "bad"}, [("bad", "neg"), ("good", "pos")], ""),
        ({"pos/0_9.txt": "a<br />\nb\n", "neg/0_1.txt": "c"}, [("c", "neg"), ("a<br />\nb", "pos")], ""),
        ({"alt.atheism/49960": "a", "sci.med/51060": "b"}, [("a", "alt.atheism"), ("b", "sci.med")], ""),
        ({"x/1.txt": "a", "y/1.txt": "b", "README": "no"}, [("a", "x"), ("b", "y")], "README"),
        ({"x/1.txt": "a", "y/1.txt": "b", "y/README.md": "no"}, [("a", "x"), ("b", "y")], "y/README.md"),
        ({"x/1.txt": "a", "unsup/1.txt": "no", "urls.txt": "no"}, [("a", "x")], "unsup, urls.txt"),
        ({"x/1.txt": "a", "x/.DS_Store": "no", ".git/config": "no"}, [("a", "x")], ""),
        ({"x/2.txt": "b", "x/10.txt": "a", "x/LICENSE.txt": "no"}, [("a", "x"), ("b", "x")], "x/LICENSE.txt"),
        ({"French.txt": "Abel\nZoé\n", "README.txt": "no"}, [("Abel", "French"), ("Zoé", "French")], "README.txt"),
        ({"a.txt": "x\n", "License": "no", "readme.md": "no"}, [("x", "a")], "License, readme.md"),
        ({"x/1.txt": "a", "empty/.keep": ""}, [("a", "x")], "empty"),
        ({"x/1.txt": "a", "x/Thumbs.db": "no", "desktop.ini": "no"}, [("a", "x")], "desktop.ini, x/Thumbs.db"),
        ({"x.csv": "a\nb\n", "y.csv": "c\n"}, [("a", "x"), ("b", "x"), ("c", "y")], ""),
        ({"train.txt": "a\n", "bus.txt": "b\n"}, [("b", "bus"), ("a", "train")], ""),
    ],
)
def test_a_folder_has_one_file_for_each_class_or_one_folder(
    files: dict[str, str], expected: list[tuple[str, str]], left_out: str, tmp_path: Path
) -> None:
    write_files(tmp_path / "data", files)
    messages: list[str] = []
    source = open_source(tmp_path / "data", ClassifierReaderConfig(), messages.append)
    source.check()
    assert pairs(list(source.examples())) == expected
    assert messages == ([f"{tmp_path / 'data'}: left out {left_out}"] if left_out else [])
    assert source.record.bytes == sum(
        len(content.encode()) for name, content in files.items() if content != "no" and "keep" not in name
    )


def test_a_folder_in_the_folder_of_a_class_is_an_error(tmp_path: Path) -> None:
    write_files(tmp_path, {"train/pos/1.txt": "a", "test/pos/1.txt": "b"})
    with pytest.raises(DataError, match="the folder of the class 'test' contains another folder, 'pos'") as caught:
        open_source(tmp_path, ClassifierReaderConfig(), print)
    assert caught.value.hint == f"If 'test' holds a folder for each class, name it: {tmp_path / 'test'}"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"train.csv": "text,label\na,b\n", "test.csv": "text,label\nc,d\n"}, "test, train are parts of a data set"),
        ({"Train/1.txt": "a", "Valid/1.txt": "b"}, "Train, Valid are parts of a data set; expected classes"),
        ({"pos.csv": "text\na\n", "neg.csv": "text\nb\n"}, "all files begin with the line 'text'; expected a text on"),
    ],
)
def test_files_that_are_no_classes_are_an_error(files: dict[str, str], message: str, tmp_path: Path) -> None:
    write_files(tmp_path / "data", files)
    with pytest.raises(DataError, match=message):
        open_source(tmp_path / "data", ClassifierReaderConfig(), print).check()


@pytest.mark.skipif(sys.platform != "linux", reason="names are Unicode on other systems")
def test_a_class_whose_name_is_not_utf8_is_an_error(tmp_path: Path) -> None:
    write_files(tmp_path / "data", {"b/1.txt": "a"})
    other = os.fsencode(tmp_path / "data") + b"/caf\xe9"
    Path(os.fsdecode(other)).mkdir()
    Path(os.fsdecode(other), "1.txt").write_text("b")
    with pytest.raises(DataError, match=r"the name of the class 'caf\\udce9' is not UTF-8; expected"):
        open_source(tmp_path / "data", ClassifierReaderConfig(), print)


def test_a_file_of_a_folder_in_another_encoding_is_named(tmp_path: Path) -> None:
    write_files(tmp_path, {"x/1.txt": "a", "y/1.txt": "b"})
    (tmp_path / "y" / "2.txt").write_bytes("Où est passé l'été dernier ? Déjà vu".encode("cp1252"))
    with pytest.raises(DataError, match="not UTF-8 at byte 2 of the line") as caught:
        list(open_source(tmp_path, ClassifierReaderConfig(), print).examples())
    assert caught.value.where == f"{tmp_path / 'y' / '2.txt'}:1"
    read_again = open_source(tmp_path, ClassifierReaderConfig(encoding="cp1252"), print)
    assert pairs(list(read_again.examples()))[-1] == ("Où est passé l'été dernier ? Déjà vu", "y")


FASTTEXT = [
    ("__label__x a b\n__label__y c\n", [("a b", "x"), ("c", "y")]),
    ("__label__sauce __title__ x\n", [("__title__ x", "sauce")]),
    ("__label__1 , good film .\n", [(", good film .", "1")]),
    ("__label__x\ta b\n\n__label__y\tc\n", [("a b", "x"), ("c", "y")]),
    ("  __label__中文  你好\n", [("你好", "中文")]),
    ('__label__x say "hi", you\n', [('say "hi", you', "x")]),
    ("__label__x a\na b __label__y\n", [("a", "x"), ("a b", "y")]),
    ("__label__food-safety how  much\n", [("how  much", "food-safety")]),
    ("__label__x a; b, c\n", [("a; b, c", "x")]),
    ("\n\n__label__x a\n", [("a", "x")]),
]


@pytest.mark.parametrize(("content", "expected"), FASTTEXT)
def test_lines_of_fasttext_are_read(content: str, expected: list[tuple[str, str]], tmp_path: Path) -> None:
    assert pairs(read(tmp_path / "data", content)) == expected
    assert pairs(read(tmp_path / "data", content, format="fasttext")) == expected


TABLES = [  # each has the texts "a, b; c" and "d" with the labels x and y
    'text,label\n"a, b; c",x\nd,y\n',
    'text;label\n"a, b; c";x\nd;y\n',
    'sep=;\ntext;label\n"a, b; c";x\nd;y\n',
    "sep=\t\ntext\tlabel\na, b; c\tx\nd\ty\n",
    "text\tlabel\na, b; c\tx\nd\ty\n",
    '"text"\t"label"\n"a, b; c"\t"x"\n"d"\t"y"\n',
    '"text","label"\n"a, b; c","x"\n"d","y"\n',
    ',text,label\n0,"a, b; c",x\n1,d,y\n',
    'id;label;text\n1;x;"a, b; c"\n\n2;y;d\n',
    'label,text,,\nx,"a, b; c",,\ny,d,,\n,,,\n',
    '[{"text": "a, b; c", "label": "x"}, {"text": "d", "label": "y"}]',
    '[\n {"text": "a, b; c", "label": "x"},\n {"text": "d", "label": "y"}\n]\n',
]


@pytest.mark.parametrize("content", TABLES)
def test_a_table_in_any_dialect_gives_the_same_texts(content: str, tmp_path: Path) -> None:
    assert pairs(read(tmp_path / "data", content)) == [("a, b; c", "x"), ("d", "y")]


HEADERLESS = [
    "ham\tgo now\nspam\twin\nham\thi\nham\tyes\n",
    "go now\tham\nwin\tspam\nhi\tham\nyes\tham\n",
    "ham,go now\nspam,win\nham,hi\nham,yes\n",
    "ham;go now\nspam;win\nham;hi\nham;yes\n",
    '"ham","go now"\n"spam","win"\n"ham","hi"\n"ham","yes"\n',
]


@pytest.mark.parametrize("content", HEADERLESS)
def test_a_table_whose_first_label_occurs_again_has_no_header(content: str, tmp_path: Path) -> None:
    path, messages = tmp_path / "data", list[str]()
    path.write_text(content)
    texts = list(open_source(path, ClassifierReaderConfig(), messages.append).examples())
    assert pairs(texts) == [("go now", "ham"), ("win", "spam"), ("hi", "ham"), ("yes", "ham")]
    order = "text,label" if content.startswith("go") else "label,text"
    assert messages == [
        f"{path}:1: no header; reading the columns as {order}. Use --header if this line names the columns."
    ]
    assert "the header has the columns" in error_of(path, content, header=True)


@pytest.mark.parametrize(
    "content",
    [
        "v1,v2\nham,go\nspam,win\nham,hi\n",
        "ham\tgo\nspam\twin\n",
        "a\ta\na\ta\na\ta\na\ta\n",
        "ham,x,1\nham,y,1\nham,z,1\n",
    ],
)
def test_a_table_that_may_have_a_header_is_not_read_without_one(content: str, tmp_path: Path) -> None:
    assert "the header has the columns" in error_of(tmp_path / "data", content)


@pytest.mark.parametrize(
    ("content", "reader", "expected"),
    [
        ("text,kind\na,x\n", {}, "FILE:1: the header has the columns 'text', 'kind'; expected 'label'. Name another"),
        ("ham\tGo now\n", {}, "FILE:1: the header has the columns 'ham', 'Go now'; expected 'text'. Name another"),
        (
            "title,body,label\na,b,x\n",
            {"text_column": "title, body"},
            "FILE:1: the header has the columns 'title', 'body', 'label'; expected 'title, body'. One column is read: "
            'join them beforehand, for example with pandas: table["text"] = table["title"] + " " + table["body"]',
        ),
        (
            "title,label\na,x\n",
            {"text_column": "title,body"},
            "FILE:1: the header has the columns 'title', 'label'; expected 'title,body'. Name another column",
        ),
        (
            '{"title": "a", "body": "b", "label": "x"}\n',
            {"text_column": "title,body"},
            'FILE:1: no key "title,body" in the object, which has "title", "body", "label". One column is read: join',
        ),
        (
            "x\ta\n",
            {"columns": ("label", "b")},
            "FILE:1: --columns names the columns 'label', 'b'; expected 'text' among them. For",
        ),
        ("text\tlabel\na\tx\nb\n", {}, "FILE:3: has one cell; expected at least 2. Separate the cells by a"),
        ("text,label\n,x\n", {}, "FILE:2: empty text; expected some text. Fill it in, or remove the line"),
        ("text,label\na, \n", {}, "FILE:2: empty label; expected some text. Fill it in, or remove the line"),
        (
            'text,label\n"a,x\n',
            {},
            "FILE:2: not a CSV row (a quoted cell has no closing quote). Check that every quote",
        ),
        (
            '{"text": "a"}\n',
            {},
            'FILE:1: no key "label" in the object, which has "text". '
            'Write objects {"text": ..., "label": ...}, or name other keys with --text and --label',
        ),
        ('{"text": "a", "label": "x"}\nb\n', {}, "FILE:2: not JSON (Expecting value: line 1 column 1 (char 0)). Write"),
        ('{"text": "a", "label": "x"}\n[1]\n', {}, "FILE:2: [1]; expected a JSON object. Write"),
        ('{"text": "a", "label": NaN}\n', {}, 'FILE:1: "label" is NaN; expected text'),
        ('text,label\na,"x\ny"\n', {}, "FILE:2: the label is 'x\\ny'; expected one line without tabs"),
        ('[{"text": "a"}]\n', {}, 'FILE:1: no key "label" in the object, which has "text". Write'),
        (
            '[{"text": "a",\n "label": "x"},\n\n {"text":\n"a"}]\n',
            {},
            'FILE:4: no key "label" in the object, which has',
        ),
        ('[{"text": "a", "label": "x"},\n 3]\n', {}, "FILE:2: 3; expected a JSON object. Write"),
        ('[{"text": "a", "label": "x"}\n', {}, "FILE:1: not JSON (Expecting ',' delimiter"),
        ("{}\n", {}, 'FILE:1: no key "text" in the object. Write objects'),
        (
            "label,text\n0,really bad, but long\n",
            {},
            "FILE:2: has 3 cells; expected 2 as in the header. Is a text with a comma not quoted? Write it in quotes",
        ),
        ("text;label\na; b;x\n", {}, "FILE:2: has 3 cells; expected 2 as in the header. Is a text with a semicolon"),
        (
            "a,b,x\n",
            {"columns": ("text", "label")},
            "FILE:1: has 3 cells; expected 2. Is a text with a comma not quoted? Write it in quotes",
        ),
        (
            "__label__x a\n__label__x __label__y b\n",
            {},
            "FILE:2: has 2 labels; expected one `__label__LABEL`. A classifier gives each text one label",
        ),
        ("__label__x a\nb\n", {}, "FILE:2: has no label; expected one `__label__LABEL`"),
        ("__label__x\n", {}, "FILE:1: empty text; expected some text"),
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


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ("My messages\ntext,label\na,x\n", "Is line 1 a title above the table? Remove it"),
        ("My messages;;\n\ntext;label;\na;x;\n", "Is line 1 a title above the table? Remove it"),
        ("good film|pos\nbad film|neg\n", "If | separates the cells, write sep=| on a line above them"),
    ],
)
def test_a_first_row_that_is_no_header_is_explained(tmp_path: Path, content: str, hint: str) -> None:
    assert error_of(tmp_path / "data", content).endswith(hint)


def test_bars_separate_the_columns_that_are_named(tmp_path: Path) -> None:
    expected = [("a, b; c", "x"), ("d", "y")]
    content = "text|label\na, b; c|x\nd|y\n"
    assert pairs(read(tmp_path / "data", content)) == expected
    named = {"text_column": "body", "label_column": "kind"}
    assert pairs(read(tmp_path / "data", content.replace("text|label", "body|kind"), **named)) == expected
    assert pairs(read(tmp_path / "data", "sep=|\n" + content.replace("d|y", "d|x"))) == [expected[0], ("d", "x")]


def test_quotes_around_the_cells_below_a_header_are_no_part_of_them(tmp_path: Path) -> None:
    content = 'text\tlabel\n"a, b"\t"x"\n"c ""d"""\t"y"\n'
    assert pairs(read(tmp_path / "data", content)) == [("a, b", "x"), ('c "d"', "y")]
