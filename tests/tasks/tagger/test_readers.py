"""Readers of tagged sentences: every format gives the same examples, and errors name their place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.data.layout import Layout
from elman.data.readers.token_lines import detect_format, split_tokens
from elman.data.sources import ParallelFiles, common_layout
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
            'FILE:1: no key "tags" in the object, which has "tokens". '
            'Write an object on each line: {"tokens": ["..."], "tags": ["..."]}',
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


TOKENS = [(("EU", "rejects", "call"), ("B-ORG", "O", "O")), (("Peter",), ("B-PER",))]
SPACED = """# sent_id = 1
1  EU  eu  PROPN  NNP  _  2  nsubj  _  _
2  rejects  reject  VERB  VBZ  _  0  root  _  SpaceAfter=No
3  call  call  NOUN  NN  _  2  obj  _  _

1 Peter Peter PROPN NNP _ 0 root _ _
"""
COLUMNS = {
    "germeval": "#\thttp://x.org/0 [2009-10-17]\n1\tEU\tO\tB-ORG\n2\trejects\tO\tO\n3\tcall\tO\tO\n\n"
    "#\thttp://x.org/1 [2009-10-17]\n1\tPeter\tO\tB-PER\n",
    "multiconer": "# id 0000\tdomain=en\nEU _ _ B-ORG\nrejects _ _ O\ncall _ _ O\n\n"
    "# id 0001\tdomain=en\nPeter _ _ B-PER\n",
    "same width": "# newsent\nEU B-ORG\nrejects O\ncall O\n\n# newsent\nPeter B-PER\n",
    "several comments": "# a\n# text = EU rejects call\nEU B-ORG\nrejects O\ncall O\n\n"
    "# b\n# text = Peter\nPeter B-PER\n",
    "numbers": "1 EU NNP B-ORG\n2 rejects VBZ O\n3 call NN O\n\n1 Peter NNP B-PER\n",
    "numbers and tabs": "1\tEU\tB-ORG\n2\trejects\tO\n3\tcall\tO\n\n1\tPeter\tB-PER\n",
    "a comment alone": "# a comment of many words\n\nEU B-ORG\nrejects O\ncall O\n\nPeter B-PER\n",
    "document start": "-DOCSTART- -X- O\n\nEU NNP B-ORG\nrejects VBZ O\ncall NN O\n\nPeter NNP B-PER\n",
    "sentence numbers": "#1\tx\ty\nEU\tB-ORG\nrejects\tO\ncall\tO\n\n#2\tx\ty\nPeter\tB-PER\n",
    "plain": "EU B-ORG\nrejects O\ncall O\n\nPeter B-PER\n",
    "numbers from zero": "0 EU NNP B-ORG\n1 rejects VBZ O\n2 call NN O\n\n0 Peter NNP B-PER\n",
    "numbers of the file": "7 EU NNP B-ORG\n8 rejects VBZ O\n9 call NN O\n\n10 Peter NNP B-PER\n",
    "tags first": "B-ORG\tEU\nO\trejects\nO\tcall\n\nB-PER\tPeter\n",
    "slashes": "EU/B-ORG rejects/O call/O\nPeter/B-PER\n",
    "underscores": "EU_B-ORG  rejects_O call_O \n\n Peter_B-PER\n",
}


@pytest.mark.parametrize("name", COLUMNS)
def test_comments_and_numbers_of_tokens_are_no_tokens(name: str, tmp_path: Path) -> None:
    assert pairs(read(tmp_path / "data", COLUMNS[name])) == TOKENS


HASHES = [
    "#\tSYM\n1\tNUM\n",
    "# O\nNLP O\n\n# O\nfun O\n",
    "#NLP O\nis O\n\n#fun O\nis O\n",
    "a O\n# O\nb O\n",
    "1 NUM\n2 NUM\n3 NUM\n",
    "1 x NUM\n\n1 y NUM\n\n7 z NUM\n",
    "0 x NUM\n1 y NUM\n\n1 z NUM\n",
    "O B-X\nO O\nB-Y I-X\n",
    "O x\nO y\n",
    "a/b O\n/ O\n",
]


@pytest.mark.parametrize("content", HASHES)
def test_hashes_and_numbers_may_be_tokens(content: str, tmp_path: Path) -> None:
    tokens = [token for sentence in read(tmp_path / "data", content) for token in sentence.tokens]
    assert tokens == [line.split()[0] for line in content.splitlines() if line]


def test_a_mark_in_some_words_joins_no_tag(tmp_path: Path) -> None:
    assert pairs(read(tmp_path / "data", "1/2/N c/O\n")) == [(("1/2", "c"), ("N", "O"))]
    assert error_of(tmp_path / "data", "a/X b/Y\n" * 1000 + "a/X b\n", format="lines").startswith(
        "FILE:1001: the word '/b'; expected TOKEN/TAG, as in the lines before"
    )


def test_many_lines_without_a_blank_line_are_no_sentence(tmp_path: Path) -> None:
    content = "".join(f"This is sentence {i} of an ordinary text.\n" for i in range(60))
    message = error_of(tmp_path / "data", content)
    assert "1: no blank line in the first 60 lines; expected a token and its tag a line, and blank lines" in message
    assert len(read(tmp_path / "data", content, format="columns")) == 1, "if the user says so"


def test_conllu_with_spaces_is_read_with_a_message(tmp_path: Path) -> None:
    path, messages = tmp_path / "data", list[str]()
    path.write_text(SPACED)
    expected = [
        (tokens, tags) for (tokens, _), tags in zip(TOKENS, (("PROPN", "VERB", "NOUN"), ("PROPN",)), strict=True)
    ]
    for content in (SPACED, SPACED.split("\n", 1)[1]):
        path.write_text(content)
        sentences = list(open_source(path, TaggerReaderConfig(), messages.append).examples())
        assert pairs(sentences) == expected
    assert messages[0] == (
        f"{path}:2: the columns are separated by spaces; CoNLL-U has tabs. Reading the words between the spaces."
    )
    assert "expected ten columns, separated by tabs" in error_of(path, SPACED.replace("call  call", "a call  call"))


TABLES = {
    "ids": "sentence_id,words,labels\n0,EU,B-ORG\n0,rejects,O\n0,call,O\n1,Peter,B-PER\n",
    "kaggle": "Sentence #,Word,POS,Tag\nSentence: 1,EU,NNP,B-ORG\n,rejects,VBZ,O\n,call,NN,O\n"
    "Sentence: 2,Peter,NNP,B-PER\n",
    "semicolons": "sentence_id;words;labels\n0;EU;B-ORG\n0;rejects;O\n0;call;O\n1;Peter;B-PER\n",
    "tabs": "sentence_id\tword\tner\n0\tEU\tB-ORG\n0\trejects\tO\n0\tcall\tO\n1\tPeter\tB-PER\n",
    "blank lines": "word,tag\nEU,B-ORG\nrejects,O\ncall,O\n\nPeter,B-PER\n",
    "blank rows": "word,tag\nEU,B-ORG\nrejects,O\ncall,O\n,\nPeter,B-PER\n",
    "a row a sentence": "text,labels\nEU rejects call,B-ORG O O\nPeter,B-PER\n",
    "numbered sentences": "id,tokens,ner_tags\n0,EU rejects call,B-ORG O O\n1,Peter,B-PER\n",
    "index": ",sentence_id,words,labels\n0,7,EU,B-ORG\n1,7,rejects,O\n2,7,call,O\n3,9,Peter,B-PER\n",
    "tabs without ids": "token\ttag\nEU\tB-ORG\nrejects\tO\ncall\tO\n\nPeter\tB-PER\n",
    "sep": "sep=;\nsentence_id;words;labels\n0;EU;B-ORG\n0;rejects;O\n0;call;O\n1;Peter;B-PER\n",
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_named_entities_is_detected(name: str, tmp_path: Path) -> None:
    sentences = read(tmp_path / "data", TABLES[name])
    assert pairs(sentences) == TOKENS == pairs(read(tmp_path / "data", TABLES[name], format="csv"))
    if name == "kaggle":
        assert sentences[0].where(2) == f"{tmp_path / 'data'}:4"


def test_columns_of_a_table_are_named_or_counted(tmp_path: Path) -> None:
    content = 's,w,p,t\n1,",",PUNCT,O\n1,"""",PUNCT,O\n2,EU,NNP,B-ORG\n'
    columns = {"format": "csv", "token_column": "w", "tag_column": "t", "sentence_column": "s"}
    expected = [((",", '"'), ("O", "O")), (("EU",), ("B-ORG",))]
    assert pairs(read(tmp_path / "data", content, **columns)) == expected
    numbers = {"format": "csv", "token_column": "2", "tag_column": "4", "sentence_column": "1"}
    assert pairs(read(tmp_path / "data", content, **numbers)) == expected


