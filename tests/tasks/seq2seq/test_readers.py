"""Readers of pairs: tables, JSON lines, parallel files and Python objects, and the place of every mistake."""

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.config import validate_config
from elman.data.readers import files
from elman.data.readers.tables import Dialect
from elman.data.readers.text import MemoryText, SourceRecord, TextSource
from elman.data.sources import ParallelFiles
from elman.errors import ConfigError, DataError
from elman.tasks.seq2seq.config import Seq2SeqReaderConfig, SideConfig
from elman.tasks.seq2seq.corpus import group_by_source
from elman.tasks.seq2seq.readers import (
    MemoryPairs,
    Pair,
    ParallelPairs,
    open_source,
    read_pairs,
    read_parallel,
    records_of,
    require_single_targets,
)

few = settings(deadline=None, max_examples=80)
cells = st.text(st.characters(exclude_characters="\t\n\r", exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda cell: cell == cell.strip()
)
PAIRS = [
    ("hello", "HH AH0 L OW1"),
    ("床前明月光", "chuáng qián míng yuè guāng"),
    ("a b", "x\u2028y\u0085z"),
    ("{", "}"),
]
LINES = "".join(f"{source}\t{target}\n" for source, target in PAIRS)
SPACES = (
    "Separate the columns by a tab; --columns names other columns than 1,2; for a pronouncing dictionary, use "
    "--format lexicon"
)
OBJECT = 'Write {"source": "...", "target": "..."} on each line; --columns names other keys'


def reader_of(**values: Any) -> Seq2SeqReaderConfig:
    return validate_config(Seq2SeqReaderConfig, values)


def read(text: str, **values: Any) -> list[Pair]:
    return list(read_pairs(MemoryText([text], name="f.tsv"), reader_of(**values), lambda message: None))


def fields_of(pairs: list[Pair]) -> list[tuple[Any, ...]]:
    """Return all fields, those too that do not count for equality."""
    return [(pair.source, pair.targets, pair.where, pair.columns) for pair in pairs]


def sides(pairs: list[Pair]) -> list[tuple[str, ...]]:
    return [(pair.source, *pair.targets) for pair in pairs]


def error_of(text: str, **values: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        read(text, **values)
    assert caught.value.exit_code == 3
    return caught.value


def parallel(source: str, target: str) -> list[Pair]:
    en, zh = (MemoryText([text] if text else [], name) for text, name in ((source, "en"), (target, "zh")))
    return list(read_parallel(en, zh, lambda message: None))


def parallel_error(source: str, target: str) -> DataError:
    with pytest.raises(DataError) as caught:
        parallel(source, target)
    return caught.value


def object_of(**values: Any) -> str:
    return json.dumps(values, ensure_ascii=False) + "\n"


@few
@given(st.lists(st.tuples(cells, cells), max_size=5))
def test_a_table_and_json_lines_give_the_pairs_that_were_written(pairs: list[tuple[str, str]]) -> None:
    table = "".join(Dialect("\t", has_quotes=False).write(pair) + "\n" for pair in pairs)
    objects = "".join(object_of(source=source, target=target) for source, target in pairs)
    assert sides(read(table, format="tsv")) == sides(read(objects)) == pairs


@pytest.mark.parametrize(
    "content",
    [
        LINES.encode(),
        LINES.encode().rstrip(),
        LINES.replace("\n", "\r\n").encode(),
        LINES.encode("utf-8-sig"),
        LINES.encode("utf-16"),
        gzip.compress(LINES.encode()),
    ],
    ids=["utf8", "no_last_end", "crlf", "bom", "utf16", "gz"],
)
def test_line_ends_encodings_compression_and_block_sizes_do_not_change_the_pairs(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_bytes(content)
    expected = [(source, (target,), f"{path}:{number}", 2) for number, (source, target) in enumerate(PAIRS, 1)]
    for size in (1 << 20, 4, 5, 7, 30):
        monkeypatch.setattr(files, "BLOCK_BYTES", size)
        source = TextSource(path)
        assert fields_of(list(read_pairs(source, reader_of(), print))) == expected, size
        assert source.record.sha256 == hashlib.sha256(content).hexdigest()


def test_a_line_of_many_blocks_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "long.tsv"
    source, target = "中文 ab" * 100, "x y" * 100
    path.write_text(f"a\tb\n{source}\t{target}\nc\td\n", "utf-8")
    for size in (8, 64):
        monkeypatch.setattr(files, "BLOCK_BYTES", size)
        assert len(list(TextSource(path).blocks())) > 10
        assert sides(list(read_pairs(TextSource(path), reader_of(), print))) == [
            ("a", "b"),
            (source, target),
            ("c", "d"),
        ]


def test_spaces_around_a_text_are_removed_and_spaces_inside_stay() -> None:
    assert sides(read(" a  b \t\u3000c d \n")) == [("a  b", "c d")]
    assert sides(read(object_of(source=" a\n", target=["\tb c ", "d"]))) == [("a", "b c", "d")]
    assert sides(parallel(" a\tb \n", "  c\n")) == [("a\tb", "c")]


def test_blank_lines_are_skipped_and_counted() -> None:
    assert [pair.where for pair in read("\n \na\tb\n\u3000\n\nc\td\n\n")] == ["f.tsv:3", "f.tsv:6"]
    objects = f"\n{object_of(source='a', target='b')} \n\t\n{object_of(source='c', target='d')}"
    assert [pair.where for pair in read(objects)] == ["f.tsv:2", "f.tsv:5"]
    assert read("") == read("\n \n") == []


def test_columns_after_the_second_are_further_targets() -> None:
    assert fields_of(read("a\tb\tc\td\n")) == [("a", ("b", "c", "d"), "f.tsv:1", 4)]


def test_tabs_at_the_end_of_a_row_are_not_targets() -> None:
    assert [pair.targets for pair in read("a\tb\tc\t \na\tb\t\t\n")] == [("b", "c"), ("b",)]


@pytest.mark.parametrize(("columns", "expected"), [((2, 1), ("b", "a")), ((1, 3), ("a", "c")), ((3, 2), ("c", "b"))])
def test_columns_names_two_columns_and_the_others_are_ignored(
    columns: tuple[int, int], expected: tuple[str, str]
) -> None:
    assert sides(read("a\tb\tc\n\n", columns=columns)) == [expected]
    assert sides(list(require_single_targets(read("a\tb\tc\n", columns=columns)))) == [expected]


def test_a_table_with_columns_may_contain_json() -> None:
    line = '{"source": "a"}\tb\n'
    assert sides(read(line, columns=(1, 2))) == sides(read(line)) == [('{"source": "a"}', "b")]


def test_the_first_line_that_is_not_blank_decides_the_format() -> None:
    objects = object_of(source="a", target="b", note=3)
    assert sides(read("\n\n  " + objects)) == sides(read(objects, format="jsonl")) == [("a", "b")]
    assert sides(read("{a\tb\n" + objects.replace(", ", "\t"))) == [
        ("{a", "b"),
        ('{"source": "a"', '"target": "b"', '"note": 3}'),
    ]
    assert error_of(objects, format="tsv").hint == "For JSON lines, use --format jsonl"


@pytest.mark.parametrize(
    ("line", "values", "message", "hint"),
    [
        ("hello HH AH0", {}, "has one column; expected SOURCE TAB TARGET", SPACES),
        ("hello HH AH0", {"format": "tsv"}, "has one column; expected SOURCE TAB TARGET", SPACES),
        ('{"source": "a"', {}, "has one column; expected SOURCE TAB TARGET", "For JSON lines, use --format jsonl"),
        ("a\t", {}, "has an empty target; expected text", "Fill it in, or leave the pair out"),
        ("a\t\u3000\tb", {}, "has an empty target; expected text", "Fill it in, or leave the pair out"),
        (" \tb", {}, "has an empty source; expected text", "Fill it in, or leave the pair out"),
        ("\t", {}, "has an empty source; expected text", "Fill it in, or leave the pair out"),
        ("a\tb\t", {"columns": (3, 1)}, "has an empty source; expected text", "Fill it in, or leave the pair out"),
        (
            "a",
            {"columns": (2, 1)},
            "has one column; expected at least 2",
            "Separate the columns by a tab; --columns 2,1 counts them from 1",
        ),
        (
            "a\tb",
            {"columns": (1, 4)},
            "has 2 columns; expected at least 4",
            "Separate the columns by a tab; --columns 1,4 counts them from 1",
        ),
    ],
)
def test_a_malformed_line_of_a_table_is_an_error_with_its_place(
    line: str, values: dict[str, Any], message: str, hint: str
) -> None:
    """The line stands alone, and on line 4 after correct lines."""
    for before, place in (("", 1), ("a\tb\tc\td\n\nc\td\te\tf\n", 4)):
        error = error_of(before + line + "\n", **values)
        assert (error.where, error.message, error.hint) == (f"f.tsv:{place}", message, hint)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"source": "a", "target": "b"', "not JSON (Expecting ',' delimiter: line 1 column 30 (char 29))"),
        ("a\tb", "not JSON (Expecting value: line 1 column 1 (char 0))"),
        ("3" * 60, f"{'3' * 39}…; expected a JSON object"),
        ('{"target": "b"}', 'no key "source" in the object, which has "target"'),
        ('{"source": "a", "targets": "b"}', 'no key "target" in the object, which has "source", "targets"'),
        ("{}", 'no key "source" in the object'),
        ('{"source": 3, "target": "b"}', '"source" is 3; expected text'),
        ('{"source": ["a"], "target": "b"}', '"source" is ["a"]; expected text'),
        ('{"source": "a", "target": null}', '"target" is null; expected text or a list of texts'),
        ('{"source": "a", "target": []}', '"target" is []; expected text or a list of texts'),
        ('{"source": "a", "target": ["b", 3]}', '"target" is ["b", 3]; expected text or a list of texts'),
        ('{"source": "a", "target": {"b": "中"}}', '"target" is {"b": "中"}; expected text or a list of texts'),
    ],
)
def test_a_malformed_json_line_is_an_error_with_its_place(line: str, message: str) -> None:
    for before, place in (("", 1), (object_of(source="a", target="b") + "\n", 3)):
        error = error_of(before + line + "\n", format="jsonl")
        assert (error.where, error.message, error.hint) == (f"f.tsv:{place}", message, OBJECT)


def test_json_that_python_cannot_read_is_an_error() -> None:
    for line in ("[" * 100_000, '{"source": ' + "3" * 5000 + "}"):
        assert error_of(line, format="jsonl").message.startswith("not JSON (")
        assert error_of(line).message == "has one column; expected SOURCE TAB TARGET"


@pytest.mark.parametrize(("target", "message"), [("  ", "has an empty target"), (["b", ""], "has an empty target")])
def test_an_empty_text_in_json_is_an_error_with_its_place(target: Any, message: str) -> None:
    error = error_of(object_of(source="a", target="b") + object_of(source="a", target=target))
    assert str(error) == f"f.tsv:2: {message}; expected text. Fill it in, or leave the pair out"
    assert error_of(object_of(source="", target="b")).message == "has an empty source; expected text"


def test_a_lone_surrogate_becomes_a_question_mark() -> None:
    assert sides(read('{"source": "a\\ud800", "target": "b"}')) == [("a?", "b")]
    assert sides(list(MemoryPairs([("a\ud800", "b")]).examples())) == [("a?", "b")]


def test_parallel_files_are_read_line_by_line() -> None:
    pairs = parallel("one\ntwo\n", "一\n二")
    assert fields_of(pairs) == [("one", ("一",), "en:1", None), ("two", ("二",), "en:2", None)]
    assert parallel("", "") == []


@pytest.mark.parametrize(
    ("source", "target", "expected", "left_out"),
    [
        ("a\n\nc\n", "x\ny\nz\n", [("a", "x"), ("c", "z")], "1 of 3 pairs because a side is empty, the first at en:2"),
        ("a\nb\n", "x\n \n", [("a", "x")], "1 of 2 pairs because a side is empty, the first at zh:2"),
        ("\n", "\n", [], "1 of 1 pairs because a side is empty, the first at en:1"),
        ("\n\nc\n\n", "x\n\nz\nw\n", [("c", "z")], "3 of 4 pairs because a side is empty, the first at en:1"),
        (
            "a\n\u3000\t\nc\n",
            "x\ny\nz\n",
            [("a", "x"), ("c", "z")],
            "1 of 3 pairs because a side is empty, the first at en:2",
        ),
        ("a\nb\n", "x\ny\n", [("a", "x"), ("b", "y")], ""),
    ],
)
def test_pairs_of_parallel_files_with_an_empty_side_are_left_out_and_counted(
    source: str, target: str, expected: list[tuple[str, str]], left_out: str
) -> None:
    messages: list[str] = []
    en, zh = MemoryText([source], "en"), MemoryText([target], "zh")
    assert sides(list(read_parallel(en, zh, messages.append))) == expected
    assert messages == ([f"en: left out {left_out}"] if left_out else [])


def test_a_lone_cr_does_not_shift_the_lines_of_parallel_files(tmp_path: Path) -> None:
    (tmp_path / "en").write_bytes(b"one\ntwo\r 2\nthree\n")
    (tmp_path / "zh").write_bytes("一\r\n二\r\n三\r\n".encode())
    source = open_source(ParallelFiles(tmp_path / "en", tmp_path / "zh"), reader_of(), print)
    assert sides(list(source.examples())) == [("one", "一"), ("two\r 2", "二"), ("three", "三")]


CMUDICT = [("A", "AH0"), ("A", "EY1"), ("BE", "B IY1"), ("'S", "EH1 S")]
LEXICONS = [
    ";;; # CMUdict\nA  AH0\nA(1)  EY1\nBE  B IY1\n;;; more\n\n'S  EH1 S\n",
    ";;; a comment\nA\tAH0\nA(2)\tEY1\nBE\tB IY1\n'S\tEH1 S\n",
    "A\tAH0\nA(1)\tEY1\nBE\tB IY1\n'S\tEH1 S\n",
    ";;;\nA AH0\nA(2) EY1 # an article\nBE B IY1 #\n'S EH1 S\n",
]


@pytest.mark.parametrize("text", LEXICONS)
def test_a_pronouncing_dictionary_is_detected_and_its_variants_are_targets_of_one_source(text: str) -> None:
    messages: list[str] = []
    pairs = list(read_pairs(MemoryText([text], name="f"), reader_of(), messages.append))
    assert sides(pairs) == CMUDICT == sides(read(text, format="lexicon"))
    assert messages == ["f: reading it as a pronouncing dictionary. Use --format tsv for a table."]
    assert {pair.source: pair.targets for pair in group_by_source(pairs, SideConfig()).values()}["A"] == ("AH0", "EY1")


PHONES = ["AA", "B", "K", "IY", "S"]
ENTRIES = [(f"word{i}", " ".join(PHONES[(i + j) % 5] for j in range(2 + i % 3))) for i in range(30)]


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"{word} {phones}\n" for word, phones in ENTRIES),
        "".join(f"{word}  {phones}\n" for word, phones in ENTRIES),
        "".join(f"{word} 1.0 {phones}\n" for word, phones in ENTRIES),
        "".join(f"{word} {0.1 + i / 50:.6f} {phones}\n" for i, (word, phones) in enumerate(ENTRIES)),
        "".join(f"{word}   {phones} \n\n" for word, phones in ENTRIES),
        ";;; Kaldi\n" + "".join(f"{word}\t1.0\t{phones}\n" for word, phones in ENTRIES),
        "".join(f"{word} 1.0 0.5 1.2 0.9 {phones}\n" for word, phones in ENTRIES),
        "".join(f"{word} 1 0.5 {1 + i % 2} 1 {phones}\n" for i, (word, phones) in enumerate(ENTRIES)).replace(
            "1 ", "1.0 ", 1
        ),
        "".join(f"{word}\t0.99\t{phones}\n" for word, phones in ENTRIES),
        "".join(f"{word}\t0.99\t0.2\t1.0\t1.5\t{phones}\n" for word, phones in ENTRIES),
    ],
    ids=[
        *("kaldi", "two spaces", "lexiconp", "probabilities", "blank lines", "tabs"),
        *("silprob", "whole numbers", "MFA", "MFA with silence"),
    ],
)
def test_dictionaries_without_comments_are_known_by_their_symbols(text: str) -> None:
    assert sides(read(text)) == ENTRIES


