"""Compare a tagger of Chinese pronunciations (pinyin) with a dictionary and with the most frequent pronunciation.

    python benchmarks/tagging.py --test 0.1 --minutes 10

The phrases come from pypinyin (data set `pinyin`, extra `data`). A random share of them is the test set, which is used
once; elman takes its validation set from the training set. A character is ambiguous if pypinyin's table of single
characters lists several pronunciations. The dictionary predicts the first pronunciation of that table, the other
baseline the pronunciation that the character has most often in the training set.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pypinyin.constants import PINYIN_DICT

import elman
from elman.bench.arguments import at_least
from elman.config import parse_assignments
from elman.data import datasets
from elman.tasks.tagger.config import TaggerReaderConfig
from elman.tasks.tagger.readers import open_source


def main() -> None:
    """Print the accuracy of each method on all characters and on the ambiguous ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--test", type=float, default=0.1, help="share of the test set")
    parser.add_argument("--phrases", type=at_least(1), help="use a random subset of this size")
    parser.add_argument("--minutes", type=float, default=10.0, help="training time")
    parser.add_argument("--seed", type=int, default=0, help="of the split and of the training")
    parser.add_argument("--run", type=Path, help="save the run folder here")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of Tagger")
    arguments = parser.parse_args()
    phrases = list(open_source(datasets.local_path("pinyin"), TaggerReaderConfig(), print).examples())
    order = np.random.default_rng(arguments.seed).permutation(len(phrases))[: arguments.phrases]
    num_test = round(arguments.test * len(order))
    test, train = ([phrases[i] for i in indices] for indices in (order[:num_test], order[num_test:]))
    parameters: dict[str, Any] = parse_assignments(arguments.set)
    print(f"{len(order):,} phrases, {num_test:,} of them to test; load {os.getloadavg()[0]:.1f}; {parameters}")
    tagger = elman.Tagger(minutes=arguments.minutes, seed=arguments.seed, **parameters)
    result = tagger.fit([(phrase.tokens, phrase.tags) for phrase in train], run=arguments.run).result_
    print(f"{result['steps']:,} updates, {result['tokens_per_second']:,.0f} characters per second in training")

    listed = {chr(code): pronunciations.split(",") for code, pronunciations in PINYIN_DICT.items()}
    first_listed = {character: pronunciations[0] for character, pronunciations in listed.items()}
    tables = {"first-listed": first_listed, "most frequent": first_listed | most_frequent_tags(train)}
    predictions: dict[str, Any] = {
        name: [[table.get(token, "?") for token in phrase.tokens] for phrase in test] for name, table in tables.items()
    }
    predictions["elman"] = tagger.predict([phrase.tokens for phrase in test])
    ambiguous = np.array([len(listed.get(token, ())) > 1 for phrase in test for token in phrase.tokens])
    for name, tag_sequences in predictions.items():
        print_accuracy(name, tag_sequences, [phrase.tags for phrase in test], ambiguous)


def most_frequent_tags(phrases: Sequence[Any]) -> dict[str, str]:
    """Return for each character of tagged phrases its most frequent tag."""
    counts: dict[str, Counter[str]] = {}
    for phrase in phrases:
        for character, tag in zip(phrase.tokens, phrase.tags, strict=True):
            counts.setdefault(character, Counter())[tag] += 1
    return {character: counter.most_common(1)[0][0] for character, counter in counts.items()}


def print_accuracy(
    name: str, predicted: Sequence[Sequence[str]], expected: Sequence[Sequence[str]], ambiguous: Any
) -> None:
    """Print the shares of correct characters, of correct ambiguous characters and of correct phrases."""
    pairs = [pair for tags, target in zip(predicted, expected, strict=True) for pair in zip(tags, target, strict=True)]
    correct = np.array([a == b for a, b in pairs])
    phrases = np.mean([tuple(tags) == tuple(target) for tags, target in zip(predicted, expected, strict=True)])
    print(
        f"{name:<14}all {correct.mean():.4f} of {len(correct):,}   ambiguous {correct[ambiguous].mean():.4f} of "
        f"{ambiguous.sum():,}   whole phrases {phrases:.4f}"
    )


if __name__ == "__main__":
    main()
