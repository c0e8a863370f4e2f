"""Metrics compared with their definitions, and sums in any order."""

from __future__ import annotations

import functools
import logging
import logging.handlers
import math
import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.errors import missing_package_error
from elman.metrics import (
    Mean,
    SequenceScores,
    SpanScores,
    auc,
    bits_per_character,
    edit_distance,
    perplexity,
    sequence_scores,
    sequences,
    translation_scores,
)

# Several roundings of 1e-16, relative.
ROUNDING = 1e-12

thorough = settings(max_examples=100, deadline=None, derandomize=True, database=None)
Tokens = tuple[str, ...]
Pairs = list[tuple[Tokens, list[Tokens]]]
TextPairs = list[tuple[str, list[str]]]

parts = st.lists(st.tuples(st.floats(0, 1e6), st.integers(1, 1000)), min_size=1, max_size=8)


@thorough
@given(parts, st.integers(0, 8))
def test_the_mean_does_not_depend_on_how_the_sum_is_split(values: list[tuple[float, int]], split: int) -> None:
    means = [Mean(total, count) for total, count in values]
    left, right = sum(means[:split], Mean()), sum(means[split:], Mean())
    expected = math.fsum(total for total, _ in values) / sum(count for _, count in values)
    assert (left + right).value == pytest.approx(expected, rel=ROUNDING)
    assert (left + right).count == sum(count for _, count in values)


def test_the_mean_is_weighted_by_counts() -> None:
    assert (Mean(6.0, 3) + Mean(10.0, 1)).value == 4.0


def test_the_mean_without_values_is_nan() -> None:
    assert math.isnan(Mean().value)
    assert math.isnan((Mean() + Mean()).value)


@pytest.mark.parametrize("choices", [1, 2, 27, 100_000])
def test_the_perplexity_of_a_uniform_guess_is_the_number_of_choices(choices: int) -> None:
    assert perplexity(math.log(choices)) == pytest.approx(choices, rel=ROUNDING)


def test_a_very_large_loss_has_a_finite_perplexity() -> None:
    assert perplexity(1e6) == math.exp(700)
    assert perplexity(699.0) < perplexity(700.0) == perplexity(701.0)


def test_the_perplexity_of_nan_is_nan() -> None:
    assert math.isnan(perplexity(math.nan))


@pytest.mark.parametrize("level", ["characters", "bytes"])
def test_a_uniform_guess_among_256_bytes_costs_eight_bits_per_byte(level: str) -> None:
    bytes_per_character = {"bytes": 1, "characters": 3}[level]
    loss_sum = 3000 * math.log(256)
    assert bits_per_character(loss_sum, 3000 // bytes_per_character) == pytest.approx(8 * bytes_per_character)


def test_bits_per_character_without_characters_are_nan() -> None:
    assert math.isnan(bits_per_character(1.0, 0))


tokens = st.lists(st.sampled_from("abc"), max_size=7).map(tuple)
examples = st.lists(st.tuples(tokens, st.lists(tokens, min_size=1, max_size=3)), max_size=6)


def distance_by_definition(actual: Sequence[str], expected: Sequence[str]) -> int:
    @functools.cache
    def distance(i: int, j: int) -> int:
        """Return the distance of the first i tokens to the first j."""
        if not i or not j:
            return i + j
        replacement = distance(i - 1, j - 1) + (actual[i - 1] != expected[j - 1])
        return min(replacement, distance(i - 1, j) + 1, distance(i, j - 1) + 1)

    return distance(len(actual), len(expected))


@thorough
@given(tokens, tokens)
def test_the_edit_distance_equals_its_definition(actual: Tokens, expected: Tokens) -> None:
    assert edit_distance(actual, expected) == distance_by_definition(actual, expected)
    assert sequences._long_edit_distance(actual, expected) == distance_by_definition(actual, expected)


@thorough
@given(tokens, tokens, tokens)
def test_the_edit_distance_is_a_metric(one: Tokens, other: Tokens, third: Tokens) -> None:
    assert (edit_distance(one, other) == 0) == (one == other)
    assert edit_distance(one, other) == edit_distance(other, one)
    assert edit_distance(one, third) <= edit_distance(one, other) + edit_distance(other, third)


def test_the_edit_distance_of_long_sequences_is_that_of_a_walk_through_all_pairs() -> None:
    rng = random.Random(3)
    actual, expected = ([rng.choice("abc") for _ in range(length)] for length in (300, 260))
    fast = edit_distance(actual, expected)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sequences, "LONG", 10**9)
        assert edit_distance(actual, expected) == fast


def test_the_edit_distance_accepts_any_tokens() -> None:
    assert edit_distance("kitten", "sitting") == 3  # two letters replaced, one inserted
    assert edit_distance([1, 2, 3], (1, 3)) == 1


def scores(pairs: Sequence[tuple[Sequence[str], Sequence[Sequence[str]]]]) -> SequenceScores:
    return sequence_scores([prediction for prediction, _ in pairs], [references for _, references in pairs])