@pytest.mark.parametrize(
    "text",
    [
        "hello HH AH0 L OW1\n",
        "It was the best of times, it was the worst of times,\nit was the age of wisdom, it was the age\n" * 20,
        "我 爱 你\n你 好 吗\n" * 20,
        "".join(f"{i} plus {i} equals {2 * i}\n" for i in range(300)),
        "1 2 3\n2 3 4\n" * 10,
    ],
)
def test_lines_without_tabs_that_are_no_dictionary_are_errors(text: str) -> None:
    assert error_of(text).message == "has one column; expected SOURCE TAB TARGET"


def test_calls_of_functions_are_no_variants() -> None:
    text = "f\t0\ng(1)\t1\nf(2)\t4\n"
    assert sides(read(text)) == [("f", "0"), ("g(1)", "1"), ("f(2)", "4")]


@pytest.mark.parametrize("text", ["A 0.9 AH0\nB 0.8 B\n", "A 1.0 0.5 1.2 0.9 AH0\nB 1.0 0.5 1.2 0.9 B\n"])
def test_the_numbers_of_a_small_dictionary_are_no_symbols(text: str) -> None:
    assert sides(read(text, format="lexicon")) == [("A", "AH0"), ("B", "B")]
    with pytest.raises(DataError) as caught:
        list(require_single_targets(read("A\t0.9\tAH0\n")))
    assert caught.value.hint == "For a pronouncing dictionary, use --format lexicon: the numbers in it are not targets"