@pytest.mark.parametrize(
    ("content", "reader", "expected"),
    [
        (
            '["EU", "rejects"]\t["B-ORG", "O"]\n',
            {},
            'FILE:1: the tag is \'["B-ORG", "O"]\', a list; expected tags with',
        ),
        ("EU rejects\t['B-ORG', 'O']\n", {}, "FILE:1: the tag is \"['B-ORG', 'O']\", a list; expected tags"),
        ('EU\t{"start":0,"label":"ORG"}\n', {}, 'FILE:1: the tag is \'{"start":0,"label":"ORG"}\', a list'),
        (
            "tokens,tags\n\"['EU', 'rejects']\",\"['B-ORG', 'O']\"\n",
            {},
            "FILE:2: the tag is \"['B-ORG', 'O']\", a list",
        ),
        ("word,tag\nEU,B-ORG\nrejects,O\n", {}, "FILE:1: the header has the columns 'word', 'tag'; expected one with"),
        (
            "id,word,tag\n0,EU,B-ORG\n1,rejects,O\n",
            {},
            "FILE:1: the column 'id' is different in each row; expected the",
        ),
        ("w,t\nEU,B-ORG\n", {}, "FILE:1: one column; expected a token and its tag. For CSV, use --format csv"),
        (
            "w,t\nEU,B-ORG\n",
            {"format": "csv"},
            "FILE:1: the header has the columns 'w', 't'; expected word or words or",
        ),
        (
            "word,tag\nEU,B-ORG\n",
            {"tag_column": "x"},
            "FILE:1: the header has the columns 'word', 'tag'; expected 'x'. Name",
        ),
        (
            "first,last,tag\nEU,UN,B-ORG\n",
            {"format": "csv", "token_column": "first,last"},
            "FILE:1: the header has the columns 'first', 'last', 'tag'; expected 'first,last'. One column is read:",
        ),
        ("sentence_id,word,tag\n0,EU\n", {}, "FILE:2: has 2 cells; expected at least 3. Fill in the row, or remove it"),
        (
            "sentence_id,word,tag\n0,a, b,O\n",
            {},
            "FILE:2: has 4 cells; expected 3 as in the header. Is a text with a comma",
        ),
        ("sentence_id,word,tag\n0,,O\n", {}, "FILE:2: empty token; expected text"),
        ("text,labels\na b,X Y Z\n", {}, "FILE:2: 2 tokens and 3 tags; expected as many of each"),
    ],
)
def test_lists_in_columns_and_incomplete_tables_are_errors(
    content: str, reader: dict[str, str], expected: str, tmp_path: Path
) -> None:
    assert error_of(tmp_path / "data", content, **reader).startswith(expected)