@thorough
@given(examples)
def test_a_prediction_is_compared_with_the_closest_of_its_references(pairs: Pairs) -> None:
    errors = length = 0
    for prediction, references in pairs:
        distances = [distance_by_definition(prediction, reference) for reference in references]
        errors += min(distances)
        closest = [reference for reference, d in zip(references, distances, strict=True) if d == min(distances)]
        length += max(map(len, closest))
    exact = sum(prediction in references for prediction, references in pairs)
    assert scores(pairs) == SequenceScores(len(pairs), exact, errors, length)


@thorough
@given(examples, st.integers(0, 6))
def test_scores_can_be_added(pairs: Pairs, split: int) -> None:
    assert scores(pairs[:split]) + scores(pairs[split:]) == scores(pairs)


def test_error_rates_are_divided_after_adding() -> None:
    total = scores([("ab", ["ab", "b"]), ("abc", ["xbcdef"]), ("", ["a"]), ("bb", ["aa"])])
    # errors 0, 4, 1 and 2; lengths of the references 2, 6, 1 and 2
    assert (total.exact_match, total.sequence_error_rate, total.token_error_rate) == (1 / 4, 3 / 4, 7 / 11)


def test_of_equally_close_references_the_longest_counts() -> None:
    assert scores([("ab", ["a", "abc", "b"])]).token_error_rate == 1 / 3


def test_a_prediction_may_have_more_errors_than_its_reference_has_tokens() -> None:
    assert scores([("abcd", ["x"])]).token_error_rate == 4.0


def test_the_error_rate_for_empty_references_is_zero_or_infinity() -> None:
    assert scores([("", [""])]).token_error_rate == SequenceScores().token_error_rate == 0.0
    assert scores([("a", [""])]).token_error_rate == math.inf
    assert scores([("a", [""]), ("b", ["b"])]).token_error_rate == 1.0


def test_the_exact_match_without_sequences_is_nan() -> None:
    assert math.isnan(SequenceScores().exact_match)
    assert math.isnan(SequenceScores().sequence_error_rate)


@pytest.mark.parametrize("function", [sequence_scores, translation_scores])
def test_references_that_do_not_match_the_predictions_raise_an_error(function: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match="references: given 1; expected 2, one list for each prediction"):
        function(["a", "b"], [["a"]])
    invalid: list[list[list[str]]] = [[[], ["a"]], [["a"], []]]
    for number, references in enumerate(invalid):
        with pytest.raises(ValueError, match=f"references: given none for prediction {number}; expected at least one"):
            function(["a", "b"], references)


words = st.lists(st.sampled_from(["ab", "cd", "abc", "dd"]), min_size=4, max_size=8)
texts = words.map(" ".join)
SAME = "ab cd abc dd ab"  # an equal pair has n-grams of every order in common, so no smoothing is needed
corpora = st.lists(st.tuples(texts, st.lists(texts, min_size=1, max_size=3)), max_size=4).map(
    lambda pairs: [*pairs, (SAME, [SAME])]
)


def ngrams(tokens: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(tokens[first : first + order]) for first in range(len(tokens) - order + 1))


def bleu_by_definition(pairs: Sequence[tuple[str, Sequence[str]]]) -> float:
    """Papineni et al. (2002): the geometric mean of clipped precisions of 1 to 4 words, times the brevity penalty."""
    precisions = []
    for order in (1, 2, 3, 4):
        matched = total = 0
        for prediction, references in pairs:
            predicted = ngrams(prediction.split(), order)
            limits = functools.reduce(lambda a, b: a | b, (ngrams(text.split(), order) for text in references))
            matched += sum((predicted & limits).values())
            total += sum(predicted.values())
        precisions.append(matched / total)
    length = sum(len(prediction.split()) for prediction, _ in pairs)
    closest = 0
    for prediction, references in pairs:
        lengths = [len(text.split()) for text in references]
        closest += min(lengths, key=lambda n: (abs(n - len(prediction.split())), n))
    brevity = 1.0 if length >= closest else math.exp(1 - closest / length)
    return brevity * math.exp(math.fsum(map(math.log, precisions)) / 4)


def chrf_by_definition(pairs: Sequence[tuple[str, Sequence[str]]]) -> float:
    """Popovic (2015): F2 of the mean precision and the mean recall of 1 to 6 characters, without spaces."""

    def counts(prediction: str, reference: str) -> list[tuple[int, int, int]]:
        sides = [list(text.replace(" ", "")) for text in (prediction, reference)]
        grams = [(ngrams(sides[0], order), ngrams(sides[1], order)) for order in range(1, 7)]
        return [((a & b).total(), a.total(), b.total()) for a, b in grams]

    def f2(table: Sequence[tuple[int, int, int]]) -> float:
        precision = math.fsum(matched / predicted for matched, predicted, _ in table) / 6
        recall = math.fsum(matched / expected for matched, _, expected in table) / 6
        return 5 * precision * recall / (4 * precision + recall) if precision + recall else 0.0

    best = [max((counts(prediction, text) for text in references), key=f2) for prediction, references in pairs]
    columns = [tuple(map(sum, zip(*counts_of_order, strict=True))) for counts_of_order in zip(*best, strict=True)]
    return f2([(matched, predicted, expected) for matched, predicted, expected in columns])