def test_a_word_without_its_number_is_an_error() -> None:
    lines = [f"{word} 0.9 {phones}\n" for word, phones in ENTRIES] * 40
    error = error_of("".join(lines) + "last AH0 B\n", format="lexicon")
    assert str(error) == (
        f"f.tsv:{len(lines) + 1}: 'last' is followed by 'AH0'; expected numbers, as in the lines before. "
        "Give all words a probability, or none"
    )


@pytest.mark.parametrize("text", [json.dumps([{"source": "a", "target": ["b", "c"]}], indent=i) for i in (None, 0, 2)])
def test_an_array_of_objects_is_read(text: str) -> None:
    assert sides(read(text)) == [("a", "b", "c")] == sides(read(text, format="jsonl"))
    assert error_of(text.replace('"source"', '"from"')).message == (
        'no key "source" in the object, which has "from", "target"'
    )
    assert error_of('["a", "b"]').message == '"a"; expected a JSON object'


def test_a_file_that_ends_in_csv_needs_no_header(tmp_path: Path) -> None:
    for text in ("hello,bonjour\nred,rouge\n", 'hello,bonjour\n"red",rouge\n'):
        pairs = list(read_pairs(MemoryText([text], name="pairs.csv"), reader_of(), print))
        assert sides(pairs) == [("hello", "bonjour"), ("red", "rouge")]
    with pytest.raises(DataError, match="for commas or semicolons, use --format csv"):
        list(read_pairs(MemoryText(["hello,bonjour\n"], name="pairs.txt"), reader_of(), print))
    with pytest.raises(DataError, match=r"If \| separates the cells, write sep=\| on a line above them"):
        list(read_pairs(MemoryText(["hello|bonjour\n"], name="pairs.txt"), reader_of(), print))


