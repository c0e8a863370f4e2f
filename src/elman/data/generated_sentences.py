"""Generated sentences for a classifier and for a tagger. Their labels follow from a small grammar, so all are correct.

reviews    label of a whole text; "not" reverses a word, and after "but" only the second half counts: the order of
           the words decides, and a bag of words cannot tell `good but not cheap` from `not good but cheap`
flights    a tag for each token, in spans (BIO): the words before a city tell a departure from a destination
"""

from __future__ import annotations

import random

from .random_choice import choose

REVIEWS, FLIGHTS = 4_000, 3_000

SUBJECTS = ("plot", "story", "ending", "music", "acting", "camera work", "first hour", "dialogue", "cast", "script")
GOOD = ("good", "funny", "clever", "moving", "great", "fresh", "original", "gripping", "honest", "lovely")
BAD = ("bad", "boring", "weak", "flat", "awful", "slow", "predictable", "clumsy", "empty", "confusing")
DEGREES = ("", "", "very ", "really ", "quite ")
LINKS = ("was", "is", "seemed")

CITIES = (
    "Boston",
    "Denver",
    "Paris",
    "Rome",
    "Tokyo",
    "New York",
    "San Francisco",
    "Hong Kong",
    "Buenos Aires",
    "Oslo",
)
MONTHS = ("January", "March", "May", "June", "August", "October", "December")
OPENINGS = ("show me flights", "I need a ticket", "book a flight", "is there a flight", "find the cheapest fare")


def reviews() -> bytes:
    """Return the header `text TAB label` and 4,000 different lines such as `the plot was not boring TAB positive`."""
    rng = random.Random(1992)
    lines: dict[str, str] = {}
    while len(lines) < REVIEWS:
        text, is_good = _clause(rng)
        if rng.random() < 0.6:
            second, is_good = _clause(rng)
            text = f"{text} but {second}"
        lines[text] = "positive" if is_good else "negative"
    return ("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in lines.items())).encode()


def flights() -> bytes:
    """Return 3,000 different sentences: a line `token TAB tag` for each token, then an empty line."""
    rng = random.Random(1993)
    sentences: dict[tuple[str, ...], list[str]] = {}
    while len(sentences) < FLIGHTS:
        parts = [_departure(rng), _destination(rng)]
        if rng.random() < 0.5:
            parts.reverse()
        if rng.random() < 0.7:
            parts.append(_day(rng))
        if rng.random() < 0.5:
            parts.append(_hour(rng))
        tokens = choose(rng, OPENINGS).split()
        tags = ["O"] * len(tokens)
        for preposition, name, span in parts:
            tokens += preposition.split() + span.split()
            length = len(span.split())
            tags += ["O"] * len(preposition.split()) + [f"B-{name}"] + [f"I-{name}"] * (length - 1)
        sentences[tuple(tokens)] = tags
    return "".join(
        "".join(f"{token}\t{tag}\n" for token, tag in zip(tokens, tags, strict=True)) + "\n"
        for tokens, tags in sentences.items()
    ).encode()


def _clause(rng: random.Random) -> tuple[str, bool]:
    """Return a clause, and whether it praises."""
    is_good, is_negated = rng.random() < 0.5, rng.random() < 0.4
    word = choose(rng, GOOD if is_good else BAD)
    negation = "not " if is_negated else ""
    text = f"the {choose(rng, SUBJECTS)} {choose(rng, LINKS)} {negation}{choose(rng, DEGREES)}{word}"
    return text, is_good != is_negated


def _departure(rng: random.Random) -> tuple[str, str, str]:
    return choose(rng, ("from", "leaving", "that departs from")), "from", choose(rng, CITIES)


def _destination(rng: random.Random) -> tuple[str, str, str]:
    return choose(rng, ("to", "arriving in", "that goes to")), "to", choose(rng, CITIES)


def _day(rng: random.Random) -> tuple[str, str, str]:
    return "on", "day", f"{choose(rng, MONTHS)} {choose(rng, range(1, 31))}"


def _hour(rng: random.Random) -> tuple[str, str, str]:
    return choose(rng, ("at", "before", "after")), "hour", f"{choose(rng, range(1, 13))} {choose(rng, ('am', 'pm'))}"
