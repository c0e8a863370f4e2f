"""Metrics against their definitions, and sums that may be taken in any order."""

import functools
import math
import sys
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.errors import missing_package
from elman.metrics import (
    Mean,
    SequenceScores,
    SpanScores,
    bits_per_character,
    edit_distance,
    perplexity,
    sequence_scores,
    translation_scores,
)

# A handful of roundings of 1e-16, relative.
ROUNDING = 1e-12

thorough = settings(deadline=None, derandomize=True, database=None)

parts = st.lists(st.tuples(st.floats(0, 1e6), st.integers(1, 1000)), min_size=1, max_size=8)


@settings(deadline=None, derandomize=True, database=None)
@given(parts, st.integers(0, 8))
def test_the_mean_of_parts_is_the_mean_of_the_whole_however_it_is_cut(given_parts, cut: int) -> None:
    means = [Mean(total, count) for total, count in given_parts]
    left, right = sum(means[:cut], Mean()), sum(means[cut:], Mean())
    whole = math.fsum(total for total, _ in given_parts) / sum(count for _, count in given_parts)
    assert (left + right).value == pytest.approx(whole, rel=ROUNDING)
    assert (left + right).count == sum(count for _, count in given_parts)


def test_the_mean_weighs_a_part_by_its_count() -> None:
    assert (Mean(6.0, 3) + Mean(10.0, 1)).value == 4.0


def test_the_mean_of_nothing_is_not_a_number() -> None:
    assert math.isnan(Mean().value)
    assert math.isnan((Mean() + Mean()).value)


@pytest.mark.parametrize("choices", [1, 2, 27, 100_000])
def test_the_perplexity_of_a_uniform_guess_is_the_number_of_choices(choices: int) -> None:
    assert perplexity(math.log(choices)) == pytest.approx(choices, rel=ROUNDING)


def test_a_hopeless_loss_has_a_finite_perplexity() -> None:
    assert perplexity(1e6) == math.exp(700)
    assert perplexity(699.0) < perplexity(700.0) == perplexity(701.0)


def test_the_perplexity_of_no_loss_is_not_a_number() -> None:
    assert math.isnan(perplexity(math.nan))


