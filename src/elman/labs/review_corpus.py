"""The generated film reviews of the lab review-bilstm.

The reviewer and the critics speak in turn, each with two opinions and a fact. Only the reviewer's opinion counts. Who
speaks is said before the sentences (i say : ...) or after them (... so say i).
"""

from __future__ import annotations

import numpy as np

THINGS = ("acting", "plot", "music", "script", "ending", "photography", "cast", "humour")
GOOD = ("great", "good", "funny", "fresh", "moving", "clever")
BAD = ("weak", "bad", "dull", "stale", "flat", "clumsy")
FACTS = (
    *("the film lasts two hours", "the story begins in a small town", "they shot it in two countries"),
    *("a book of the same name came first", "the cinema was half empty", "the director was present"),
)
Example = tuple[list[str], int]  # words, and 1 if the reviewer's opinion is good


def opinion(speaker: str, good: bool, rng: np.random.Generator) -> str:
    """Return two opinions and a fact in any order, and who says so, before or after them."""
    things = rng.choice(THINGS, 2, replace=False)
    sentences = [f"the {thing} was {rng.choice(GOOD if good else BAD)}" for thing in things]
    text = " . ".join(rng.permutation([*sentences, rng.choice(FACTS)]))
    return f"{speaker} say : {text} ." if rng.random() < 0.5 else f"{text} . so say {speaker} ."


def review(mine: bool, theirs: bool, rng: np.random.Generator) -> Example:
    """Return a review in which the reviewer's and the critics' opinions are good or bad."""
    opinions = [opinion("i", mine, rng), opinion("critics", theirs, rng)]
    return " ".join(rng.permutation(opinions)).split(), int(mine)


def twin(example: Example) -> Example:
    """Return the review with the speakers exchanged; the label is the other one if their opinions differ."""
    exchanged = {"i": "critics", "critics": "i"}
    return [exchanged.get(word, word) for word in example[0]], 1 - example[1]


def corpus(training_size: int, test_pairs: int) -> tuple[list[Example], list[Example]]:
    """Return the training set, with all combinations of opinions, and the test set of twins."""
    rng = np.random.default_rng(0)
    training = [review(bool(rng.integers(2)), bool(rng.integers(2)), rng) for _ in range(training_size)]
    mine = [bool(k % 2) for k in range(test_pairs)]
    test = [example for good in mine for one in [review(good, not good, rng)] for example in (one, twin(one))]
    return training, test


def vocabulary() -> list[str]:
    """Return all words of the reviews."""
    texts = (*THINGS, *GOOD, *BAD, *FACTS, "the was . : so say i critics")
    return sorted({word for text in texts for word in text.split()})
