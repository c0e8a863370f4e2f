"""The level of a side, by kinds of texts; Korean; the number of subwords."""

from __future__ import annotations

import random

import pytest

from elman.tasks.seq2seq.levels import choose_level, choose_normalization, number_of_subwords


def _sentences(count: int, seed: int = 0) -> list[str]:
    """Return sentences of 3 to 9 words, whose frequencies fall as those of a language do (Zipf)."""
    rng = random.Random(seed)
    syllables = [a + b for a in "bdfglmnprst" for b in ("a", "e", "i", "o", "u", "an", "er")]
    words = list(dict.fromkeys("".join(rng.choices(syllables, k=rng.choice((1, 2, 2, 3)))) for _ in range(5000)))
    weights = [1.0 / (rank + 3.0) for rank in range(len(words))]
    texts = [rng.choices(words, weights, k=rng.randint(3, 9)) for _ in range(count)]
    return [f"{' '.join(text).capitalize()}{rng.choice('..?!')}" for text in texts]


SENTENCES = _sentences(1500)
PHONES = ["HH AH0 L OW1", "W ER1 L D", "L OW1 W"] * 40
PRODUCTS = [
    f"{brand} {kind} {size}"
    for brand in ("Zeta_USB-C", "Acme_HDMI", "Nova_DP-1.4", "Orbit_VGA")
    for kind in ("Cable", "Adapter", "Splitter", "Extension")
    for size in ("1m", "2m", "3m-black", "5m-white")
] * 20
COMMANDS = ["I_TURN_LEFT I_JUMP I_TURN_LEFT I_JUMP I_TURN_LEFT I_JUMP", "I_WALK I_WALK I_RUN I_RUN I_LOOK I_LOOK"] * 200
TAGS = ["DET ADJ NOUN VERB ADP DET NOUN PUNCT", "PRON VERB DET NOUN ADP NOUN PUNCT"] * 100
DATES = [f"{day} March {year}" for day in range(1, 29) for year in range(1990, 2020)]
NUMBERS = [f"{number:,}" for number in range(5000)]
CHINESE = [f"我今天{verb}了{count}本书。" for verb in "买卖看写" for count in "一二三四五六七八九十" for _ in range(10)]
KOREAN = ["국물이 좋다", "같이 갑시다", "독립문", "신라"] * 50


@pytest.mark.parametrize(
    ("texts", "level"),
    [
        (PHONES, "word"),
        (TAGS, "word"),
        (COMMANDS, "word"),
        (SENTENCES, "bpe"),
        ([f"{text} {text}" for text in SENTENCES], "bpe"),
        (SENTENCES[:100], "char"),
        (PRODUCTS, "char"),
        (DATES, "char"),
        (NUMBERS, "char"),
        (CHINESE, "char"),
        (KOREAN, "char"),
        (["yes", "no"] * 500, "char"),
        (["", " "] * 10, "char"),
        (["abandon", "ability"] * 300, "char"),
        ([text.replace(" ", "") for text in PHONES], "char"),
        (PHONES[:9], "char"),
    ],
    ids=lambda value: value[0][:20] if isinstance(value, list) else value,
)
def test_each_kind_of_text_has_its_level(texts: list[str], level: str) -> None:
    assert choose_level(texts) == level
    assert choose_level(random.Random(0).sample(texts, len(texts))) == level


def test_symbols_of_which_a_new_text_may_have_another_one_are_read_by_characters() -> None:
    # 1 text in 50 has a phone of its own: a new text has one with the same probability (Good, 1953)
    texts = PHONES * 10
    with_new = [f"{text} Q{number}" if number % 50 == 0 else text for number, text in enumerate(texts)]
    assert choose_level(with_new) == "char"
    rarely = [f"{text} Q{number}" if number % 400 == 0 else text for number, text in enumerate(texts)]
    assert choose_level(rarely) == "word"


def test_sentences_are_read_by_characters_if_subwords_cannot_be_learned() -> None:
    assert choose_level(SENTENCES, subwords=False) == "char"


def test_a_long_file_that_begins_with_another_kind_of_text_is_sampled_evenly() -> None:
    assert choose_level(["word"] * 30_000 + SENTENCES * 100) == "bpe"
    assert choose_level(SENTENCES + ["word"] * 40_000) == "char"


def test_korean_is_decomposed_if_most_characters_of_a_side_are_korean() -> None:
    english = ["soup", "together", "independence", "Silla"] * 50
    assert choose_normalization((KOREAN, english)) == "nfd"
    assert choose_normalization((english, KOREAN)) == "nfd"
    assert choose_normalization((english, ["수프 soup and bread"] * 4)) == "none"
    assert choose_normalization((CHINESE, english)) == "none"
    assert choose_normalization(([""], [])) == "none"


def test_the_number_of_subwords_follows_the_words_within_limits() -> None:
    assert number_of_subwords(["one two three four"] * 10) == 100
    assert number_of_subwords(["one two three four"] * 10_000) == 500
    assert number_of_subwords(["one two three four"] * 100_000) == 4_000