@pytest.mark.parametrize("level", ["characters", "bytes"])
def test_a_uniform_guess_among_256_bytes_costs_eight_bits_each(level: str) -> None:
    bytes_per_character = {"bytes": 1, "characters": 3}[level]
    loss_sum = 3000 * math.log(256)
    assert bits_per_character(loss_sum, 3000 // bytes_per_character) == pytest.approx(8 * bytes_per_character)


def test_bits_for_no_character_are_not_a_number() -> None:
    assert math.isnan(bits_per_character(1.0, 0))


tokens = st.lists(st.sampled_from("abc"), max_size=7).map(tuple)
examples = st.lists(st.tuples(tokens, st.lists(tokens, min_size=1, max_size=3)), max_size=6)


def distance_by_definition(given: Sequence[str], expected: Sequence[str]) -> int:
    @functools.cache
    def between(i: int, j: int) -> int:
        """The distance of the first i tokens to the first j."""
        if not i or not j:
            return i + j
        replaced = between(i - 1, j - 1) + (given[i - 1] != expected[j - 1])
        return min(replaced, between(i - 1, j) + 1, between(i, j - 1) + 1)

    return between(len(given), len(expected))


@thorough
@given(tokens, tokens)
def test_the_edit_distance_is_what_its_recursion_says(given_tokens, expected) -> None:
    assert edit_distance(given_tokens, expected) == distance_by_definition(given_tokens, expected)


@thorough
@given(tokens, tokens, tokens)
def test_the_edit_distance_is_a_metric(one, other, third) -> None:
    assert (edit_distance(one, other) == 0) == (one == other)
    assert edit_distance(one, other) == edit_distance(other, one)
    assert edit_distance(one, third) <= edit_distance(one, other) + edit_distance(other, third)


def test_the_edit_distance_is_of_any_tokens() -> None:
    assert edit_distance("kitten", "sitting") == 3  # two letters replaced, one inserted
    assert edit_distance([1, 2, 3], (1, 3)) == 1


def scores(pairs: Sequence[tuple[Sequence[str], Sequence[Sequence[str]]]]) -> SequenceScores:
    return sequence_scores([prediction for prediction, _ in pairs], [references for _, references in pairs])


@thorough
@given(examples)
def test_a_prediction_is_held_against_the_closest_of_its_references(pairs) -> None:
    errors = length = 0
    for prediction, references in pairs:
        distances = [distance_by_definition(prediction, reference) for reference in references]
        errors += min(distances)
        closest = [each for each, d in zip(references, distances, strict=True) if d == min(distances)]
        length += max(map(len, closest))
    exact = sum(prediction in references for prediction, references in pairs)
    assert scores(pairs) == SequenceScores(len(pairs), exact, errors, length)


@thorough
@given(examples, st.integers(0, 6))
def test_the_scores_of_parts_add_up_to_those_of_the_whole_however_it_is_cut(pairs, cut: int) -> None:
    assert scores(pairs[:cut]) + scores(pairs[cut:]) == scores(pairs)


def test_error_rates_are_divided_after_summing() -> None:
    found = scores([("ab", ["ab", "b"]), ("abc", ["xbcdef"]), ("", ["a"]), ("bb", ["aa"])])
    # errors 0, 4, 1 and 2; the references' lengths 2, 6, 1 and 2
    assert (found.exact_match, found.sequence_error_rate, found.token_error_rate) == (1 / 4, 3 / 4, 7 / 11)


def test_among_references_as_close_the_longer_one_counts() -> None:
    assert scores([("ab", ["a", "abc", "b"])]).token_error_rate == 1 / 3


def test_a_prediction_may_have_more_errors_than_its_reference_has_tokens() -> None:
    assert scores([("abcd", ["x"])]).token_error_rate == 4.0


def test_references_without_tokens_have_no_rate_but_zero_or_infinity() -> None:
    assert scores([("", [""])]).token_error_rate == SequenceScores().token_error_rate == 0.0
    assert scores([("a", [""])]).token_error_rate == math.inf
    assert scores([("a", [""]), ("b", ["b"])]).token_error_rate == 1.0


def test_the_exact_match_of_nothing_is_not_a_number() -> None:
    assert math.isnan(SequenceScores().exact_match)
    assert math.isnan(SequenceScores().sequence_error_rate)


@pytest.mark.parametrize("measure", [sequence_scores, translation_scores])
def test_references_that_do_not_fit_the_predictions_are_refused(measure) -> None:
    with pytest.raises(ValueError, match="references: given 1, expected 2, a list for each prediction"):
        measure(["a", "b"], [["a"]])
    for number, references in enumerate([[[], ["a"]], [["a"], []]]):
        with pytest.raises(ValueError, match=f"references: given none for prediction {number}, expected at least one"):
            measure(["a", "b"], references)


words = st.lists(st.sampled_from(["ab", "cd", "abc", "dd"]), min_size=4, max_size=8)
texts = words.map(" ".join)
SAME = "ab cd abc dd ab"  # a pair that agrees: so there are equals of every order, and nothing to smooth
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
            found = ngrams(prediction.split(), order)
            most = functools.reduce(lambda a, b: a | b, (ngrams(each.split(), order) for each in references))
            matched += sum((found & most).values())
            total += sum(found.values())
        precisions.append(matched / total)
    length = sum(len(prediction.split()) for prediction, _ in pairs)
    closest = 0
    for prediction, references in pairs:
        lengths = [len(each.split()) for each in references]
        closest += min(lengths, key=lambda n: (abs(n - len(prediction.split())), n))
    brevity = 1.0 if length >= closest else math.exp(1 - closest / length)
    return brevity * math.exp(math.fsum(map(math.log, precisions)) / 4)


def chrf_by_definition(pairs: Sequence[tuple[str, Sequence[str]]]) -> float:
    """Popovic (2015): F2 of the mean precision and the mean recall of 1 to 6 characters, without spaces."""

    def counts(prediction: str, reference: str) -> list[tuple[int, int, int]]:
        sides = [list(text.replace(" ", "")) for text in (prediction, reference)]
        both = [(ngrams(sides[0], order), ngrams(sides[1], order)) for order in range(1, 7)]
        return [((a & b).total(), a.total(), b.total()) for a, b in both]

    def f2(table: Sequence[tuple[int, int, int]]) -> float:
        precision = math.fsum(matched / found for matched, found, _ in table) / 6
        recall = math.fsum(matched / wanted for matched, _, wanted in table) / 6
        return 5 * precision * recall / (4 * precision + recall) if precision + recall else 0.0

    best = [max((counts(prediction, each) for each in references), key=f2) for prediction, references in pairs]
    return f2([tuple(map(sum, zip(*of_order, strict=True))) for of_order in zip(*best, strict=True)])


@thorough
@given(corpora)
def test_bleu_and_chrf_are_what_their_definitions_say_as_fractions_of_one(pairs) -> None:
    found = translation_scores([prediction for prediction, _ in pairs], [references for _, references in pairs])
    assert found["bleu"] == pytest.approx(bleu_by_definition(pairs), rel=ROUNDING)
    assert found["chrf"] == pytest.approx(chrf_by_definition(pairs), rel=ROUNDING)


@thorough
@given(corpora)
def test_a_reference_that_is_given_twice_changes_nothing(pairs) -> None:
    predictions, references = [each for each, _ in pairs], [each for _, each in pairs]
    padded = [[*each, *[each[0]] * (3 - len(each))] for each in references]
    assert translation_scores(predictions, references) == translation_scores(predictions, padded)


def test_a_perfect_translation_scores_one_and_a_foreign_one_zero() -> None:
    assert translation_scores([SAME], [["nothing", SAME]]) == pytest.approx({"bleu": 1.0, "chrf": 1.0}, rel=ROUNDING)
    assert max(translation_scores([SAME] * 3, [[SAME]] * 3).values()) <= 1.0
    assert translation_scores(["xx yy zz ww"], [[SAME]]) == {"bleu": 0.0, "chrf": 0.0}
    assert translation_scores([""], [[SAME]]) == {"bleu": 0.0, "chrf": 0.0}


def test_the_words_of_chinese_are_its_characters() -> None:
    pairs = [("床前明月亮", ["床前明月光"]), ("疑是地上霜", ["疑是地上霜"]), ("今天下雪", ["今天下雨", "天在下雪"])]
    apart = [(" ".join(prediction), [" ".join(each) for each in references]) for prediction, references in pairs]
    found = translation_scores([each for each, _ in pairs], [each for _, each in pairs])
    assert found["bleu"] == pytest.approx(bleu_by_definition(apart), rel=ROUNDING)
    assert 0.0 < found["bleu"] < 1.0


def test_the_translation_scores_of_nothing_are_not_numbers() -> None:
    assert all(math.isnan(score) for score in translation_scores([], []).values())


def test_texts_that_look_tokenized_are_scored_without_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    translation_scores([f"{SAME} ."] * 150, [[f"{SAME} ."]] * 150)
    assert not caplog.records


def test_without_sacrebleu_the_user_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    with pytest.raises(ModuleNotFoundError) as raised:
        translation_scores([SAME], [[SAME]])
    told = 'BLEU and chrF need sacrebleu, which is not installed; pip install "elman[mt]"'
    assert str(missing_package(raised.value)) == told


spans = st.lists(st.sets(st.tuples(st.integers(0, 3), st.sampled_from("XY"))), min_size=1, max_size=5)


@thorough
@given(spans, spans)
def test_spans_are_counted_whole_and_sums_may_be_taken_in_any_order(
    predicted: list[set[object]], expected: list[set[object]]
) -> None:
    pairs = list(zip(predicted, expected, strict=False))
    parts_ = [SpanScores.of(a, b) for a, b in pairs]
    total = sum(parts_, SpanScores())
    assert total == sum(reversed(parts_), SpanScores())
    right = sum(each in b for a, b in pairs for each in a)
    given_, wanted = sum(len(a) for a, _ in pairs), sum(len(b) for _, b in pairs)
    assert total.precision == (right / given_ if given_ else 0.0)
    assert total.recall == (right / wanted if wanted else 0.0)
    both = total.precision + total.recall
    assert total.f1 == pytest.approx(2 * total.precision * total.recall / both if both else 0.0, rel=ROUNDING)
