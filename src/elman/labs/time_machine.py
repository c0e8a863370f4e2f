"""The corpus of the textbook: The Time Machine as a sequence of characters or of words.

    clean(line) = line in lower case, every run of characters other than a to z replaced by one space
    id of a token = its rank by frequency, from 1; 0 is <unk>

The editions of the textbook clean differently. The older one cleans line by line and drops the line ends, so the last
word of a line joins the first word of the next one. The newer one cleans the whole text: a line end becomes a space.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from elman.text import NORMALIZERS, Vocabulary

from .lab import Lab, Language, Report, Text
from .texts import read_text, require_letters

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Zhang et al., Dive into Deep Learning: characters by line (first edition, 8.2) and of the whole text (1.0, 9.2).
EXPECTED_CHARACTERS, EXPECTED_CHARACTERS_WHOLE = 170_580, 173_428
EXPECTED_SYMBOLS = 28
EXPECTED_WORDS, EXPECTED_VOCABULARY = 32_775, 4_580
EXPECTED_FIRST_WORDS = ["the", "i", "and", "of", "a"]
SAMPLE = "Chapter 4: it's 1895, isn't café."
CHINESE = "时光机器"
SHOWN = 60  # characters


def clean_lines(text: str) -> list[str]:
    """Return the cleaned lines of a text."""
    return NORMALIZERS["textbook"].pieces(text)


def clean_whole(text: str) -> str:
    """Return the text cleaned as a whole: line ends become spaces."""
    return re.sub("[^A-Za-z]+", " ", text).lower()


def run(report: Report) -> None:
    """Clean a text, and build the vocabularies of its characters and of its words."""
    text, is_book = read_text(report, "timemachine")
    lines = clean_lines(text)
    characters = "".join(lines)
    words = [word for line in lines for word in line.split()]
    require_letters(report, text, "".join(words))
    by_character, by_word = Vocabulary.from_tokens(characters), Vocabulary.from_tokens(words)
    report.show(f"{text[:SHOWN]!r}", f"-> {characters[:SHOWN]!r}")
    report.table(
        [Text("level", "级别"), Text("tokens", "词元数"), Text("vocabulary with <unk>", "词表大小（含 <unk>）")],
        [
            (Text("characters", "字符"), len(characters), len(by_character)),
            (Text("words", "词"), len(words), len(by_word)),
        ],
    )
    if is_book:
        claim_counts(report, text, characters, words)
    for name, tokens, vocabulary in (
        (Text("characters", "字符"), list(characters), by_character),
        (Text("words", "词"), words, by_word),
    ):
        decoded = vocabulary.decode(vocabulary.encode(tokens))
        report.equal(
            Text(f"{name.en}: ids give the text back", f"{name.zh}：由编号还原出原文"), decoded == tokens, True
        )
    report.at_most(Text("size of the vocabulary of characters", "字符词表的大小"), len(by_character), EXPECTED_SYMBOLS)
    show_deleted(report, text)
    show_joined(report, lines, words)
    report.figure("frequencies", lambda figure, language: draw_frequencies(figure, language, words))


def claim_counts(report: Report, text: str, characters: str, words: list[str]) -> None:
    """Claim the numbers that the textbook prints."""
    most_frequent = [word for word, _ in Counter(words).most_common(len(EXPECTED_FIRST_WORDS))]
    report.equal(Text("characters", "字符数"), len(characters), EXPECTED_CHARACTERS)
    report.equal(Text("symbols with <unk>", "字符种类（含 <unk>）"), len(set(characters)) + 1, EXPECTED_SYMBOLS)
    report.equal(
        Text("characters, cleaned as a whole", "整体清洗时的字符数"), len(clean_whole(text)), EXPECTED_CHARACTERS_WHOLE
    )
    report.equal(Text("words", "词数"), len(words), EXPECTED_WORDS)
    report.equal(Text("different words with <unk>", "不同的词数（含 <unk>）"), len(set(words)) + 1, EXPECTED_VOCABULARY)
    report.equal(Text("most frequent words", "最常见的词"), most_frequent, EXPECTED_FIRST_WORDS)


def show_deleted(report: Report, text: str) -> None:
    """Show what the cleaning deletes: digits, apostrophes, and every letter other than a to z."""
    report.say(
        en="\nThe cleaning deletes digits, apostrophes, accents and every Chinese character:",
        zh="\n这种清洗会删掉数字、撇号、带变音符号的字母和所有汉字：",
    )
    cleaned = clean_lines(SAMPLE)[0]
    report.show(f"{SAMPLE}  ->  {cleaned}")
    report.equal(Text("what is left of it", "剩下的部分"), cleaned, "chapter it s isn t caf")
    length = len(clean_lines(CHINESE)[0])
    report.equal(Text("length of four Chinese characters after cleaning", "四个汉字清洗后的长度"), length, 0)
    apostrophes = len(re.findall("[A-Za-z]['\u2019][A-Za-z]", text))
    digits = sum(symbol.isdigit() for symbol in text)
    other_letters = sum(symbol.isalpha() and not symbol.isascii() for symbol in text)
    report.table(
        [Text("deleted from this text", "这份文本中被删掉的"), Text("count", "个数")],
        [
            (Text("digits", "数字"), digits),
            (Text("apostrophes inside words", "词中的撇号"), apostrophes),
            (Text("letters other than a to z", "a 到 z 以外的字母"), other_letters),
        ],
    )


def show_joined(report: Report, lines: list[str], words: list[str]) -> None:
    """Show the words that join at line ends if the line ends are dropped."""
    joined = "".join(lines).split()
    filled = [line for line in lines if line]
    seams = [f"{a.split()[-1]}{b.split()[0]}" for a, b in pairwise(filled)]
    report.say(
        en="\nThe older edition joins the cleaned lines without a space, so that words join at line ends. "
        f"Examples: {', '.join(seams[:4])}",
        zh=f"\n旧版把清洗后的各行直接相连，行末的词与下一行的第一个词粘在一起，例如：{'、'.join(seams[:4])}",
    )
    # Each seam makes one word of two.
    report.equal(Text("words in the sequence of characters", "字符序列中的词数"), len(joined), len(words) - len(seams))


def draw_frequencies(figure: Figure, language: Language, words: list[str]) -> None:
    """Draw the frequency of n-grams of words by rank."""
    axes = figure.add_subplot()
    labels = (Text("words", "词"), Text("pairs of words", "二元组"), Text("triples of words", "三元组"))
    for n, label in enumerate(labels, start=1):
        counts = Counter(zip(*(words[start:] for start in range(n)), strict=False)).most_common()
        axes.loglog(range(1, len(counts) + 1), [count for _, count in counts], label=label.in_language(language))
    axes.set_xlabel(Text("rank", "名次").in_language(language))
    axes.set_ylabel(Text("frequency", "出现次数").in_language(language))
    axes.legend(frameon=False)


LAB = Lab(
    name="time-machine",
    chapter="language",
    title=Text("The corpus: The Time Machine", "语料库：时光机器（文本预处理、词表、词频）"),
    claim=Text(
        "The book has 170,580 characters and 32,775 words; the vocabularies have 28 and 4,580 entries.",
        "全书有 170,580 个字符，字符词表的大小是 28；有 32,775 个词，词表的大小是 4,580。",
    ),
    source=Text(
        "Zhang et al., Dive into Deep Learning, sections 9.2 and 9.3; H. G. Wells, The Time Machine",
        "Zhang 等《动手学深度学习》8.2、8.3 节（英文版 9.2、9.3 节）；H. G. Wells《时光机器》",
    ),
    seconds=0.1,
    run=run,
    reads_text=True,
)
