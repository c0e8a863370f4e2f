"""Attribution finds the token that a trained model's answer depends on, where the data leave no other.

Not every method can: the gradient at the input is near zero where a probability is near one, and integrated gradients
also count what says that a letter comes next, and not only which one.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import elman
from elman.inspect import read_trace, write_trace
from elman.models.attribution import METHODS

pytestmark = pytest.mark.integration

every_method = pytest.mark.parametrize("method", list(METHODS))
FILLERS = ["the", "a", "light", "is", "on", "again", "today", "now", "here", "there"]


@pytest.fixture(scope="module")
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def classifier(rng: np.random.Generator) -> elman.Classifier:
    """A text is urgent if and only if it has the word alarm."""
    texts, labels = [], []
    for number in range(400):
        words = rng.choice(FILLERS, 8).tolist()
        if number % 2:
            words[int(rng.integers(8))] = "alarm"
        texts.append(" ".join(words))
        labels.append("urgent" if number % 2 else "calm")
    return elman.Classifier(level="word", hidden_size=16, steps=150, seed=1, threads=1, verbose=False).fit(
        texts, labels
    )


@every_method
@pytest.mark.parametrize("place", [0, 3, 7])
def test_a_keyword_decides_for_a_classifier(classifier: elman.Classifier, method: str, place: int) -> None:
    words = FILLERS[:8]
    words[place] = "alarm"
    trace = classifier.trace(" ".join(words), label="urgent", attribution=method)
    assert trace.facts["label"] == "urgent"
    assert trace["attribution"].argmax() == place
    assert trace["attribution"][place] > 0


@pytest.fixture(scope="module")
def tagger(rng: np.random.Generator) -> elman.Tagger:
    """The tag of a token is the token before it; of the first one, `start`."""
    sentences = []
    for _ in range(300):
        tokens = rng.choice(list("uvwxyz"), 6).tolist()
        sentences.append((tokens, ["start", *tokens[:-1]]))
    tagger = elman.Tagger(hidden_size=24, steps=500, seed=1, threads=1, verbose=False)
    return tagger.fit([tokens for tokens, _ in sentences], [tags for _, tags in sentences])


@pytest.mark.parametrize("method", ["integrated_gradients", "leave_one_out"])
@pytest.mark.parametrize("position", [2, 4, 6])
def test_the_token_before_decides_for_a_tagger(tagger: elman.Tagger, method: str, position: int) -> None:
    trace = tagger.trace(list("uzvxyw"), attribution=method, position=position)
    assert trace.facts["decisions"][position - 1] == "uzvxyw"[position - 2]
    assert trace["attribution"].argmax() == position - 2


@pytest.fixture(scope="module")
def language_model(rng: np.random.Generator) -> elman.LanguageModel:
    """The last character of a line is its first one, after two points."""
    text = "".join(f"{c}..{c}\n" for c in rng.choice(list("uvwxyz"), 3000))
    model = elman.LanguageModel(hidden_size=32, steps=700, seed=1, threads=1, verbose=False)
    return model.fit([text])


@pytest.mark.parametrize("letter", ["u", "z"])
def test_the_first_character_decides_for_a_language_model(language_model: elman.LanguageModel, letter: str) -> None:
    trace = language_model.trace(f"x..x\n{letter}..{letter}", attribution="leave_one_out")
    assert trace.facts["attribution"]["value"] > np.log(0.9)
    assert trace["attribution"].argmax() == 5


def test_an_attribution_is_kept_in_a_trace_folder(classifier: elman.Classifier, tmp_path: Path) -> None:
    trace = classifier.trace("the alarm is on", attribution="leave_one_out")
    write_trace(trace, tmp_path / "trace")
    again = read_trace(tmp_path / "trace")
    np.testing.assert_array_equal(again["attribution"], trace["attribution"])
    assert again.facts["attribution"] == trace.facts["attribution"]
    assert json.loads((tmp_path / "trace/trace.json").read_text())["facts"]["attribution"]["method"] == "leave_one_out"
