"""The text that main reads becomes the tokens of elman, whatever characters it has."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.export.c.checks import number_reason
from elman.export.c.fragments import fragments
from elman.export.c.program import Program, block
from elman.export.c.text import LINE_BYTES, MAX_TOKENS, TextReader
from elman.tasks.classifier.config import ClassifierTextConfig
from elman.tasks.language_model.config import LanguageModelTextConfig
from elman.tasks.tagger.config import TaggerTextConfig
from elman.text import UNKNOWN, TextCodec, Vocabulary
from elman.text.tokenizers import BYTE_TOKENS

from .libraries import COMPILERS, compile_c

pytestmark = pytest.mark.skipif(not COMPILERS, reason="needs gcc or clang")

WORDS = (
    "don't",
    "well-known",
    "the",
    "e\u0301te\u0301",
    "été",
    "नमस्ते",
    "ไทย",
    "42",
    "你",
    "ー",
    "a",
    "İ".lower(),
    "ß",
    "naïve",
)
MARKS = (
    "'",
    "-",
    "’",
    "\u0301",
    "\u200b",
    "_",
    "!",
    '"',
    "\u00a0",
    " ",
    "\t",
    "\n",
    "\u2028",
    "\u3000",
    "x",
    "É",
    "İ",
    "Ⅷ",
    "²",
)
OTHERS = ("Ǆ", "ﬁ", "🙂", "𝒜", "𠀀", "\x1c", "\x85", "ǅ", "K", "{", "\\", "??=")


def random_texts(count: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    parts = [*WORDS, *(word.upper() for word in WORDS), *MARKS, *MARKS, *OTHERS]
    return ["".join(rng.choice(parts, rng.integers(1, 12))) for _ in range(count)]


def read_by_c(folder: Path, texts: Sequence[str], vocabulary: Sequence[str], **options: Any) -> list[list[int]]:
    """Return the numbers of the tokens of texts, read by a C program that has a TextReader alone."""
    program = Program("reader", "", "")
    program.main_table(f"#define MAX_TOKENS {MAX_TOKENS}")
    program.main.append("static int numbers[MAX_TOKENS];")
    reader = TextReader(program, vocabulary, **options)
    reader.add()
    reads = [
        "slice text = {line, 0};",
        "int size;",
        'if (scanf("%d", &size) != 1) return 0;',
        "getchar();",
        "text.size = (int)fread(line, 1, (size_t)size, stdin);",
        *reader.statements(),
        'for (int i = 0; i < count; ++i) printf("%d ", numbers[i]);',
        'printf("\\n");',
    ]
    body = f"for (;;) {{\n{block(reads)}\n}}"
    program.main.append(f"int main(void) {{\n    static char line[{LINE_BYTES}];\n{block([body])}\n}}")
    source = folder / "reader.c"
    includes = "#define READER_MAIN\n#include <stdint.h>\n#include <string.h>\n"
    source.write_text(includes + program.source_text().replace('#include "reader.h"', ""), "utf-8")
    compile_c(COMPILERS[0], source, "-o", folder / "reader")
    encoded = [text.encode() for text in texts]
    content = b"".join(b"%d\n%s\n" % (len(text), text) for text in encoded)
    output = subprocess.run([folder / "reader"], input=content, capture_output=True, check=True).stdout.decode()
    return [[int(number) for number in line.split()] for line in output.splitlines()]


def vocabulary_of(texts: Sequence[str], split: Any, normalize: Any) -> Vocabulary:
    """Return a vocabulary with two of three of the tokens of texts."""
    tokens = list(dict.fromkeys(normalize(token) for text in texts for token in split(text)))
    return Vocabulary((UNKNOWN, *(token for n, token in enumerate(tokens) if n % 3 and token != UNKNOWN)))


@pytest.mark.parametrize(
    ("level", "normalize", "byte_fallback"),
    [
        ("char", "none", False),
        ("char", "lower", False),
        ("char", "textbook", False),
        ("char", "none", True),
        ("word", "none", False),
        ("word", "lower", False),
        ("byte", "none", False),
    ],
)
def test_prompts_of_language_models(level: str, normalize: str, byte_fallback: bool, tmp_path: Path) -> None:
    config = LanguageModelTextConfig(level=level, normalize=normalize, byte_fallback=byte_fallback)  # type: ignore[arg-type]
    texts = random_texts(300)
    codec = TextCodec(Vocabulary((UNKNOWN,)), level=level, normalize=normalize)
    vocabulary = vocabulary_of(texts, lambda text: codec._tokenizer.split(codec._normalizer.prompt(text)), str)
    tokens = [*vocabulary.tokens, *(BYTE_TOKENS if byte_fallback or level == "byte" else ())]
    vocabulary = Vocabulary(tuple(dict.fromkeys(tokens)))
    actual = read_by_c(
        tmp_path,
        texts,
        vocabulary.tokens,
        level=level,
        lower_first=normalize == "lower",
        textbook=normalize == "textbook",
        byte_fallback=byte_fallback,
    )
    expected = config.codec(vocabulary)
    for text, numbers in zip(texts, actual, strict=True):
        assert numbers == expected.encode_prompt(text).tolist(), ascii(text)


@pytest.mark.parametrize(("level", "name"), [("word", "space"), ("char", "full_char")])
def test_words_of_taggers(level: str, name: str, tmp_path: Path) -> None:
    text_config = TaggerTextConfig(level=level, normalize="lower")  # type: ignore[arg-type]
    texts = random_texts(200, seed=1)
    vocabulary = vocabulary_of(texts, text_config.tokenize, text_config.word)
    actual = read_by_c(tmp_path, texts, vocabulary.tokens, level=name, lower_tokens=True)
    for text, numbers in zip(texts, actual, strict=True):
        assert numbers == vocabulary.encode(map(text_config.word, text_config.tokenize(text))).tolist(), ascii(text)


def test_words_of_classifiers(tmp_path: Path) -> None:
    text_config = ClassifierTextConfig(level="word", normalize="lower")
    texts = random_texts(200, seed=2)
    vocabulary = vocabulary_of(texts, text_config.tokenize, text_config.word)
    actual = read_by_c(tmp_path, texts, vocabulary.tokens, level="word", lower_tokens=True)
    for text, numbers in zip(texts, actual, strict=True):
        assert numbers == vocabulary.encode(map(text_config.word, text_config.tokenize(text))).tolist(), ascii(text)


def test_reserved_words_are_unknown(tmp_path: Path) -> None:
    tokens = (UNKNOWN, "<s>", "</s>", "a")
    assert read_by_c(tmp_path, ["a <s> </s> b a"], tokens, level="space", reserved=3) == [[3, 0, 0, 0, 3]]


@pytest.mark.parametrize(
    "text",
    [
        b"\xe0\x9c\x80",
        b"\xff",
        b"a\xc3",
        b"\xc0\x80",
        b"\xe0\x80\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\x80",
        b"\xf0\x9f\x99",
    ],
)
def test_what_is_not_utf_8_ends_the_program(text: bytes, tmp_path: Path) -> None:
    read_by_c(tmp_path, ["a"], (UNKNOWN, "a"), level="char")
    done = subprocess.run([tmp_path / "reader"], input=b"%d\n%s" % (len(text), text), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (3, b"the input is not UTF-8\n")


@pytest.mark.parametrize(
    ("tokens", "level", "normalize", "reason"),
    [
        (["a"], "char", "lower", None),
        (["a"], "char", "nfc", "the normalization nfc needs the tables of a Unicode library"),
        (["a"], "bpe", "none", "subwords need the merges of bpe"),
        (["a", "λόγος"], "word", "lower", "the lower case of a Greek sigma depends on the characters beside it"),
        (["a", "λόγος"], "word", "none", None),
        (["a", "\0"], "char", "none", "the vocabulary has the character U+0000, which ends a text in C"),
    ],
)
def test_what_c_would_get_wrong_is_read_as_numbers(
    tokens: list[str], level: str, normalize: str, reason: str | None
) -> None:
    assert number_reason(tokens, level, normalize) == reason


def test_every_fragment_begins_with_a_comment() -> None:
    assert [name for name, text in fragments().items() if not text.startswith("// ")] == []
