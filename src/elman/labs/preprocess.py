"""From text to numbers: lines, words, counts, vocabulary, ids, one-hot vectors.

    id of a word = its rank by frequency, from 1; equal frequencies by first appearance; 0 is <unk>
    one_hot(k)_j = 1 if j = k, else 0

elman.text does the same for its own models: a normalizer, a tokenizer and a vocabulary.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from elman.text import NORMALIZERS, TOKENIZERS, Vocabulary

from .lab import Lab, Report, Text

TEXT = "this is a good story ,\nthat is a pen ."
SAME_TEXT = "This is a good story,\nThat is a PEN."
EXPECTED_LINES = [["this", "is", "a", "good", "story"], ["that", "is", "a", "pen"]]
EXPECTED_COUNTS = {"is": 2, "a": 2, "this": 1, "good": 1, "story": 1, "that": 1, "pen": 1}
EXPECTED_VOCABULARY = ["<unk>", "is", "a", "this", "good", "story", "that", "pen"]
EXPECTED_IDS = [[3, 1, 2, 4, 5], [6, 1, 2, 7]]
EXPECTED_ONE_HOT_3 = "00010000"
ENGLISH = "It's 3 o'clock."
CHINESE = "循环神经网络"


def run(report: Report) -> None:
    """Follow the text from the file to the one-hot vectors."""
    report.show(*TEXT.split("\n"))
    report.say(
        en="Replace every run of characters that are not letters by a space, change all letters to lower case, and "
        "split each line at the spaces.",
        zh="把字母以外的连续字符换成一个空格，字母变成小写，再把每一行按空格切分。",
    )
    split = TOKENIZERS["space"].split
    lines, same = ([split(line) for line in NORMALIZERS["textbook"].pieces(text)] for text in (TEXT, SAME_TEXT))
    report.equal(Text("words of line 1", "第 1 行的词"), lines[0], EXPECTED_LINES[0])
    report.equal(Text("words of line 2", "第 2 行的词"), lines[1], EXPECTED_LINES[1])
    report.equal(Text(f"words of {SAME_TEXT!r}", f"{SAME_TEXT!r} 的词"), same, EXPECTED_LINES)

    report.say(
        en="Count the words. The most frequent word gets id 1; words of equal frequency keep the order of the text. "
        "Id 0 is <unk>, which stands for every word that is not in the vocabulary.",
        zh="统计词频。最常见的词编号为 1，词频相同的按出现的先后排列。编号 0 是 <unk>，代表词表以外的一切词。",
    )
    words = [word for line in lines for word in line]
    counts = Counter(words)
    vocabulary = Vocabulary.from_tokens(words)
    report.table(
        [Text("id", "编号"), Text("word", "词"), Text("count", "次数")],
        [(k, word, counts[word]) for k, word in enumerate(vocabulary.tokens)],
    )
    report.equal(Text("distinct words", "不同的词数"), len(counts), len(EXPECTED_COUNTS))
    report.equal(Text("counts", "词频"), [counts[word] for word in EXPECTED_COUNTS], list(EXPECTED_COUNTS.values()))
    report.equal(Text("vocabulary", "词表"), vocabulary.tokens, EXPECTED_VOCABULARY)

    ids = [vocabulary.encode(line) for line in lines]
    one_hot = np.eye(len(vocabulary), dtype=int)
    for line, line_ids in zip(lines, ids, strict=True):
        report.show(f"{' '.join(line)}  ->  {' '.join(map(str, line_ids))}")
    report.equal(Text("ids of line 1", "第 1 行的编号"), ids[0], EXPECTED_IDS[0])
    report.equal(Text("ids of line 2", "第 2 行的编号"), ids[1], EXPECTED_IDS[1])
    report.equal(Text("one-hot of 3", "3 的独热编码"), "".join(map(str, one_hot[3])), EXPECTED_ONE_HOT_3)
    report.equal(
        Text("words of the ids", "由编号还原的词"), [vocabulary.decode(line_ids) for line_ids in ids], EXPECTED_LINES
    )
    unknown = vocabulary.encode(["this", "is", "a", "book"])
    report.show(f"this is a book  ->  {' '.join(map(str, unknown))}")
    report.equal(Text("id of a word not in the vocabulary", "词表之外的词的编号"), unknown[-1], 0)
    show_deleted(report)


def show_deleted(report: Report) -> None:
    """Show what the textbook's cleaning deletes, beside words that keep it."""
    cleaned, cleaned_chinese = (NORMALIZERS["textbook"].pieces(text)[0] for text in (ENGLISH, CHINESE))
    words = TOKENIZERS["word"].split(NORMALIZERS["lower"].pieces(ENGLISH)[0])
    characters = TOKENIZERS["word"].split(CHINESE)
    report.say(
        en="This cleaning is for plain English only: it deletes digits, apostrophes and every Chinese character. The "
        "level 'word' of elman keeps all of them, and each Chinese character is a token.",
        zh="这种清洗只适用于纯英文：数字、撇号和所有汉字都会被删掉。"
        f"elman 的 word 级词元化会保留它们；{CHINESE}切分成 {len(characters)} 个词元，每个汉字一个。",
    )
    report.show(f"{ENGLISH}  ->  textbook: {cleaned.split()}    word: {words}")
    report.equal(Text("after the textbook's cleaning", "按教材的方法清洗之后"), cleaned, "it s o clock")
    report.equal(Text("tokens of level word", "按词切分"), words, ["it's", "3", "o'clock", "."])
    report.equal(
        Text("length of six Chinese characters after cleaning", "六个汉字清洗后的长度"), len(cleaned_chinese), 0
    )
    report.equal(Text("tokens of level word in them", "按词切分的词元数"), len(characters), 6)


LAB = Lab(
    name="preprocess",
    chapter="sequences",
    title=Text("From text to ids", "文本预处理：从文本到编号"),
    claim=Text(
        "Two lines become the ids 3 1 2 4 5 and 6 1 2 7; the one-hot vector of 3 is 00010000.",
        "两行文本变成编号 3 1 2 4 5 和 6 1 2 7；编号 3 的独热编码是 00010000。",
    ),
    source=Text(
        "Zhang et al., Dive into Deep Learning, section 9.2",
        "Zhang 等《动手学深度学习》8.2 节（英文版 9.2 节）",
    ),
    seconds=0.1,
    run=run,
)