def test_a_word_without_a_pronunciation_is_an_error() -> None:
    error = error_of("A  AH0\nB\n", format="lexicon")
    assert str(error) == (
        "f.tsv:2: 'B' has no pronunciation; expected symbols. "
        "Write the word, a space or a tab, and its symbols with spaces between them"
    )


NAMED = [("a, b", "x"), ("c", "y")]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('source,target\n"a, b",x\nc,y\n', {}),
        ('target;note;source\nx;1;"a, b"\ny;2;c\n', {}),
        ("source\ttarget\na, b\tx\nc\ty\n", {}),
        ("Source\tTarget\na, b\tx\nc\ty\n", {}),
        ("id\tsource\ttarget\n1\ta, b\tx\n2\tc\ty\n", {}),
        ('en,fr\n"a, b",x\nc,y\n', {"columns": ("en", "fr")}),
        ('fr,en\nx,"a, b"\ny,c\n', {"columns": ("en", "fr")}),
        ('"a, b",x\nc,y\n', {"format": "csv"}),
        ('x,1,"a, b"\ny,2,c\n', {"format": "csv", "columns": (3, 1)}),
        ('x;1;"a, b"\ny;2;c\n', {"format": "csv", "columns": (3, 1), "header": False}),
        ('fr,n,en\nx,1,"a, b"\ny,2,c\n', {"format": "csv", "columns": (3, 1), "header": True}),
        ("en\tfr\na, b\tx\nc\ty\n", {"header": True}),
        ('sep=;\nsource;target\n"a, b";x\n\nc;y\n;\n', {}),
        (object_of(en="a, b", fr="x") + object_of(en="c", fr="y"), {"columns": ("en", "fr")}),
    ],
)
def test_columns_and_keys_may_have_names(text: str, values: dict[str, Any]) -> None:
    assert sides(read(text, **values)) == NAMED


