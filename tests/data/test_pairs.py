"""Reading pairs: two columns, JSON lines, parallel files or Python's own, and the place of every mistake."""

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data import readers
from elman.data.readers.text import MemoryText, SourceRecord, TextSource
from elman.errors import ConfigError, DataError
from elman.tasks.seq2seq.readers import MemoryPairs, Pair, read_pairs, refuse_extra_targets

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
SPACES = "are the columns separated by spaces? write a tab; --columns picks other columns than 1,2"
OBJECT = 'expected {"source": ..., "target": ...}'


def read(text: str, **choices: Any) -> list[Pair]:
    return list(read_pairs(MemoryText([text], name="f.tsv"), **choices))


def sides(pairs: list[Pair]) -> list[tuple[str, ...]]:
    return [(pair.source, *pair.targets) for pair in pairs]


def refusal(text: str, **choices: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        read(text, **choices)
    assert caught.value.exit_code == 3
    return caught.value


def parallel(source: str, target: str) -> list[Pair]:
    en, zh = (MemoryText([text] if text else [], name) for text, name in ((source, "en"), (target, "zh")))
    return list(read_pairs(en, target=zh))


def parallel_refusal(source: str, target: str) -> DataError:
    with pytest.raises(DataError) as caught:
        parallel(source, target)
    return caught.value


def object_of(**values: Any) -> str:
    return json.dumps(values, ensure_ascii=False) + "\n"


@few
@given(st.lists(st.tuples(cells, cells), max_size=5))
def test_what_is_written_in_two_columns_or_as_json_is_read(pairs: list[tuple[str, str]]) -> None:
    table = "".join(f"{source}\t{target}\n" for source, target in pairs)
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
def test_the_same_pairs_are_read_whatever_they_are_wrapped_in_and_wherever_blocks_end(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_bytes(content)
    expected = [Pair(*PAIRS[i][:1], PAIRS[i][1:], f"{path}:{i + 1}", 2) for i in range(len(PAIRS))]
    for size in (1 << 20, 4, 5, 7, 30):
        monkeypatch.setattr(readers, "BLOCK_BYTES", size)
        source = TextSource(path)
        assert list(read_pairs(source)) == expected, size
        assert source.record.sha256 == hashlib.sha256(content).hexdigest()


def test_a_line_of_many_blocks_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "long.tsv"
    source, target = "中文 ab" * 100, "x y" * 100
    path.write_text(f"a\tb\n{source}\t{target}\nc\td\n", "utf-8")
    for size in (8, 64):
        monkeypatch.setattr(readers, "BLOCK_BYTES", size)
        assert len(list(TextSource(path).blocks())) > 10
        assert sides(list(read_pairs(TextSource(path)))) == [("a", "b"), (source, target), ("c", "d")]


def test_spaces_around_a_cell_are_no_part_of_it_and_those_between_are() -> None:
    assert sides(read(" a  b \t\u3000c d \n")) == [("a  b", "c d")]
    assert sides(read(object_of(source=" a\n", target=["\tb c ", "d"]))) == [("a", "b c", "d")]
    assert sides(parallel(" a\tb \n", "  c\n")) == [("a\tb", "c")]


def test_blank_lines_are_skipped_and_counted() -> None:
    assert [pair.where for pair in read("\n \na\tb\n\u3000\n\nc\td\n\n")] == ["f.tsv:3", "f.tsv:6"]
    objects = f"\n{object_of(source='a', target='b')} \n\t\n{object_of(source='c', target='d')}"
    assert [pair.where for pair in read(objects)] == ["f.tsv:2", "f.tsv:5"]
    assert read("") == read("\n \n") == []


def test_columns_after_the_second_are_further_targets() -> None:
    assert read("a\tb\tc\td\n") == [Pair("a", ("b", "c", "d"), "f.tsv:1", 4)]


def test_what_a_spreadsheet_fills_short_rows_up_with_is_no_target() -> None:
    assert [pair.targets for pair in read("a\tb\tc\t \na\tb\t\t\n")] == [("b", "c"), ("b",)]


@pytest.mark.parametrize(("columns", "expected"), [((2, 1), ("b", "a")), ((1, 3), ("a", "c")), ((3, 3), ("c", "c"))])
def test_columns_are_picked_and_the_others_left_out(columns: tuple[int, int], expected: tuple[str, str]) -> None:
    assert sides(read("a\tb\tc\n\n", columns=columns)) == [expected]
    assert sides(list(refuse_extra_targets(read("a\tb\tc\n", columns=columns)))) == [expected]


def test_columns_may_hold_what_looks_like_json() -> None:
    line = '{"source": "a"}\tb\n'
    assert sides(read(line, columns=(1, 2))) == sides(read(line)) == [('{"source": "a"}', "b")]


def test_the_first_line_that_is_not_blank_tells_the_format() -> None:
    objects = object_of(source="a", target="b", note=3)
    assert sides(read("\n\n  " + objects)) == sides(read(objects, format="jsonl")) == [("a", "b")]
    assert sides(read("{a\tb\n" + objects.replace(", ", "\t"))) == [
        ("{a", "b"),
        ('{"source": "a"', '"target": "b"', '"note": 3}'),
    ]
    assert refusal(objects, format="tsv").hint == "is it JSON? --format jsonl says so"


@pytest.mark.parametrize(
    ("line", "choices", "message", "hint"),
    [
        ("hello HH AH0", {}, "has one column, expected SOURCE TAB TARGET", SPACES),
        ("hello HH AH0", {"format": "tsv"}, "has one column, expected SOURCE TAB TARGET", SPACES),
        ('{"source": "a"', {}, "has one column, expected SOURCE TAB TARGET", "is it JSON? --format jsonl says so"),
        ("a\t", {}, "has an empty target, expected text", "fill it in, or leave the pair out"),
        ("a\t\u3000\tb", {}, "has an empty target, expected text", "fill it in, or leave the pair out"),
        (" \tb", {}, "has an empty source, expected text", "fill it in, or leave the pair out"),
        ("\t", {}, "has an empty source, expected text", "fill it in, or leave the pair out"),
        ("a\tb\t", {"columns": (3, 1)}, "has an empty source, expected text", "fill it in, or leave the pair out"),
        (
            "a",
            {"columns": (2, 1)},
            "has one column, expected at least 2",
            "--columns 2,1 asks for them, counted from 1 and separated by tabs",
        ),
        (
            "a\tb",
            {"columns": (1, 4)},
            "has 2 columns, expected at least 4",
            "--columns 1,4 asks for them, counted from 1 and separated by tabs",
        ),
    ],
)
def test_a_malformed_line_of_a_table_is_told_with_its_place(
    line: str, choices: dict[str, Any], message: str, hint: str
) -> None:
    """The line alone, and as the fourth of others that are fine."""
    for before, place in (("", 1), ("a\tb\tc\td\n\nc\td\te\tf\n", 4)):
        error = refusal(before + line + "\n", **choices)
        assert (error.where, error.message, error.hint) == (f"f.tsv:{place}", message, hint)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"source": "a", "target": "b"', "is not JSON (Expecting ',' delimiter: line 1 column 30 (char 29))"),
        ("a\tb", "is not JSON (Expecting value: line 1 column 1 (char 0))"),
        ('["a", "b"]', 'is ["a", "b"], expected an object'),
        ("3" * 60, f"is {'3' * 39}…, expected an object"),
        ('{"target": "b"}', 'lacks "source"'),
        ('{"source": "a", "targets": "b"}', 'lacks "target"'),
        ('{"source": 3, "target": "b"}', '"source" is 3, expected text'),
        ('{"source": ["a"], "target": "b"}', '"source" is ["a"], expected text'),
        ('{"source": "a", "target": null}', '"target" is null, expected text or a list of texts'),
        ('{"source": "a", "target": []}', '"target" is [], expected text or a list of texts'),
        ('{"source": "a", "target": ["b", 3]}', '"target" is ["b", 3], expected text or a list of texts'),
        ('{"source": "a", "target": {"b": "中"}}', '"target" is {"b": "中"}, expected text or a list of texts'),
    ],
)
def test_a_malformed_json_line_is_told_with_its_place(line: str, message: str) -> None:
    for before, place in (("", 1), (object_of(source="a", target="b") + "\n", 3)):
        error = refusal(before + line + "\n", format="jsonl")
        assert (error.where, error.message, error.hint) == (f"f.tsv:{place}", message, OBJECT)


