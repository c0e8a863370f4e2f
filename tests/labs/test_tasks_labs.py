"""The data of the labs of classification, labelling and forecasting, each against its definition."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from elman.labs import digit_sequences, io_patterns, review_corpus, short_reviews, three_memories


def test_twins_have_the_same_words_and_different_labels() -> None:
    _, test = review_corpus.corpus(1, 50)
    assert len(test) == 100
    for (words, label), (twin_words, twin_label) in zip(test[::2], test[1::2], strict=True):
        assert sorted(words) == sorted(twin_words)
        assert words != twin_words
        assert {label, twin_label} == {0, 1}


def test_the_label_of_a_review_is_the_opinion_of_its_reviewer_in_the_vocabulary() -> None:
    training, _ = review_corpus.corpus(200, 1)
    rng = np.random.default_rng(3)
    for mine, theirs in itertools.product((False, True), repeat=2):
        text = review_corpus.opinion("i", mine, rng).split() + review_corpus.opinion("critics", theirs, rng).split()
        good = [word in review_corpus.GOOD for word in text if word in review_corpus.GOOD + review_corpus.BAD]
        assert good == [mine, mine, theirs, theirs]
    assert {word for words, _ in training for word in words} <= set(review_corpus.vocabulary())
    assert 0.35 < np.mean([label for _, label in training]) < 0.65


def test_a_negation_turns_the_label_of_a_review() -> None:
    reviews = dict(short_reviews.TRAINING) | dict(short_reviews.TEST)
    assert not dict(short_reviews.TRAINING).keys() & dict(short_reviews.TEST).keys()
    for text, label in reviews.items():
        good = any(word in text for word in short_reviews.GOOD)
        negated = any(f" {word} " in text for word in short_reviews.NEGATIONS)
        assert label == (good != negated), text


@pytest.mark.parametrize("task", ["recall", "hold"])
def test_targets_are_the_last_cue_and_lags_count_from_it(task: str) -> None:
    x, y, lags = (np.asarray(array) for array in three_memories.series(20, task, np.random.default_rng(0)))
    for row in range(len(x)):
        cue, since, waiting = 0.0, 0, False
        for t in range(three_memories.T):
            if x[row, t, 0] != 0.0:
                cue, since, waiting = x[row, t, 0], 0, True
            scored = waiting and (task == "hold" or x[row, t, 1] == 1.0)
            assert y[row, t] == (cue if scored else 0.0)
            assert lags[row, t] == (since if scored else -1)
            waiting = waiting and x[row, t, 1] == 0.0
            since += 1


def test_narx_predicts_from_its_own_outputs_as_it_is_trained_on_true_ones() -> None:
    """If the past outputs are the network's own, forcing gives the outputs of the closed loop."""
    import torch

    network = three_memories.Memory("narx", 0)
    x = three_memories.series(4, "hold", np.random.default_rng(0))[0]
    with torch.no_grad():
        closed = network.predict(x)
        forced = network.outputs(x, torch.nn.functional.pad(closed[:, :-1], (1, 0)))
    assert torch.allclose(closed, forced, atol=1e-6)


def test_the_examples_of_every_pattern_follow_its_rule() -> None:
    rules = {
        "one to one": lambda x: [9 - x[0]],
        "one to many": lambda x: [x[0]] * x[0] + [digit_sequences.END],
        "many to one": lambda x: [max(x)],
        "many to many, late": lambda x: [*reversed(x), digit_sequences.END],
        "many to many, in step": lambda x: [max(x[: t + 1]) for t in range(len(x))],
    }
    for pattern in io_patterns.PATTERNS:
        for test in (False, True):
            x, y = pattern.examples(np.random.default_rng(0), test)
            for inputs, targets in zip(x.tolist(), y.tolist(), strict=True):
                assert [target for target in targets if target >= 0] == rules[pattern.name.en](inputs)
