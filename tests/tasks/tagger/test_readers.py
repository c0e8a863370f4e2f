"""Readers of tagged sentences: every format gives the same examples, and errors name their place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.data.readers.token_lines import detect_format, split_tokens
from elman.data.sources import ParallelFiles
from elman.errors import ConfigError, DataError
from elman.tasks.tagger.config import TaggerReaderConfig
from elman.tasks.tagger.readers import MemorySentences, TaggedSentence, open_source, require_sentences

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


def read(path: Path, content: str, **reader: Any) -> list[TaggedSentence]:
    path.write_text(content, "utf-8")
    return list(open_source(path, TaggerReaderConfig(**reader), lambda message: None).examples())


def error_of(path: Path, content: str, **reader: Any) -> str:
    with pytest.raises((DataError, ConfigError)) as raised:
        read(path, content, **reader)
    return str(raised.value).replace(str(path), "FILE")


def pairs(sentences: list[TaggedSentence]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    return [(sentence.tokens, sentence.tags) for sentence in sentences]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_detected_and_gives_the_same_sentences(name: str, tmp_path: Path) -> None:
    path = tmp_path / "data"
    assert pairs(read(path, FORMATS[name])) == EXPECTED
    assert pairs(read(path, "\n\n" + FORMATS[name], format=name)) == EXPECTED


def test_a_sentence_on_a_line_is_words_or_characters(tmp_path: Path) -> None:
    path = tmp_path / "data"
    sentences = read(path, "银行\tyín háng\n我 走 了\twǒ zǒu le\n一\tyī\nHello\tINTJ\n")
    assert pairs(sentences) == [
        (("银", "行"), ("yín", "háng")),
        (("我", "走", "了"), ("wǒ", "zǒu", "le")),
        (("一",), ("yī",)),
        (("Hello",), ("INTJ",)),
    ]
    assert sentences[2].where(0) == f"{path}:3"
    assert split_tokens("New York", 2) == ["New", "York"]
    assert split_tokens("ab c", 3) == ["a", "b", "c"]
    assert split_tokens("ab c", 2) == ["ab", "c"] == split_tokens("ab c", 5)


def test_places_are_those_of_the_tokens(tmp_path: Path) -> None:
    first, second = read(tmp_path / "data", CONLLU)
    assert first.places == tuple(f"{tmp_path / 'data'}:{line}" for line in (3, 4, 6))
    assert second.where(0) == f"{tmp_path / 'data'}:10"


def test_columns_have_names_or_numbers(tmp_path: Path) -> None:
    path = tmp_path / "data"
    assert pairs(read(path, CONLLU, tag_column="xpos"))[0][1] == ("VB", "VB", "CD")
    assert pairs(read(path, CONLLU, token_column="lemma", tag_column="6"))[0] == (
        ("do", "go", "10 000"),
        ("_", "_", "NumType=Card"),
    )
    columns = "-DOCSTART- -X- O\n\nEU NNP B-ORG\nrejects VBZ O\n"
    assert pairs(read(path, columns)) == [(("EU", "rejects"), ("B-ORG", "O"))]
    assert pairs(read(path, columns, tag_column="2")) == [(("EU", "rejects"), ("NNP", "VBZ"))]
    assert pairs(read(path, columns, token_column="2", tag_column="1")) == [(("NNP", "VBZ"), ("EU", "rejects"))]
    objects = '{"words": ["a"], "pos": ["X"]}\n'
    assert pairs(read(path, objects, token_column="words", tag_column="pos")) == [(("a",), ("X",))]


def test_a_line_decides_the_format() -> None:
    assert detect_format("1" + 9 * "\t_") == "conllu"
    assert detect_format("1-2\tdu" + 8 * "\t_") == "conllu"
    assert detect_format("the\tDET") == "columns"
    assert detect_format("银行\tyín háng") == "lines"
    assert detect_format("银行\tyín") == "columns"
    assert detect_format('{"tokens": []}') == "jsonl"


@pytest.mark.parametrize(
    ("content", "reader", "expected"),
    [
        (CONLLU.replace("2\tgo\tgo", "2"), {}, "FILE:4: 8 columns; expected ten columns, separated by tabs. If"),
        (CONLLU.replace("2\tgo", "4\tgo"), {}, "FILE:4: the ID is '4'; expected 2. Add the missing line"),
        (CONLLU.replace("2\tgo", "x\tgo"), {}, "FILE:4: the ID is 'x'; expected 2"),
        (CONLLU.replace("VERB", "_"), {}, "FILE:4: no upos (`_`); expected a tag. Name another column, such as"),
        (CONLLU.replace("go\tgo", "\tgo"), {}, "FILE:4: empty token; expected text. Fill it in"),
        (CONLLU, {"tag_column": "pos"}, "CoNLL-U has no column 'pos'; expected one of id, form, lemma, upos"),
        ("a X\nb\n", {}, "FILE:2: one column; expected 2, as in the lines before. Add the blank line"),
        ("a\nb\n", {}, "FILE:1: one column; expected a token and its tag"),
        ("a X\n", {"tag_column": "3"}, "FILE:1: 2 columns; expected a column 3. Give --words and --column from 1"),
        ("a X\n", {"tag_column": "upos"}, "--column is 'upos'; expected the number of a column, from 1"),
        ("a\tX Y\n", {}, "FILE:1: the tag is 'X Y'; expected a tag without spaces. If each line is a whole"),
        ("a b\tX Y\nc\n", {}, "FILE:2: one column; expected TOKENS TAB TAGS. Write one sentence on each line"),
        ("a b\tX Y\na b c\tX Y\n", {}, "FILE:2: 3 tokens and 2 tags; expected as many of each"),
        (
            '{"tokens": ["a"]}\n',
            {},
            'FILE:1: no key "tags" in the object. Write an object on each line: {"tokens": ["..."], "tags": ["..."]}',
        ),
        (
            '{"tokens": "a", "tags": ["X"]}\n',
            {},
            'FILE:1: "tokens" is "a"; expected a list of text. Write an object on each line',
        ),
        ('{"tokens": ["a", " "], "tags": ["X", "Y"]}\n', {}, "FILE:1: empty token"),
    ],
)
def test_a_malformed_line_is_an_error_with_its_place(
    content: str, reader: dict[str, str], expected: str, tmp_path: Path
) -> None:
    assert error_of(tmp_path / "data", content, **reader).startswith(expected)


def test_a_target_file_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"given a target file beside a\.txt; expected a file, or sentences"):
        open_source(ParallelFiles("a.txt", "b.txt"), TaggerReaderConfig(), lambda message: None)


def test_sentences_in_memory_are_lists_arrays_or_text() -> None:
    items: Any = [
        (["a", "b"], ("X", "Y")),
        (np.array(["a", "b"]), np.array(["X", "Y"])),
        ["a b", ["X", "Y"]],
        ("ab", ["X", "Y"]),
        ([], []),
    ]
    source = MemorySentences(items)
    assert open_source(source, TaggerReaderConfig(), lambda message: None) is source
    assert pairs(list(source.examples())) == [(("a", "b"), ("X", "Y"))] * 4
    assert source.record.sha256 == MemorySentences(items[:1] * 4).record.sha256
    invalid_items: list[Any] = ["ab", (["a"],), (["a"], "X"), (["a", None], ["X", "Y"]), None, (["a"], None)]
    for item in invalid_items:
        with pytest.raises(DataError, match=r"item 0 is .*; expected tokens and their tags"):
            list(MemorySentences([item]).examples())
    with pytest.raises(DataError, match="item 1: 2 tokens and 1 tags; expected as many of each"):
        list(MemorySentences([(["a"], ["X"]), (["a", "b"], ["X"])]).examples())


def test_sentences_to_tag_are_texts_or_lists_of_tokens() -> None:
    sentences: Any = ["a b", ["c"], ("d",), np.array(["e"]), []]
    assert require_sentences(sentences, str.split) == [["a", "b"], ["c"], ["d"], ["e"], []]
    with pytest.raises(DataError, match="sentence 7 is None; expected a text or a list of tokens"):
        require_sentences([None], str.split, 7)  # type: ignore[list-item]


def test_comments_do_not_decide_the_format_and_other_spaces_are_tokens(tmp_path: Path) -> None:
    path = tmp_path / "data"
    assert pairs(read(path, "#\tSYM\n1\tNUM\n")) == [(("#", "1"), ("SYM", "NUM"))]
    assert pairs(read(path, "#\tSYM\n")) == [(("#",), ("SYM",))]
    assert pairs(read(path, "\u3000 O\n好 B\n")) == [(("\u3000", "好"), ("O", "B"))]
    assert pairs(read(path, "# only a comment\n", format="conllu")) == []