def test_json_that_python_will_not_read_is_refused_too() -> None:
    for line in ("[" * 100_000, '{"source": ' + "3" * 5000 + "}"):
        assert refusal(line, format="jsonl").message.startswith("is not JSON (")
        assert refusal(line).message == "has one column, expected SOURCE TAB TARGET"


@pytest.mark.parametrize(("target", "message"), [("  ", "has an empty target"), (["b", ""], "has an empty target")])
def test_an_empty_text_in_json_is_told_with_its_place(target: Any, message: str) -> None:
    error = refusal(object_of(source="a", target="b") + object_of(source="a", target=target))
    assert str(error) == f"f.tsv:2: {message}, expected text; fill it in, or leave the pair out"
    assert refusal(object_of(source="", target="b")).message == "has an empty source, expected text"


def test_a_lone_surrogate_is_no_character() -> None:
    assert sides(read('{"source": "a\\ud800", "target": "b"}')) == [("a?", "b")]
    assert sides(list(MemoryPairs([("a\ud800", "b")]).pairs())) == [("a?", "b")]


def test_two_files_are_read_line_by_line() -> None:
    pairs = parallel("one\ntwo\n", "一\n二")
    assert pairs == [Pair("one", ("一",), "en:1"), Pair("two", ("二",), "en:2")]
    assert parallel("", "") == []


@pytest.mark.parametrize(
    ("source", "target", "place", "side"),
    [
        ("a\n\nc\n", "x\ny\nz\n", "en:2", "source"),
        ("a\nb\n", "x\n \n", "zh:2", "target"),
        ("\n", "\n", "en:1", "source"),
    ],
)
def test_a_blank_line_of_a_parallel_file_is_an_empty_side(source: str, target: str, place: str, side: str) -> None:
    error = parallel_refusal(source, target)
    assert str(error) == f"{place}: has an empty {side}, expected text; fill it in, or leave the pair out"


