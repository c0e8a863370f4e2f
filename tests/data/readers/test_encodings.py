"""Detection of encodings: what is certain is read, what is not is named, and a hint always decodes the text."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

import pytest

from elman.data.readers.encodings import detect_encoding, encoding_hint, wide_encoding
from elman.data.readers.text import TextSource
from elman.errors import DataError

TEXTS = {
    "big5": "春眠不覺曉，處處聞啼鳥。夜來風雨聲，花落知多少。國學經典：學而時習之，不亦說乎？\n",
    "shift_jis": "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n",
    "euc_jp": "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n",
    "euc_kr": "모든 국민은 법 앞에 평등하다. 누구든지 성별에 의하여 차별을 받지 아니한다.\n",
    "cp1252": "Où est passé l'été dernier ? Déjà vu, naïve façade, cœur brisé.\n",
    "cp1251": "Все счастливые семьи похожи друг на друга, каждая несчастлива по-своему.\n",
    "koi8_r": "Все счастливые семьи похожи друг на друга, каждая несчастлива по-своему.\n",
    "cp1253": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.\n",
    "cp1250": "Příliš žluťoučký kůň úpěl ďábelské ódy. Zażółć gęślą jaźń, łódź.\n",
    "gb18030": "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。学而时习之，不亦说乎？\n",
}


def error_of(path: Path, encoding: str | None = None) -> DataError:
    with pytest.raises(DataError) as caught:
        "".join(TextSource(path, encoding=encoding).blocks())
    return caught.value


@pytest.mark.parametrize("repeats", [1, 20])
@pytest.mark.parametrize("encoding", [name for name in TEXTS if name != "gb18030"])
def test_the_hint_names_an_encoding_that_decodes_the_text(encoding: str, repeats: int, tmp_path: Path) -> None:
    path, text = tmp_path / "text", TEXTS[encoding] * repeats
    path.write_bytes(text.encode(encoding))
    error = error_of(path)
    assert error.message.startswith("not UTF-8 at byte ")
    named = re.fullmatch(r"Try --encoding (\w+)", error.hint or "")
    assert named, error.hint
    assert "".join(TextSource(path, encoding=named[1]).blocks()) == text


@pytest.mark.parametrize(
    "text",
    [
        TEXTS["gb18030"],
        TEXTS["gb18030"] * 50,
        "时间旅行者对我们讲述一个深奥的问题。\n他的灰色眼睛闪闪发光。\n",
        "王\n李\n张\n刘\n陈\n杨\n赵\n黄\n周\n吴\n",
        "五绝\t李白\t床前明月光，疑是地上霜。举头望明月，低头思故乡。\n",
        "北京 beijing\n上海 shanghai\n",
        "label,text\n好评,这个很好\n差评,太差了\n",
        "银行\tyin hang\n",
        "〇一二三四五六七八九十\n",
        "今天天气不错 ABC 123\n",
    ],
)
def test_gb18030_is_read_where_it_is_certain(text: str) -> None:
    messages: list[str] = []
    assert detect_encoding(text.encode("gb18030"), "f", messages.append) == "gb18030"
    assert messages == ["f: not UTF-8; reading it as GB18030. Use --encoding for another encoding."]


@pytest.mark.parametrize("encoding", [name for name in TEXTS if name != "gb18030"])
def test_other_encodings_are_never_read_as_gb18030(encoding: str) -> None:
    for repeats in (1, 20):
        assert detect_encoding((TEXTS[encoding] * repeats).encode(encoding), "f", print) == "utf-8"


@pytest.mark.parametrize(
    "content",
    [
        (TEXTS["gb18030"] * 3).encode()[:-2],
        (TEXTS["gb18030"] * 3).encode()[:-3] + b"\xff\n",
        "中文😀".encode()[:-1],
        TEXTS["cp1252"].encode() * 5 + b"caf\xe9\n",
    ],
)
def test_utf8_with_some_damage_gets_no_other_encoding(content: bytes) -> None:
    assert detect_encoding(content, "f", print) == "utf-8"
    assert encoding_hint(content) == "The other lines are UTF-8: repair this line, or remove it"


WIDE_TEXTS = ["It was the best of times.\nIt was the worst.\n", "héllo 你好\n", "时间旅行者\r\n他\r\n", "x\n"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", WIDE_TEXTS)
def test_utf16_without_a_mark_is_read_with_a_message(encoding: str, text: str, tmp_path: Path) -> None:
    path, messages = tmp_path / "text", list[str]()
    path.write_bytes(text.encode(encoding))
    read = "".join(TextSource(path, notify=messages.append).blocks())
    assert read == text.replace("\r\n", "\n")
    form = encoding.upper()
    assert messages == [f"{path}: no byte order mark; reading it as {form}. Use --encoding for another encoding."]
    assert [line for line, _ in TextSource(path).lines()] == text.replace("\r\n", "\n").splitlines()


@pytest.mark.parametrize(
    ("named", "actual", "hint"),
    [
        ("utf-16", "utf-16-le", "Use --encoding utf-16-le"),
        ("UTF16", "utf-16-be", "Use --encoding utf-16-be"),
        ("utf-32", "utf-32-le", "Use --encoding utf-32-le"),
        ("utf-16", "ascii", "Use --encoding utf-16-le or utf-16-be"),
    ],
)
def test_utf16_that_is_named_needs_a_mark(named: str, actual: str, hint: str, tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes("some text\nmore\n".encode(actual))
    source = TextSource(path, encoding=named)
    for attempt in (source.check, lambda: list(source.blocks()), lambda: list(source.lines())):
        with pytest.raises(DataError, match="no byte order mark at the beginning; expected one in UTF-") as caught:
            attempt()
        assert (caught.value.hint, caught.value.where) == (hint, str(path))
    path.write_bytes("some text\n".encode("utf-16"))
    assert "".join(TextSource(path, encoding="utf-16").blocks()) == "some text\n"
    path.write_bytes(b"")
    assert list(TextSource(path, encoding="utf-16").blocks()) == []


@pytest.mark.parametrize(
    ("content", "place", "position"),
    [
        (b"KP\x03\x04\0\0", 1, 5),
        (b"one\ntwo\0\n", 2, 4),
        (bytes(range(256)), 1, 1),
        (b"\0", 1, 1),
        (b"a line\n" * 300_000 + b"ab\0c\n", 300_001, 3),  # in a later block
        ("text\n中\0\n".encode(), 2, 2),
    ],
)
def test_a_zero_byte_is_an_error_with_its_place_anywhere(
    content: bytes, place: int, position: int, tmp_path: Path
) -> None:
    path = tmp_path / "text"
    path.write_bytes(content)
    error = error_of(path)
    assert error.where == f"{path}:{place}"
    assert error.message.startswith("a zero byte at position ")
    assert "UTF-16" in (error.hint or "")
    assert error_of(path, "latin-1").where == f"{path}:{place}"
    if content.isascii():
        assert f"position {position} of" in error.message


def test_a_line_with_a_zero_byte_has_a_problem_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"one\n" * 300_000 + b"tw\0\nthree\n")
    *_, bad, last = TextSource(path).lines()
    assert bad == ("", "a zero byte at position 3 of the line; expected text")
    assert last == ("three", None)


def test_bytes_that_are_no_text_are_not_wide_text() -> None:
    for content in (b"PK\x03\x04\0\0", bytes(range(256)) * 10, b"a\0b", codecs.BOM_UTF16_LE * 3, b"\0\0\0\0"):
        assert wide_encoding(content) is None
