"""The parts of the labs of language models: batches, floors and shares, each by its definition."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from elman.errors import DataError
from elman.labs import no_detach, sampling
from elman.labs.characters import random_batches, random_floor, read_characters, sequential_batches
from elman.labs.lab import Report, Settings


@pytest.mark.parametrize("offset", [0, 3])
def test_rows_of_sequential_batches_continue_from_window_to_window(offset: int) -> None:
    ids = np.arange(103)
    windows = list(sequential_batches(ids, offset, batch=4, steps=5))
    length = (103 - offset - 1) // 4
    assert len(windows) == length // 5
    for inputs, targets in windows:
        assert inputs.shape == (4, 5)
        assert (targets == inputs + 1).all()
    rows = np.concatenate([inputs for inputs, _ in windows], axis=1)
    for b in range(4):
        assert rows[b].tolist() == list(range(offset + b * length, offset + b * length + rows.shape[1]))


def test_windows_of_random_batches_are_apart_in_the_text_and_shuffled() -> None:
    ids, rng = np.arange(103), np.random.default_rng(0)
    starts = []
    for _ in range(50):
        epoch = list(random_batches(ids, rng, batch=4, steps=5))
        for inputs, targets in epoch:
            assert (np.diff(inputs, axis=1) == 1).all()
            assert (targets == inputs + 1).all()
        firsts = np.concatenate([inputs[:, 0] for inputs, _ in epoch])
        assert len(firsts) in (16, 20)
        assert len(set(firsts % 5)) == 1
        assert len(set(firsts)) == len(firsts)
        assert (np.diff(firsts) < 0).any()
        starts.append(firsts)
    assert set(np.concatenate(starts) % 5) == set(range(5))


def test_the_floor_of_random_windows_is_the_entropy_after_each_number_of_symbols() -> None:
    ids = np.random.default_rng(0).integers(3, size=60)
    losses = []
    for k in (1, 2, 3):
        for i in range(60 - k):
            same = [j for j in range(60 - k) if (ids[j : j + k] == ids[i : i + k]).all()]
            right = sum(ids[j + k] == ids[i + k] for j in same)
            losses.append((k, -math.log(right / len(same))))
    means = [np.mean([loss for order, loss in losses if order == k]) for k in (1, 2, 3)]
    assert abs(random_floor(ids, steps=3) - math.exp(np.mean(means))) < 1e-12
    assert random_floor(np.arange(90) % 3, steps=10) == 1.0, "one symbol decides all later ones"


def test_a_text_in_latin_letters_is_cleaned_and_another_one_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    for text, sample, size in (
        ("It's 3 o'clock. " * 400, "it s o clock", 9),
        ("床前明月光，疑是地上霜。\n" * 400, "床前明月光，", 14),
    ):
        path.write_text(text, "utf-8")
        characters = read_characters(Report(Settings(text=str(path))))
        assert "".join(characters.vocabulary.decode(characters.training[: len(sample)].tolist())) == sample
        assert len(characters.vocabulary) == size
        assert not characters.is_book
        assert len(characters.training) + len(characters.held_out) >= 3_600


def test_a_short_text_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "short.txt"
    path.write_text("abc " * 900, "utf-8")
    with pytest.raises(DataError, match=r"3,599 characters after cleaning; expected at least 4,000\. Choose a longer"):
        read_characters(Report(Settings(text=str(path))))


def test_the_share_of_distinct_runs() -> None:
    assert sampling.distinct_share("abcdefgh") == 1.0
    assert sampling.distinct_share("a" * 107) == 0.01
    assert sampling.distinct_share("abcabcabcab") == 0.75  # runs of 8: abcabcab, bcabcabc, cabcabca, abcabcab


def test_operations_that_are_reached_on_two_ways_are_counted_once() -> None:
    import torch

    x = torch.ones((), requires_grad=True)
    y = x * 2.0  # 2 operations: the product, and the sum of the gradients of x
    assert no_detach.count_nodes(y + y) == 3
    assert no_detach.count_nodes(y.detach() * x) == 2
