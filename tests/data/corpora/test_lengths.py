"""The maximum length of examples: usual data lose nothing, a far longer example is reported."""

from __future__ import annotations

import numpy as np
import pytest

from elman.data.corpora.lengths import choose_max_length, report_long_examples, require_short_examples
from elman.errors import DataError


def test_a_given_limit_is_taken_and_0_means_none() -> None:
    assert choose_max_length([1, 2, 3], 2) == 2
    assert choose_max_length([1] * 100 + [30_000], 0) is None


def test_the_limit_is_twenty_usual_lengths_and_at_least_1000_tokens() -> None:
    assert choose_max_length([8] * 99 + [30_000], None) == 1_000
    assert choose_max_length([500] * 200 + [30_000], None) == 10_000


def test_few_examples_have_no_limit() -> None:
    assert choose_max_length([3] * 8 + [30_000], None) is None
    assert choose_max_length([], None) is None


@pytest.mark.parametrize("median", [5, 30, 200, 2_000])
def test_texts_of_very_different_lengths_lose_nothing(median: int) -> None:
    """Lengths of texts are about log-normal; the spread is that of reviews and of mails, which is wide."""
    lengths = np.random.default_rng(0).lognormal(np.log(median), 1.0, 100_000).astype(int).tolist()
    limit = choose_max_length(lengths, None)
    assert limit is not None
    assert max(lengths) <= limit


def test_the_report_has_counts_the_limit_and_the_place_of_the_longest() -> None:
    messages: list[str] = []
    report_long_examples([5, 30, 5, 20], 10, "pairs", "left out", messages.append, "a.tsv:2")
    report_long_examples([5, 30, 5, 20], 10, "texts", "cut", messages.append, "")
    report_long_examples([5, 10], 10, "texts", "cut", messages.append, "a.tsv:2")
    assert messages == [
        "2 of 4 pairs: longer than max_length, 10 tokens, and left out; the longest, with 30 tokens, is at a.tsv:2",
        "2 of 4 texts: longer than max_length, 10 tokens, and cut",
    ]


def test_a_limit_that_leaves_nothing_is_an_error() -> None:
    require_short_examples(1, 10, "a.tsv")
    with pytest.raises(DataError) as caught:
        require_short_examples(0, 10, "a.tsv")
    expected = "a.tsv: all examples are longer than max_length, 10 tokens. Choose a larger max_length; 0 means no limit"
    assert str(caught.value) == expected