def test_a_header_is_reported_and_may_be_a_pair() -> None:
    messages: list[str] = []
    text = "source\ttarget\na\tb\n"
    assert sides(list(read_pairs(MemoryText([text], name="f"), reader_of(), messages.append))) == [("a", "b")]
    assert messages == ["f:1: this line names the columns. Use --no-header to read it as a pair."]
    assert sides(read(text, header=False)) == [("source", "target"), ("a", "b")]


def test_a_header_with_a_source_and_no_target_is_an_error() -> None:
    error = error_of("id\tSource\n1\tabc\n")
    assert str(error) == (
        "f.tsv:1: the first line has 'id', 'Source'; expected a column 'target' beside 'source'. "
        "If the line is a pair, use --no-header; --columns names other columns"
    )
    assert sides(read("id\tSource\n1\tabc\n", header=False)) == [("id", "Source"), ("1", "abc")]
    assert sides(read("source\tsɔːs\nword\twɜːd\n")) == [("source", "sɔːs"), ("word", "wɜːd")]  # a dictionary


def test_columns_that_the_header_lacks_are_an_error() -> None:
    error = error_of("en\tfr\na\tb\n", columns=("en", "de"))
    assert str(error) == (
        "f.tsv:1: the first line has 'en', 'fr'; expected the columns 'en', 'de'. "
        "Name two of its columns with --columns, or count them from 1"
    )


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("source,target\na, b,x\n", {}),
        ("a,x\nc, d,y\n", {"format": "csv"}),
        ("source\ttarget\na\tb\tx\n", {}),
    ],
)
def test_a_row_with_more_cells_than_the_first_one_is_an_error(text: str, values: dict[str, Any]) -> None:
    error = error_of(text, **values)
    assert error.where == "f.tsv:2"
    assert error.message.startswith("has 3 cells; expected 2")
    assert "not quoted? Write it in quotes" in (error.hint or "")