def test_comments_do_not_decide_the_format_and_other_spaces_are_tokens(tmp_path: Path) -> None:
    path = tmp_path / "data"
    assert pairs(read(path, "#\tSYM\n1\tNUM\n")) == [(("#", "1"), ("SYM", "NUM"))]
    assert pairs(read(path, "#\tSYM\n")) == [(("#",), ("SYM",))]
    assert pairs(read(path, "\u3000 O\n好 B\n")) == [(("\u3000", "好"), ("O", "B"))]
    assert pairs(read(path, "# only a comment\n", format="conllu")) == []


@pytest.mark.parametrize("indent", [None, 0, 2])
def test_an_array_of_objects_is_read(tmp_path: Path, indent: int | None) -> None:
    values = [{"tokens": tokens, "tags": tags} for tokens, tags in EXPECTED]
    assert pairs(read(tmp_path / "data", json.dumps(values, indent=indent))) == EXPECTED
    assert pairs(read(tmp_path / "data", json.dumps(values, indent=indent), format="jsonl")) == EXPECTED


@pytest.mark.parametrize(
    "content",
    ['[["Ann left", {"entities": [[0, 3, "PER"]]}]]', '[\n ["Ann left", {}]\n]', '["Ann"]', '[\n "Ann"\n]'],
)
def test_arrays_of_other_things_are_refused(tmp_path: Path, content: str) -> None:
    assert "expected a JSON object" in error_of(tmp_path / "data", content)


