"""The inputs of a prediction: which form a file has, what is read from it, and groups that do not wait."""

from __future__ import annotations

import gzip
import os
import queue
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from elman.data.readers.input_formats import InputColumn, column_readers, detect_format
from elman.data.readers.input_groups import grouped
from elman.data.readers.inputs import AUTO, Input, InputReader, Inputs, open_inputs
from elman.errors import DataError

TEXT = InputColumn("text", "--text")
HEADERLESS = InputColumn("text", "--text", columns=("id", "label", "text"))
FIRST = InputColumn("source", "--source", index=0)
SECOND = InputColumn("2", "--source", index=1)


def inputs_of(folder: Path, name: str, content: str, column: InputColumn = TEXT, form: str = AUTO) -> Inputs:
    (folder / name).write_text(content, "utf-8")
    return read_inputs(folder / name, column, form=form)


def read_inputs(path: Path, column: InputColumn, *, form: str = AUTO, encoding: str | None = None) -> Inputs:
    reader = InputReader(column_readers(column), partial(detect_format, column=column))
    return reader.read(open_inputs(str(path), encoding=encoding, notify=lambda message: None), form)


def texts_of(inputs: Inputs) -> list[str]:
    return [item.text for group in inputs.groups for item in group]


@pytest.mark.parametrize(
    ("name", "content", "column", "kind", "texts"),
    [
        ("a.txt", "one\ntwo, three\n", TEXT, "lines", ["one", "two, three"]),
        ("a.txt", "text\nsecond\n", TEXT, "lines", ["text", "second"]),
        ("a.txt", "\nfirst\n", TEXT, "lines", ["", "first"]),
        ("a.txt", "", TEXT, "lines", []),
        ("a.txt", '{"other": 1}\n', TEXT, "lines", ['{"other": 1}']),
        ("a.txt", "{not json}\n", TEXT, "lines", ["{not json}"]),
        ("a.txt", "id,text\n1,good\n2,bad\n", TEXT, "table", ["good", "bad"]),
        ("a.csv", "id,text\n1,good\n2,bad\n", TEXT, "table", ["good", "bad"]),
        ("a.csv", 'id;text\n1;"good; very"\n2;bad\n', TEXT, "table", ["good; very", "bad"]),
        ("a.csv", "sep=;\nid;text\n1;good\n", TEXT, "table", ["good"]),
        ("a.csv", 'text,id\n"two\nlines",1\n\nb,2\n', TEXT, "table", ["two\nlines", "b"]),
        ("a.csv", "text\nfirst\nsecond\n", TEXT, "table", ["first", "second"]),
        ("a.tsv", "label\ttext\nx\tgood\n", TEXT, "table", ["good"]),
        ("a.csv", "7,x,good\n8,y,bad\n", HEADERLESS, "table", ["good", "bad"]),
        ("a.tsv", "one\tx\ntwo\ty\n", FIRST, "table", ["one", "two"]),
        ("a.tsv", "x\tone\ny\ttwo\n", SECOND, "table", ["one", "two"]),
        ("a.tsv", "one\ntwo\n", SECOND, "table", ["one", "two"]),
        ("a.txt", "one\tx\ntwo\ty\n", FIRST, "lines", ["one\tx", "two\ty"]),
        ("a.csv", "target,source\nx,one\n", FIRST, "table", ["one"]),
        ("a.jsonl", '{"text": "good", "n": 1}\n\n{"text": " bad "}\n', TEXT, "jsonl", ["good", "bad"]),
    ],
)
def test_the_file_decides_the_form(
    tmp_path: Path, name: str, content: str, column: InputColumn, kind: str, texts: list[str]
) -> None:
    inputs = inputs_of(tmp_path, name, content, column)
    assert inputs.kind == kind
    assert texts_of(inputs) == texts


def test_the_form_can_be_given(tmp_path: Path) -> None:
    assert texts_of(inputs_of(tmp_path, "a.csv", "id,text\n1,good\n", form="lines")) == ["id,text", "1,good"]
    assert texts_of(inputs_of(tmp_path, "a.txt", "text\tid\na, b\t1\n", form="tsv")) == ["a, b"]
    assert texts_of(inputs_of(tmp_path, "a.txt", "text;id\na, b;1\n", form="csv")) == ["a, b"]
    assert inputs_of(tmp_path, "a.txt", '{"body": "a"}\n', InputColumn("body", "--text"), "jsonl").kind == "jsonl"