def test_quotes_of_pandas_are_read_and_lone_quotes_are_characters() -> None:
    text = 'a\tb\n"say ""hi"""\tx\n"END-QUOTE\tEH N D\n5" disk\t"y"\n"p\tq"\tz\n'
    assert sides(read(text)) == [
        ("a", "b"),
        ('say "hi"', "x"),
        ('"END-QUOTE', "EH N D"),
        ('5" disk', '"y"'),
        ("p\tq", "z"),
    ]


@pytest.mark.parametrize(("en", "zh", "place"), [(3, 5, "zh:4"), (5, 3, "en:4"), (0, 1, "zh:1"), (1200, 0, "en:1")])
def test_parallel_files_of_different_lengths_are_an_error_with_both_lengths(en: int, zh: int, place: str) -> None:
    error = parallel_error("a\n" * en, "x\n" * zh)
    assert str(error) == (
        f"{place}: has no counterpart: en has {en:,} lines, zh has {zh:,}. "
        "Line n of the target file must belong to line n of the source file"
    )


@pytest.mark.parametrize(("values", "option"), [({"columns": (1, 2)}, "--columns"), ({"format": "jsonl"}, "--format")])
def test_columns_and_formats_are_errors_for_parallel_files_before_reading(values: dict[str, Any], option: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_source(ParallelFiles("no such file", "none either"), reader_of(**values), print)
    assert str(caught.value) == (
        f"{option}: given with a target file; expected one file with both sides. Leave out {option}, or the target file"
    )


def test_columns_are_an_error_for_json_lines() -> None:
    with pytest.raises(ConfigError, match="given numbers of columns for JSON lines; expected the names of two keys"):
        reader_of(columns=(1, 2), format="jsonl")
    with pytest.raises(ConfigError, match=r"given columns for a pronouncing dictionary; expected a table\. Leave out"):
        reader_of(columns=(1, 2), format="lexicon")


def test_a_source_is_a_path_two_paths_or_pairs_in_memory(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("pairs.tsv", "sources", "targets")]
    for path, text in zip(paths, ("a\tb\n", "a\n", "b\n"), strict=True):
        path.write_text(text)
    table = open_source(str(paths[0]), reader_of(), print)
    parallel_files = open_source(ParallelFiles(paths[1], str(paths[2])), reader_of(), print)
    memory = open_source(MemoryPairs([("a", "b")]), reader_of(), print)
    for source in (table, parallel_files, memory):
        source.check()
        assert sides(list(source.examples())) == [("a", "b")]
    assert isinstance(parallel_files, ParallelPairs)
    assert [record.name for record in records_of(parallel_files)] == [str(path) for path in paths[1:]]
    assert [record.bytes for record in records_of(parallel_files)] == [2, 2]
    assert records_of(table) == [table.record]
    with pytest.raises(ConfigError, match="given int; expected a file, two parallel files, or pairs"):
        open_source(3, reader_of(), print)  # type: ignore[arg-type]


def test_both_parallel_files_are_checked_before_reading(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("a\n")
    for names in (("there", "missing"), ("missing", "there")):
        source = open_source(ParallelFiles(*(tmp_path / name for name in names)), reader_of(), print)
        with pytest.raises(DataError, match="missing: no such file"):
            source.check()


def test_both_parallel_files_have_the_encoding_of_the_reader(tmp_path: Path) -> None:
    for name, text in (("sources", "中\n"), ("targets", "文\n")):
        (tmp_path / name).write_bytes(text.encode("utf-16-le"))
    files = ParallelFiles(tmp_path / "sources", tmp_path / "targets")
    source = open_source(files, reader_of(encoding="utf-16-le"), print)
    assert sides(list(source.examples())) == [("中", "文")]


def test_a_byte_that_cannot_be_decoded_is_an_error_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_bytes(b"a\tb\nc\t\xff\n")
    with pytest.raises(DataError) as caught:
        list(read_pairs(TextSource(path), reader_of(), print))
    assert caught.value.where == f"{path}:2"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a\tb\nc\td\te\n",
            "f.tsv:2: has 3 columns; expected 2. "
            "Use --extra-targets to train on all of them, or --columns 1,2 to ignore the others",
        ),
        (
            object_of(source="a", target=["b"]) + object_of(source="c", target=["d", "e", "f"]),
            "f.tsv:2: has 3 targets; expected 1. Use --extra-targets to train on all of them",
        ),
    ],
)
def test_further_targets_are_errors_without_extra_targets(text: str, message: str) -> None:
    pairs = require_single_targets(read(text))
    assert next(pairs).targets == ("b",)
    with pytest.raises(DataError) as caught:
        next(pairs)
    assert str(caught.value) == message


