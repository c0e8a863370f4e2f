"""Tagged sentences: every format read alike, and what is wrong told with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.data.readers import TextSource
from elman.data.token_lines import cut, told_format
from elman.errors import ConfigError, DataError
from elman.tasks.tagger.readers import MemoryTagged, TagColumns, Tagged, read_any, read_tagged

EXPECTED = [(("Don't", "go", "10 000"), ("AUX", "VERB", "NUM")), (("你",), ("PRON",))]
CONLLU = """# sent_id = 1
1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_
1\tDon't\tdo\tAUX\tVB\t_\t2\taux\t_\t_
2\tgo\tgo\tVERB\tVB\t_\t0\troot\t_\t_
2.1\tnothing\t_\tX\t_\t_\t_\t_\t_\t_
3\t10 000\t10 000\tNUM\tCD\tNumType=Card\t2\tobj\t_\t_

# sent_id = 2

1\t你\t你\tPRON\tPN\t_\t0\troot\t_\t_
"""
FORMATS = {
    "conllu": CONLLU,
    "columns": "Don't\tx\tAUX\ngo\tx\tVERB\n10 000\tx\tNUM\n\n\n你\tx\tPRON\n",
    "jsonl": "".join(json.dumps({"tokens": tokens, "tags": tags}) + "\n" for tokens, tags in EXPECTED),
}


def read(path: Path, content: str, columns: TagColumns | None = None, format: str = "auto") -> list[Tagged]:  # noqa: A002
    path.write_text(content, "utf-8")
    return list(read_tagged(TextSource(path), columns=columns, format=format))  # type: ignore[arg-type]


def told(path: Path, content: str, columns: TagColumns | None = None, format: str = "auto") -> str:  # noqa: A002
    with pytest.raises((DataError, ConfigError)) as raised:
        read(path, content, columns, format)
    return str(raised.value).replace(str(path), "FILE")


def plain(found: list[Tagged]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    return [(each.tokens, each.tags) for each in found]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_told_by_its_content_and_says_the_same(name: str, tmp_path: Path) -> None:
    path = tmp_path / "data"
    assert plain(read(path, FORMATS[name])) == EXPECTED
    assert plain(read(path, "\n\n" + FORMATS[name], format=name)) == EXPECTED
    assert plain(list(read_any(path))) == EXPECTED


def test_a_sentence_on_a_line_is_words_or_characters(tmp_path: Path) -> None:
    path = tmp_path / "data"
    found = read(path, "银行\tyín háng\n我 走 了\twǒ zǒu le\n一\tyī\nHello\tINTJ\n")
    assert plain(found) == [
        (("银", "行"), ("yín", "háng")),
        (("我", "走", "了"), ("wǒ", "zǒu", "le")),
        (("一",), ("yī",)),
        (("Hello",), ("INTJ",)),
    ]
    assert found[2].where(0) == f"{path}:3"
    assert cut("New York", 2) == ["New", "York"]
    assert cut("ab c", 3) == ["a", "b", "c"]
    assert cut("ab c", 2) == ["ab", "c"] == cut("ab c", 5)


def test_places_are_those_of_tokens(tmp_path: Path) -> None:
    first, second = read(tmp_path / "data", CONLLU)
    assert first.places == tuple(f"{tmp_path / 'data'}:{line}" for line in (3, 4, 6))
    assert second.where(0) == f"{tmp_path / 'data'}:10"


def test_other_columns_are_named_or_counted(tmp_path: Path) -> None:
    path = tmp_path / "data"
    assert plain(read(path, CONLLU, TagColumns(tag="xpos")))[0][1] == ("VB", "VB", "CD")
    assert plain(read(path, CONLLU, TagColumns(token="lemma", tag="6")))[0] == (
        ("do", "go", "10 000"),
        ("_", "_", "NumType=Card"),
    )
    columns = "-DOCSTART- -X- O\n\nEU NNP B-ORG\nrejects VBZ O\n"
    assert plain(read(path, columns)) == [(("EU", "rejects"), ("B-ORG", "O"))]
    assert plain(read(path, columns, TagColumns(tag="2"))) == [(("EU", "rejects"), ("NNP", "VBZ"))]
    assert plain(read(path, columns, TagColumns(token="2", tag="1"))) == [(("NNP", "VBZ"), ("EU", "rejects"))]
    objects = '{"words": ["a"], "pos": ["X"]}\n'
    assert plain(read(path, objects, TagColumns("words", "pos"))) == [(("a",), ("X",))]


def test_a_format_is_told_by_a_line() -> None:
    assert told_format("1" + 9 * "\t_") == "conllu"
    assert told_format("1-2\tdu" + 8 * "\t_") == "conllu"
    assert told_format("the\tDET") == "columns"
    assert told_format("银行\tyín háng") == "lines"
    assert told_format("银行\tyín") == "columns"
    assert told_format('{"tokens": []}') == "jsonl"


@pytest.mark.parametrize(
    ("content", "columns", "expected"),
    [
        (
            CONLLU.replace("2\tgo\tgo", "2"),
            None,
            "FILE:4: has 8 columns, expected ten, separated by tabs; is it",
        ),
        (CONLLU.replace("2\tgo", "4\tgo"), None, "FILE:4: has the ID '4', expected 2; is a line missing"),
        (CONLLU.replace("2\tgo", "x\tgo"), None, "FILE:4: has the ID 'x', expected 2"),
        (CONLLU.replace("VERB", "_"), None, "FILE:4: has no upos (`_`); --column names another"),
        (CONLLU.replace("go\tgo", "\tgo"), None, "FILE:4: has an empty token; fill it in"),
        (CONLLU, TagColumns(tag="pos"), "CoNLL-U has no column 'pos': choose id, form, lemma, upos"),
        ("a X\nb\n", None, "FILE:2: has one column, expected 2 as in the lines before; is the blank line"),
        ("a\nb\n", None, "FILE:1: has one column, expected a token and its tag"),
        ("a X\n", TagColumns(tag="3"), "FILE:1: has no column 3; --words and --column count from 1 to 2"),
        ("a X\n", TagColumns(tag="upos"), "--column: given 'upos', expected the number of a column, from 1"),
        (
            "a\tX Y\n",
            None,
            "FILE:1: has the tag 'X Y', expected no space in it; is it a sentence a line?",
        ),
        ("a b\tX Y\nc\n", None, "FILE:2: has one column, expected tokens TAB tags; a sentence a line"),
        ("a b\tX Y\na b c\tX Y\n", None, "FILE:2: has 3 tokens and 2 tags, expected as many of each"),
        ('{"tokens": ["a"]}\n', None, 'FILE:1: lacks "tags"; expected {"tokens": ["..."], "tags": ["..."]}'),
        ('{"tokens": "a", "tags": ["X"]}\n', None, 'FILE:1: "tokens" is "a", expected a list of text'),
        ('{"tokens": ["a", " "], "tags": ["X", "Y"]}\n', None, "FILE:1: has an empty token"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    content: str, columns: TagColumns | None, expected: str, tmp_path: Path
) -> None:
    assert told(tmp_path / "data", content, columns).startswith(expected)


def test_sentences_in_memory_are_lists_arrays_or_text() -> None:
    items: Any = [
        (["a", "b"], ("X", "Y")),
        (np.array(["a", "b"]), np.array(["X", "Y"])),
        ["a b", ["X", "Y"]],
        ("ab", ["X", "Y"]),
        ([], []),
    ]
    held = MemoryTagged(items)
    assert plain(list(held.tagged())) == [(("a", "b"), ("X", "Y"))] * 4
    assert held.record.sha256 == MemoryTagged(items[:1] * 4).record.sha256
    for wrong in ("ab", (["a"],), (["a"], "X"), (["a", None], ["X", "Y"]), None, (["a"], None)):
        with pytest.raises(DataError, match=r"item 0 is .*, expected its tokens and their tags"):
            list(MemoryTagged([wrong]).tagged())  # type: ignore[list-item]
    with pytest.raises(DataError, match="item 1: has 2 tokens and 1 tags, expected as many of each"):
        list(MemoryTagged([(["a"], ["X"]), (["a", "b"], ["X"])]).tagged())


def test_comments_tell_no_format_and_other_spaces_are_tokens(tmp_path: Path) -> None:
    path = tmp_path / "data"
    assert plain(read(path, "#\tSYM\n1\tNUM\n")) == [(("#", "1"), ("SYM", "NUM"))]
    assert plain(read(path, "#\tSYM\n")) == [(("#",), ("SYM",))]
    assert plain(read(path, "\u3000 O\n好 B\n")) == [(("\u3000", "好"), ("O", "B"))]
    assert plain(read(path, "# only a comment\n", format="conllu")) == []