@pytest.mark.parametrize("content", ["id,body\n1,good\n", "good\nbad\n", "1;2;3\n"])
def test_a_table_without_the_column_is_an_error_rather_than_lines(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError) as caught:
        inputs_of(tmp_path, "a.csv", content)
    assert caught.value.message.endswith("; expected 'text'")
    has_columns = any(mark in content for mark in ",;")
    assert caught.value.hint == (
        "Name the column of the inputs with --text; --format lines reads all columns as the input"
        if has_columns
        else "Name the column of the inputs with --text, or read each line as one input with --format lines"
    )
    assert caught.value.where == f"{tmp_path / 'a.csv'}:1"


def test_rows_and_objects_keep_what_they_come_from(tmp_path: Path) -> None:
    inputs = inputs_of(tmp_path, "a.csv", 'id,text\n1,"a\nb"\n2\n')
    assert inputs.header is not None
    assert inputs.header.text == "id,text"
    first, second = next(inputs.groups)
    assert first.number == 2
    assert first.rows[0].text == '1,"a\nb"'
    assert (second.number, second.text, second.error) == (4, "", "has one cell; expected at least 2")
    objects = next(inputs_of(tmp_path, "a.jsonl", '{"text": "a", "n": 1}\n{"n": 2}\n[1]\n{"text": 3}\n{\n').groups)
    assert objects[0] == Input(1, "a", value={"text": "a", "n": 1})
    assert [item.error for item in objects[1:4]] == [
        "no key 'text'; expected text. --text names another key",
        "[1]; expected a JSON object",
        "the value of 'text' is 3; expected text. --text names another key",
    ]
    assert str(objects[4].error).startswith("not JSON (")


def test_a_table_is_read_from_a_gz_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"id,text\n1,good\n"))
    inputs = read_inputs(tmp_path / "a.csv.gz", TEXT)
    assert (inputs.kind, texts_of(inputs)) == ("table", ["good"])


def test_a_line_that_cannot_be_decoded_is_an_error_of_a_table_and_of_one_line_of_a_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id,text\n1,\xff\xfe!\n")
    with pytest.raises(DataError, match="not UTF-8 at byte 3 of the line"):
        texts_of(read_inputs(tmp_path / "a.csv", TEXT, encoding="utf-8"))
    (tmp_path / "a.txt").write_bytes(b"good\n\xff\xfe!\n")
    (group,) = read_inputs(tmp_path / "a.txt", TEXT, encoding="utf-8").groups
    assert [item.error is None for item in group] == [True, False]


def test_a_file_is_read_in_groups() -> None:
    assert list(grouped(iter(range(5)), as_they_come=False, size=2)) == [[0, 1], [2, 3], [4]]
    assert [item for group in grouped(iter(range(5)), as_they_come=True, size=2) for item in group] == list(range(5))
    assert list(grouped(iter([]), as_they_come=True)) == []


def test_items_that_come_one_by_one_are_groups_without_waiting() -> None:
    source: queue.Queue[int | None] = queue.Queue()

    def next_item() -> int | None:
        return source.get(timeout=20)  # queue.Empty, where a group waits for an item that does not exist yet

    groups = grouped(iter(next_item, None), as_they_come=True)
    for number in range(3):
        source.put(number)
        assert next(groups) == [number]
    source.put(None)
    assert list(groups) == []


def test_an_error_of_the_reader_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise DataError("broken")

    groups = grouped(items(), as_they_come=True)
    assert next(groups) == [1]
    with pytest.raises(DataError, match="broken"):
        next(groups)


def test_a_pipe_is_answered_line_by_line(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    answered = threading.Event()
    second_was_written_after_the_first_answer: list[bool] = []

    def write() -> None:
        with fifo.open("w", encoding="utf-8", buffering=1) as stream:
            stream.write("one\n")
            second_was_written_after_the_first_answer.append(answered.wait(20.0))
            stream.write("two\n")

    writer = threading.Thread(target=write)
    writer.start()
    groups = read_inputs(fifo, TEXT).groups
    assert [item.text for item in next(groups)] == ["one"]
    answered.set()
    assert [item.text for group in groups for item in group] == ["two"]
    writer.join()
    assert second_was_written_after_the_first_answer == [True]
