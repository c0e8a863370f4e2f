"""The tagger as a Python class: every form of sentences and tags, and errors for other arguments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elman
from elman.errors import ConfigError, DataError

SENTENCES = [[first, noun, str(n)] for n in range(12) for first in ("the", "a") for noun in ("cat", "dog")]
TAGS = [["DET", "NOUN", "NUM"]] * len(SENTENCES)
TINY: dict[str, Any] = {
    "hidden_size": 12,
    "character_size": 4,
    "steps": 40,
    "verbose": False,
    "config": {"training": {"batch_size": 8, "learning_rate": 0.02, "threads": 1}},
}


@pytest.fixture(scope="module")
def fitted() -> elman.Tagger:
    model = elman.Tagger(**TINY)
    model.fit(SENTENCES, TAGS)
    return model


def test_it_learns_tags_and_gives_probabilities(fitted: elman.Tagger, tmp_path: Path) -> None:
    assert fitted.score(SENTENCES, TAGS) > 0.9
    sentences = [["a", "dog"], ["the", "cat", "7"]]
    tags = fitted.predict(sentences)
    assert tags == [["DET", "NOUN"], ["DET", "NOUN", "NUM"]] == fitted.predict(["a dog", "the cat 7"])
    assert fitted.labels == ("DET", "NOUN", "NUM")
    probabilities = fitted.predict_proba(sentences)
    assert [[fitted.labels[i] for i in p.argmax(1)] for p in probabilities] == tags
    metrics = fitted.evaluate(SENTENCES, TAGS)
    assert metrics["accuracy"] == pytest.approx(fitted.score(SENTENCES, TAGS))
    fitted.save(tmp_path / "model")
    assert elman.load(tmp_path / "model").predict(sentences) == tags


class Frame:
    """The part of a DataFrame that the estimator uses."""

    def __init__(self, *columns: str) -> None:
        self.columns = list(columns)

    def __getitem__(self, names: list[str]) -> Frame:
        return Frame(*names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def itertuples(self, *, index: bool, name: None) -> Any:
        assert not index
        return zip(SENTENCES, TAGS, strict=True)


def test_sentences_come_in_every_form(tmp_path: Path) -> None:
    path = tmp_path / "tagged.txt"
    rows = [zip(tokens, tags, strict=True) for tokens, tags in zip(SENTENCES, TAGS, strict=True)]
    path.write_text("\n".join("".join(f"{token} {tag}\n" for token, tag in row) for row in rows))
    text = [" ".join(tokens) for tokens in SENTENCES]
    arrays = [np.array(tokens) for tokens in SENTENCES]
    pairs = list(zip(SENTENCES, TAGS, strict=True))
    probabilities = []
    frame = Frame("n", "tokens", "tags")
    for arguments in ((SENTENCES, TAGS), (arrays, TAGS), (text, TAGS), (pairs,), (frame,), (path,), (str(path),)):
        model = elman.Tagger(**{**TINY, "steps": 3})
        result = model.fit(*arguments).result_
        assert set(result) == {"task", "steps", "seconds", "tokens_per_second", "best_step", "train", "valid"}
        probabilities.append(model.predict_proba([["a", "cat"]])[0])
        assert model.evaluate(*arguments)["sentences"] == len(SENTENCES)
    for p in probabilities[1:]:
        np.testing.assert_array_equal(p, probabilities[0])


def test_arguments_that_do_not_fit_together_are_errors(fitted: elman.Tagger) -> None:
    model = elman.Tagger(**TINY)
    with pytest.raises(ConfigError, match="given 48 and 3; expected as many of each"):
        model.fit(SENTENCES, TAGS[:3])
    with pytest.raises(ConfigError, match="given a path and tags; expected a path alone"):
        model.fit("tagged.txt", TAGS)
    with pytest.raises(ConfigError, match="given a DataFrame with the columns tokens; expected one column"):
        model.fit(Frame("tokens"), TAGS)
    with pytest.raises(ConfigError, match="a DataFrame with the columns a, b; expected tokens and tags"):
        model.fit(Frame("a", "b"))
    with pytest.raises(DataError, match=r"item 0 is .*; expected tokens and their tags"):
        model.fit(SENTENCES)
    with pytest.raises(ConfigError, match="not trained yet"):
        model.predict(SENTENCES)
    with pytest.raises(ConfigError, match=r"unknown parameter 'depth'\. Choose one of cell, hidden_size"):
        model.set_params(depth=2)
    with pytest.raises(DataError, match="the model does not know the tag 'X'"):
        fitted.evaluate([["a"]], [["X"]])


def test_parameters_are_those_of_the_constructor() -> None:
    from sklearn.base import clone

    model = elman.Tagger(**TINY)
    assert clone(model).get_params() == model.get_params()
    assert model.set_params(hidden_size=5, crf=True) is model
    assert (model.hidden_size, model.get_params()["crf"]) == (5, True)
    assert set(model.get_params()) >= {"cell", "minutes", "seed", "config"}


def test_scikit_learn_cross_validates_it() -> None:
    from sklearn.model_selection import cross_val_score

    scores = cross_val_score(elman.Tagger(**{**TINY, "steps": 12}), SENTENCES, TAGS, cv=2)
    assert scores.shape == (2,)
    assert scores.min() > 0.3


def test_a_budget_of_fit_replaces_that_of_the_constructor(tmp_path: Path) -> None:
    model = elman.Tagger(**TINY)
    assert model.fit(SENTENCES, TAGS, steps=2, run=tmp_path / "run").result_["steps"] == 2
    assert (tmp_path / "run" / "model").is_dir()
    with pytest.raises(ConfigError, match=r"model\.cell"):
        elman.Tagger(cell="none", **TINY).fit(SENTENCES, TAGS)


def test_evaluate_reads_a_file_as_fit_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "tagged.txt"
    path.write_text("".join(f"NOUN w{n}\nNUM {n}\n\n" for n in range(9)))
    config = {**TINY["config"], "data": {"token_column": "2", "tag_column": "1"}}
    model = elman.Tagger(**{**TINY, "config": config, "steps": 2})
    model.fit(path)
    assert model.evaluate(path)["sentences"] == 9