def test_pairs_with_one_target_pass_unchanged() -> None:
    pairs = [*read(LINES), *read("a\tb\t\n"), *MemoryPairs([("a", ["b"])]).examples()]
    assert list(require_single_targets(pairs)) == pairs


def test_pairs_in_memory_are_read_with_their_place() -> None:
    items: list[Any] = [("a ", "b"), ["床前", ["chuáng qián", " x "]], ("c", ("d",))]
    expected = [("a", ("b",), "item 0"), ("床前", ("chuáng qián", "x"), "item 1"), ("c", ("d",), "item 2")]
    assert fields_of(list(MemoryPairs(items).examples())) == [(*fields, None) for fields in expected]


def test_the_record_of_pairs_in_memory_is_that_of_json_lines() -> None:
    pairs = MemoryPairs([("a", "b"), ("中", ["d", "e"])], name="mine")
    text = object_of(source="a", target=["b"]) + object_of(source="中", target=["d", "e"])
    content = text.encode()
    assert pairs.record == SourceRecord("mine", len(content), hashlib.sha256(content).hexdigest())
    assert sides(read(text)) == sides(list(pairs.examples()))
    assert MemoryPairs([("a", "b")]).record != MemoryPairs([("a", "c")]).record
    assert MemoryPairs(()).record == SourceRecord("memory", 0, hashlib.sha256(b"").hexdigest())