@thorough
@given(corpora)
def test_bleu_and_chrf_equal_their_definitions_as_fractions_of_one(pairs: TextPairs) -> None:
    result = translation_scores([prediction for prediction, _ in pairs], [references for _, references in pairs])
    assert result["bleu"] == pytest.approx(bleu_by_definition(pairs), rel=ROUNDING)
    assert result["chrf"] == pytest.approx(chrf_by_definition(pairs), rel=ROUNDING)


@thorough
@given(corpora)
def test_a_repeated_reference_does_not_change_the_scores(pairs: TextPairs) -> None:
    predictions, references = [text for text, _ in pairs], [choices for _, choices in pairs]
    padded = [[*choices, *[choices[0]] * (3 - len(choices))] for choices in references]
    assert translation_scores(predictions, references) == translation_scores(predictions, padded)


def test_a_perfect_translation_scores_one_and_an_unrelated_one_zero() -> None:
    assert translation_scores([SAME], [["nothing", SAME]]) == pytest.approx({"bleu": 1.0, "chrf": 1.0}, rel=ROUNDING)
    assert max(translation_scores([SAME] * 3, [[SAME]] * 3).values()) <= 1.0
    assert translation_scores(["xx yy zz ww"], [[SAME]]) == {"bleu": 0.0, "chrf": 0.0}
    assert translation_scores([""], [[SAME]]) == {"bleu": 0.0, "chrf": 0.0}


def test_chinese_is_scored_by_characters() -> None:
    pairs = [("床前明月亮", ["床前明月光"]), ("疑是地上霜", ["疑是地上霜"]), ("今天下雪", ["今天下雨", "天在下雪"])]
    separated = [(" ".join(prediction), [" ".join(text) for text in references]) for prediction, references in pairs]
    result = translation_scores([text for text, _ in pairs], [references for _, references in pairs])
    assert result["bleu"] == pytest.approx(bleu_by_definition(separated), rel=ROUNDING)
    assert 0.0 < result["bleu"] < 1.0


def test_translation_scores_without_predictions_are_nan() -> None:
    assert all(math.isnan(score) for score in translation_scores([], []).values())


def test_tokenized_texts_are_scored_without_a_warning() -> None:
    records = logging.handlers.BufferingHandler(1000)
    logging.getLogger().addHandler(records)
    try:
        translation_scores([f"{SAME} ."] * 150, [[f"{SAME} ."]] * 150)
    finally:
        logging.getLogger().removeHandler(records)
    assert not records.buffer


def test_without_sacrebleu_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    with pytest.raises(ModuleNotFoundError) as raised:
        translation_scores([SAME], [[SAME]])
    expected = 'BLEU and chrF need sacrebleu, which is not installed. Install it: pip install "elman[mt]"'
    assert str(missing_package_error(raised.value)) == expected


spans = st.lists(st.sets(st.tuples(st.integers(0, 3), st.sampled_from("XY"))), min_size=1, max_size=5)


@thorough
@given(spans, spans)
def test_span_scores_equal_their_definitions_and_can_be_added_in_any_order(
    predicted: list[set[object]], expected: list[set[object]]
) -> None:
    pairs = list(zip(predicted, expected, strict=False))
    sentence_scores = [SpanScores.of(a, b) for a, b in pairs]
    total = sum(sentence_scores, SpanScores())
    assert total == sum(reversed(sentence_scores), SpanScores())
    correct = sum(span in b for a, b in pairs for span in a)
    num_predicted, num_expected = sum(len(a) for a, _ in pairs), sum(len(b) for _, b in pairs)
    assert total.precision == (correct / num_predicted if num_predicted else 0.0)
    assert total.recall == (correct / num_expected if num_expected else 0.0)
    denominator = total.precision + total.recall
    assert total.f1 == pytest.approx(
        2 * total.precision * total.recall / denominator if denominator else 0.0, rel=ROUNDING
    )


@thorough
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=30))
def test_the_auc_is_that_of_scikit_learn_and_the_share_of_pairs_in_the_right_order(
    examples: list[tuple[int, bool]],
) -> None:
    scores, positive = [float(score) for score, _ in examples], [is_positive for _, is_positive in examples]
    pairs = [(a, b) for a, is_a in examples for b, is_b in examples if is_a and not is_b]
    if not pairs:
        assert math.isnan(auc(scores, positive))
        return
    expected = sum((a > b) + 0.5 * (a == b) for a, b in pairs) / len(pairs)
    assert auc(scores, positive) == pytest.approx(expected, rel=ROUNDING)
    metrics = pytest.importorskip("sklearn.metrics")
    assert auc(scores, positive) == pytest.approx(metrics.roc_auc_score(positive, scores), rel=ROUNDING)