@pytest.mark.parametrize(("en", "zh", "place"), [(3, 5, "zh:4"), (5, 3, "en:4"), (0, 1, "zh:1"), (1200, 0, "en:1")])
def test_parallel_files_of_different_length_say_both_lengths(en: int, zh: int, place: str) -> None:
    error = parallel_refusal("a\n" * en, "x\n" * zh)
    assert str(error) == (
        f"{place}: has no counterpart: en has {en:,} lines, zh has {zh:,}; "
        "line n of one file belongs to line n of the other"
    )


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (
            {"target": MemoryText(["x"]), "columns": (1, 2)},
            "columns and formats are of one file, given a target file too; "
            "leave out --columns and --format, or name one file that holds both sides",
        ),
        (
            {"target": MemoryText(["x"]), "format": "jsonl"},
            "columns and formats are of one file, given a target file too; "
            "leave out --columns and --format, or name one file that holds both sides",
        ),
        ({"columns": (0, 1)}, "columns: given 0,1, expected numbers from 1; --columns 1,2"),
        ({"columns": (1, 2), "format": "jsonl"}, "columns: given for JSON lines, which have none; leave out --columns"),
    ],
)
def test_choices_that_exclude_each_other_are_refused_before_reading(choices: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_pairs(TextSource("no such file"), **choices)
    assert str(caught.value) == message


def test_what_a_reader_refuses_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_bytes(b"a\tb\nc\t\xff\n")
    with pytest.raises(DataError) as caught:
        list(read_pairs(TextSource(path)))
    assert caught.value.where == f"{path}:2"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a\tb\nc\td\te\n",
            "f.tsv:2: has 3 columns, expected 2; "
            "--extra-targets takes them as further targets; --columns 1,2 leaves them out",
        ),
        (
            object_of(source="a", target=["b"]) + object_of(source="c", target=["d", "e", "f"]),
            "f.tsv:2: has 3 targets, expected 1; --extra-targets takes them as further targets",
        ),
    ],
)
def test_further_targets_are_refused_where_they_were_not_asked_for(text: str, message: str) -> None:
    pairs = refuse_extra_targets(read(text))
    assert next(pairs).targets == ("b",)
    with pytest.raises(DataError) as caught:
        next(pairs)
    assert str(caught.value) == message


def test_pairs_of_one_target_pass_as_they_are() -> None:
    pairs = [*read(LINES), *read("a\tb\t\n"), *MemoryPairs([("a", ["b"])]).pairs()]
    assert list(refuse_extra_targets(pairs)) == pairs


def test_pairs_in_memory_are_read_with_their_place() -> None:
    items = [("a ", "b"), ["床前", ["chuáng qián", " x "]], ("c", ("d",))]
    expected = [Pair("a", ("b",), "item 0"), Pair("床前", ("chuáng qián", "x"), "item 1"), Pair("c", ("d",), "item 2")]
    assert list(MemoryPairs(items).pairs()) == expected


def test_pairs_in_memory_have_a_record_of_the_lines_that_they_would_be() -> None:
    pairs = MemoryPairs([("a", "b"), ("中", ["d", "e"])], name="mine")
    content = "".join(pairs.blocks()).encode()
    assert pairs.record == SourceRecord("mine", len(content), hashlib.sha256(content).hexdigest())
    assert sides(list(read_pairs(pairs))) == sides(list(pairs.pairs()))
    assert MemoryPairs([("a", "b")]).record != MemoryPairs([("a", "c")]).record
    assert MemoryPairs(()).record == SourceRecord("memory", 0, hashlib.sha256(b"").hexdigest())


@pytest.mark.parametrize(
    "item",
    ["ab", ("a",), ("a", "b", "c"), ("a", 3), (3, "a"), ("a", []), ("a", ["b", None]), {"a": "b"}, None, ("a", {"b"})],
    ids=repr,
)
def test_what_is_no_pair_is_told_with_its_place(item: Any) -> None:
    for read_all in (lambda pairs: list(pairs.pairs()), lambda pairs: pairs.record):
        with pytest.raises(DataError) as caught:
            read_all(MemoryPairs([("a", "b")] * 3 + [item]))
        assert caught.value.message == f"item 3 is {item!r}, expected (source, target)"
        assert caught.value.hint == "a target is text, or a list of texts of which any is right"


def test_an_empty_text_in_memory_is_told_with_its_place() -> None:
    with pytest.raises(DataError) as caught:
        list(MemoryPairs([("a", "b"), ("a", ["b", " "])]).pairs())
    assert str(caught.value) == "item 1: has an empty target, expected text; fill it in, or leave the pair out"


def test_a_long_thing_that_is_no_pair_is_shown_in_part() -> None:
    with pytest.raises(DataError, match=r"^item 0 is '" + "x" * 38 + r"…, expected \(source, target\)"):
        list(MemoryPairs(["x" * 1000]).pairs())
