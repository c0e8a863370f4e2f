"""How right a tagger is about the readings of Chinese characters, beside the first-listed reading and the commonest.

    python benchmarks/tagging.py --test 0.1 --minutes 10

The phrases are pypinyin's (the data set `pinyin`, extra data): a share of them, drawn by the seed, is held out and
scored once. Of the training part, elman holds a share out for itself. A character is ambiguous where pypinyin's table
of single characters lists several readings of it; the first-listed reading is that table's, the commonest the one that
the character has most often in the training part.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from pypinyin.constants import PINYIN_DICT

import elman
from elman.config import parse_assignments
from elman.data import named
from elman.tasks.tagger.readers import read_any


def main() -> None:
    """Print the accuracy of each on all characters and on the ambiguous ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--test", type=float, default=0.1, help="share of the phrases")
    parser.add_argument("--minutes", type=float, default=10.0, help="of training")
    parser.add_argument("--seed", type=int, default=0, help="of the split and of the training")
    parser.add_argument("--run", type=Path, help="keep the run here")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of Tagger")
    given = parser.parse_args()
    phrases = list(read_any(named.path("pinyin")))
    order = np.random.default_rng(given.seed).permutation(len(phrases))
    count = round(given.test * len(phrases))
    test, learned = ([phrases[i] for i in part] for part in (order[:count], order[count:]))
    chosen: dict[str, Any] = parse_assignments(given.set)
    print(f"{len(phrases):,} phrases, {count:,} to test; load {os.getloadavg()[0]:.1f}; {chosen}")
    tagger = elman.Tagger(minutes=given.minutes, seed=given.seed, **chosen)
    result = tagger.fit([(each.tokens, each.tags) for each in learned], run=given.run)
    print(f"{result['steps']:,} steps, {result['tokens_per_second']:,.0f} characters/s in training")

    listed = {chr(point): readings.split(",") for point, readings in PINYIN_DICT.items()}
    often: dict[str, Counter[str]] = {}
    for each in learned:
        for character, reading in zip(each.tokens, each.tags, strict=True):
            often.setdefault(character, Counter())[reading] += 1
    first = {character: readings[0] for character, readings in listed.items()}
    commonest = first | {character: counts.most_common(1)[0][0] for character, counts in often.items()}
    tables = {"first-listed": first, "commonest": commonest}
    decided = {name: [[table.get(t, "?") for t in each.tokens] for each in test] for name, table in tables.items()}
    decided["elman"] = tagger.predict([each.tokens for each in test])
    ambiguous = np.array([len(listed.get(token, ())) > 1 for each in test for token in each.tokens])
    for name, found in decided.items():
        pairs = [pair for tags, each in zip(found, test, strict=True) for pair in zip(tags, each.tags, strict=True)]
        right = np.array([a == b for a, b in pairs])
        whole = np.mean([tuple(tags) == each.tags for tags, each in zip(found, test, strict=True)])
        print(
            f"{name:<14}all {right.mean():.4f} of {len(right):,}   ambiguous {right[ambiguous].mean():.4f} of "
            f"{ambiguous.sum():,}   whole phrases {whole:.4f}"
        )


if __name__ == "__main__":
    main()
