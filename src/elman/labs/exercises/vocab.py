"""The exercise vocab: from text to words, counts, a vocabulary, ids and one-hot vectors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from elman.labs.lab import Text
from elman.text import NORMALIZERS, TOKENIZERS, UNKNOWN, Vocabulary, normalize

from .comparing import Expected, describe, sequence_problem
from .exercise import Call, Exercise, Function, Result
from .specialization import specialized

TEXT = "This is a good story,\nThat is a PEN.\n\nIs it 2 o'clock?"
MIN_FREQUENCY = 3


def random_words(seed: int = 1) -> list[str]:
    """Return words of which some are equally frequent, in an order that is not alphabetical."""
    rng = np.random.default_rng(seed)
    words = ["pen", "story", "a", "is", "good", "that", "book", "zoo", "it"]
    return [words[k] for k in rng.choice(len(words), 30, p=np.arange(9, 0, -1) / 45)]


def check_tokenize(call: Call) -> Iterator[Result]:
    """Check the words of each line."""
    right = [TOKENIZERS["space"].split(line) for line in NORMALIZERS["textbook"].pieces(TEXT)]
    causes: dict[Text, Sequence[Any]] = {
        Text("upper-case letters remain", "没有改成小写"): [
            ["This", "is", "a", "good", "story"],
            ["That", "is", "a", "PEN"],
            [],
            ["Is", "it", "o", "clock"],
        ],
        Text("punctuation remains", "标点没有去掉"): [line.lower().split() for line in TEXT.split("\n")],
        Text("the empty line is missing", "漏掉了空行"): [line for line in right if line],
        Text("all words in one list; expected a list for each line", "所有词放在了一个列表里，应当每行一个列表"): [
            word for line in right for word in line
        ],
    }
    yield Result("lines", sequence_problem(Text("lines", "各行"), call(TEXT), right, causes))


def check_count(call: Call) -> Iterator[Result]:
    """Check how often each word occurs."""
    words = random_words()
    counts, returned = dict(Counter(words)), call(words)
    if not isinstance(returned, dict):
        described = describe(returned)
        problem: Text | None = Text(f"{described.en}; expected a dictionary", f"{described.zh}，应为字典")
    else:
        right = sorted(counts.items())
        problem = sequence_problem(Text("counts, sorted", "排序后的词频"), sorted(returned.items(), key=str), right)
    yield Result("counts", problem)


def check_build(call: Call) -> Iterator[Result]:
    """Check the vocabulary of all words, and that of the frequent ones."""
    words = random_words()
    counts = Counter(words)
    for name, least in ((Text("vocabulary", "词表"), 1), (Text("frequent words", "高频词"), MIN_FREQUENCY)):
        right = list(Vocabulary.from_tokens(words, min_frequency=least).tokens)
        alphabetical = sorted((w for w in counts if counts[w] >= least), key=lambda word: (-counts[word], word))
        causes = {
            Text(
                "equally frequent words are sorted by the alphabet; expected by first appearance",
                "词频相同的按字母排序了，应按出现的先后",
            ): [
                "<unk>",
                *alphabetical,
            ],
            Text("<unk> is missing at the beginning", "开头缺少 <unk>"): right[1:],
            Text("<unk> is at the end; expected at the beginning", "<unk> 在末尾，应在开头"): [*right[1:], "<unk>"],
            Text("sorted from rare to frequent", "按词频从低到高排列了"): [
                "<unk>",
                *sorted(right[1:], key=counts.__getitem__),
            ],
            Text("in the order of appearance; expected by frequency", "按出现的先后排列，应按词频"): [
                "<unk>",
                *(word for word in counts if counts[word] >= least),
            ],
            Text(
                "a word with exactly min_frequency occurrences is missing", "漏掉了恰好出现 min_frequency 次的词"
            ): list(Vocabulary.from_tokens(words, min_frequency=least + 1).tokens),
            Text("rare words are not left out", "没有去掉低频词"): list(Vocabulary.from_tokens(words).tokens),
        }
        yield Result(name.en, sequence_problem(name, call(words, least), right, causes))


def check_encode(call: Call) -> Iterator[Result]:
    """Check ids of known words, and of unknown ones."""
    vocabulary = Vocabulary.from_tokens(random_words())
    known = ["story", "a", "zoo", "pen"]
    problem = sequence_problem(
        Text("ids", "编号"), call(known, list(vocabulary.tokens)), vocabulary.encode(known).tolist()
    )
    yield Result("ids", problem)
    unknown = ["a", "unseen", "pen"]
    right = vocabulary.encode(unknown).tolist()
    causes = {Text("unknown words are left out; expected 0", "跳过了未知的词，应为 0"): [right[0], right[2]]}
    problem = sequence_problem(Text("unknown words", "未知词"), call(unknown, list(vocabulary.tokens)), right, causes)
    yield Result("unknown words", problem)


def check_decode(call: Call) -> Iterator[Result]:
    """Check the words of ids."""
    vocabulary, ids = Vocabulary.from_tokens(random_words()), [3, 0, 1, 1]
    returned = call(ids, list(vocabulary.tokens))
    yield Result("words", sequence_problem(Text("words", "词"), returned, vocabulary.decode(ids)))


def check_one_hot(call: Call) -> Iterator[Result]:
    """Check the vectors."""
    right = np.eye(5)[[3, 0, 3]]
    yield Result("vectors", Expected(right).problem(Text("vectors", "向量"), call([3, 0, 3], 5)))


def imports_solution() -> str:
    """Return the imports of the solution of vocab."""
    return "import re"


def tokenize_solution() -> str:
    """Return the statements of splitting a text into words."""
    cleaned = f"re.sub({normalize._NOT_A_LETTER.pattern!r}, ' ', line).lower().split()"
    return specialized(
        normalize._textbook_lines, {"_NOT_A_LETTER.sub(' ', line).strip().lower()": cleaned, "block": "text"}
    )


def count_solution() -> str:
    """Return the statements of counting."""
    returned = "return cls.from_counts(counts, min_frequency=min_frequency)"
    return specialized(Vocabulary.from_tokens, {returned: "return counts"})


def build_solution() -> str:
    """Return the statements of building a vocabulary."""
    changed = {
        "(UNKNOWN, *reserved)": f"({UNKNOWN!r},)",
        "return cls((*head, *frequent)[:max_size])": "return [*head, *frequent]",
    }
    return f"counts = count(tokens)\n{specialized(Vocabulary.from_counts, changed)}"


def encode_solution() -> str:
    """Return the statements of encoding."""
    known = "id_of = {token: number for number, token in enumerate(vocabulary)}"
    ids = "np.array([self._id_of.get(token, 0) for token in tokens], np.int64)"
    return f"{known}\n{specialized(Vocabulary.encode, {ids: '[id_of.get(token, 0) for token in tokens]'})}"


def decode_solution() -> str:
    """Return the statements of decoding."""
    return specialized(Vocabulary.decode, {"self.tokens": "vocabulary"})


def one_hot_solution() -> str:
    """Return the statements of one-hot vectors."""
    return "return np.eye(size)[ids]"


EXERCISE = Exercise(
    name="vocab",
    title=Text("From text to ids: words, counts, vocabulary", "文本预处理：分词、词频、词表与编号"),
    text=Text(
        "A model reads integers. The vocabulary gives each word its id: its position in the list.",
        "模型读入的是整数。词表给每个词一个编号，即它在列表中的位置。",
    ),
    functions=(
        Function(
            "tokenize(text)",
            Text(
                "Return the words of each line. Everything but the letters a to z separates words; an empty line has "
                "no words.",
                "返回每一行的词。字母 a 到 z 以外的字符都是分隔符；空行没有词。",
            ),
            """
            "It's a PEN.\\n2 pens"  ->  [["it", "s", "a", "pen"], ["pens"]]
            """,
            ("lines",),
            check_tokenize,
            tokenize_solution,
        ),
        Function(
            "count(tokens)",
            Text("Return how often each word occurs, in a dictionary.", "返回每个词出现的次数（字典）。"),
            """
            ["a", "b", "a"]  ->  {"a": 2, "b": 1}
            """,
            ("counts",),
            check_count,
            count_solution,
        ),
        Function(
            "build(tokens, min_frequency)",
            Text(
                "Return the vocabulary: `<unk>` for unknown words, then the words that occur at least min_frequency "
                "times, the most frequent first; equally frequent ones by first appearance.",
                "返回词表：开头是代表未知词的 `<unk>`，其后是至少出现 min_frequency 次的词，按词频从高到低；"
                "词频相同的按出现的先后。",
            ),
            """
            ["b", "a", "c", "a"], 1  ->  ["<unk>", "a", "b", "c"]
            """,
            ("vocabulary", "frequent words"),
            check_build,
            build_solution,
        ),
        Function(
            "encode(tokens, vocabulary)",
            Text("Return the ids of words; an unknown word has the id 0.", "返回各个词的编号；未知词的编号为 0。"),
            """
            ["a", "zzz"], ["<unk>", "a", "b"]  ->  [1, 0]
            """,
            ("ids", "unknown words"),
            check_encode,
            encode_solution,
        ),
        Function(
            "decode(ids, vocabulary)",
            Text("Return the words of ids.", "返回编号对应的词。"),
            """
            [1, 0], ["<unk>", "a", "b"]  ->  ["a", "<unk>"]
            """,
            ("words",),
            check_decode,
            decode_solution,
        ),
        Function(
            "one_hot(ids, size)",
            Text("Return the one-hot vectors of ids.", "返回编号的独热编码。"),
            """
            one_hot(k)_j = 1 if j = k, else 0

            ids (N,)  ->  (N, size)
            """,
            ("vectors",),
            check_one_hot,
            one_hot_solution,
        ),
    ),
    solution=imports_solution,
)
