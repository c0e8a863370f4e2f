"""How exact a model of `reverse` is, length by length, beyond the 20 letters of its training.

    elman train seq2seq reverse -o runs/reverse --minutes 1
    python benchmarks/lengths.py runs/reverse

New random words of each length are reversed greedily. What a model that only knows lengths up to 20 does at 40 says
whether it has learned to walk backwards, or to count.
"""

from __future__ import annotations

import argparse
import random
import string

from elman.metrics import sequence_scores
from elman.runtime import load


def main() -> None:
    """Print exact match and token error rate of each stretch of lengths."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--words", type=int, default=1000, help="of each stretch")
    given = parser.parse_args()
    model, rng = load(given.run), random.Random(1)
    for shortest in range(1, 41, 5):
        lengths = [rng.randint(shortest, shortest + 4) for _ in range(given.words)]
        words = ["".join(rng.choices(string.ascii_lowercase, k=length)) for length in lengths]
        scores = sequence_scores(model.predict(words), [[word[::-1]] for word in words])
        print(
            f"{shortest:2} to {shortest + 4:2} letters: {scores.exact_match:7.2%} exactly right, "
            f"{scores.token_error_rate:7.2%} of letters wrong"
        )


if __name__ == "__main__":
    main()
