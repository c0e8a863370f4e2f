"""Measure a model of the data set `reverse` on words of different lengths, longer than the 20 letters of its training.

    elman train seq2seq reverse -o runs/reverse --minutes 1
    python benchmarks/lengths.py runs/reverse

Random words of each range of lengths are reversed with greedy decoding. The results beyond 20 letters show whether the
model generalizes to longer words or depends on the positions that it saw during training.
"""

from __future__ import annotations

import argparse
import random
import string

from elman.bench.arguments import at_least
from elman.metrics import sequence_scores
from elman.tasks.loading import load


def main() -> None:
    """Print the exact match and the token error rate for each range of lengths."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--words", type=at_least(1), default=1000, help="words per range of lengths")
    arguments = parser.parse_args()
    model, rng = load(arguments.run), random.Random(1)
    for shortest in range(1, 41, 5):
        lengths = [rng.randint(shortest, shortest + 4) for _ in range(arguments.words)]
        words = ["".join(rng.choices(string.ascii_lowercase, k=length)) for length in lengths]
        scores = sequence_scores(model.predict(words), [[word[::-1]] for word in words])
        print(
            f"{shortest:2} to {shortest + 4:2} letters: {scores.exact_match:7.2%} exact matches, "
            f"{scores.token_error_rate:7.2%} letter errors"
        )


if __name__ == "__main__":
    main()