def test_names_of_columns_that_the_header_has_mean_csv(tmp_path: Path) -> None:
    names = {"sentence_column": "句子", "token_column": "词", "tag_column": "标签"}
    content = "句子,词,标签\n1,EU,B-ORG\n1,rejects,O\n1,call,O\n2,Peter,B-PER\n"
    assert pairs(read(tmp_path / "data", content, **names)) == TOKENS
    assert pairs(read(tmp_path / "data", content.replace(",", ";"), **names)) == TOKENS
    assert pairs(read(tmp_path / "data", content.replace(",", "|"), **names)) == TOKENS
    expected = "Names of columns work for CSV, CoNLL-U and JSON Lines; set --format for them"
    assert expected in error_of(tmp_path / "data", content, token_column="词", tag_column="pos")


@pytest.mark.parametrize("tags", ["[1 0 1]", "[ 1  0  1]", "['O' 'B' 'O']", "[1. 0. 1.]", "[1, 0, 1]"])
def test_a_list_as_numpy_writes_it_is_no_sequence_of_tags(tmp_path: Path, tags: str) -> None:
    expected = f"FILE:2: the tag is {tags!r}, a list; expected tags with spaces between them"
    assert error_of(tmp_path / "data", f'text,labels\na b c,"{tags}"\n').startswith(expected)
    assert "a list; expected tags" in error_of(tmp_path / "data", f"a b c\t{tags}\n", format="lines")


@pytest.mark.parametrize("text", ["['a' 'b']", "['a', 'b']", '[""a"", ""b""]'])
def test_a_list_is_no_sentence(tmp_path: Path, text: str) -> None:
    error = error_of(tmp_path / "data", f'text,labels\n"{text}",X Y\n')
    assert "a list; expected words with spaces between them" in error


def test_brackets_may_be_tokens_and_tags(tmp_path: Path) -> None:
    content = "word,tag\n[1],NUM\n[,[\n],]\n\n"
    assert pairs(read(tmp_path / "data", content)) == [(("[1]", "[", "]"), ("NUM", "[", "]"))]
    assert pairs(read(tmp_path / "data", "text,labels\n[ a ],[ X ]\n")) == [(("[", "a", "]"), ("[", "X", "]"))]


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ("My corpus\nsentence_id,words,labels\n1,a,X\n", "Is line 1 a title above the table? Remove it"),
        ("sentence_id|words|labels\n1|a|X\n", "If | separates the cells, write sep=| on a line above them"),
    ],
)
def test_a_table_whose_first_row_is_no_header_is_explained(tmp_path: Path, content: str, hint: str) -> None:
    assert hint in error_of(tmp_path / "data", content, format="csv")


@pytest.mark.parametrize(
    ("content", "layout"),
    [
        (TABLES["ids"], Layout(format="csv", row="token")),
        (TABLES["a row a sentence"], Layout(format="csv", row="sentence")),
        (FORMATS["conllu"], Layout(format="conllu")),
        (FORMATS["columns"], Layout(format="columns")),
        (FORMATS["jsonl"], Layout(format="jsonl")),
        ("a b\tX Y\n", Layout(format="lines")),
    ],
)
def test_a_source_knows_the_layout_of_its_file(tmp_path: Path, content: str, layout: Layout) -> None:
    (tmp_path / "data").write_text(content)
    source = open_source(tmp_path / "data", TaggerReaderConfig(), lambda message: None)
    list(source.examples())
    assert common_layout([source]) == layout