@pytest.mark.parametrize(
    "item",
    ["ab", ("a",), ("a", "b", "c"), ("a", 3), (3, "a"), ("a", []), ("a", ["b", None]), {"a": "b"}, None, ("a", {"b"})],
    ids=repr,
)
def test_an_item_that_is_not_a_pair_is_an_error_with_its_number(item: Any) -> None:
    for read_all in (lambda pairs: list(pairs.examples()), lambda pairs: pairs.record):
        with pytest.raises(DataError) as caught:
            read_all(MemoryPairs([("a", "b")] * 3 + [item]))
        assert caught.value.message == f"item 3 is {item!r}; expected (source, target)"
        assert caught.value.hint == "A target is a text, or a list of texts, any of which is right"


def test_an_empty_text_in_memory_is_an_error_with_its_place() -> None:
    with pytest.raises(DataError) as caught:
        list(MemoryPairs([("a", "b"), ("a", ["b", " "])]).examples())
    assert str(caught.value) == "item 1: has an empty target; expected text. Fill it in, or leave the pair out"


def test_an_error_shows_only_the_beginning_of_a_long_item() -> None:
    with pytest.raises(DataError, match=r"^item 0 is '" + "x" * 38 + r"…; expected \(source, target\)"):
        list(MemoryPairs(["x" * 1000]).examples())  # type: ignore[list-item]
