"""The generated short reviews of the lab thor-review: a negation turns the word after it.

All reviews of a grammar are there. Those of the test have subjects and endings that do not occur together in training.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

REVIEW = "the action scenes were top notch in this movie"
ORDERS = ("i had cleaned my car", "i had my car cleaned")
SUBJECTS = ("action scenes were", "jokes were", "actors were", "acting was", "plot was", "music was", "ending was")
ADVERBS, NEGATIONS = ("very", "really", "often"), ("not", "never", "hardly")
GOOD, BAD = ("top notch", "good", "funny", "great"), ("half baked", "bad", "dull", "weak")
ENDINGS = ("", " in this movie", " again")

Example = tuple[str, int]  # a review, and 1 if it is positive


def reviews() -> tuple[list[Example], list[Example]]:
    """Return training and test set: all reviews of the grammar; those of the test have other subject-ending pairs."""
    pairs = list(itertools.product(SUBJECTS, ENDINGS))
    sets: list[list[Example]] = [[], []]
    for number, (subject, ending) in enumerate(pairs):
        held_out = number % 5 == 4
        for adverb, word in itertools.product(ADVERBS + NEGATIONS, GOOD + BAD):
            positive = (word in GOOD) == (adverb in ADVERBS)
            sets[held_out].append((f"the {subject} {adverb} {word}{ending}", int(positive)))
        if not held_out:
            sets[0] += [(f"the {subject} {word}{ending}", int(word in GOOD)) for word in GOOD + BAD]
    return sets[0], sets[1]


TRAINING, TEST = reviews()
VOCABULARY = sorted({word for text, _ in [*TRAINING, (" ".join(ORDERS), 0)] for word in text.split()})


def bag(text: str) -> Any:
    """Return the counts (V,) of the words of a text."""
    return np.array([text.split().count(word) for word in VOCABULARY])
