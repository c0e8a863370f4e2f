"""The options of a tagger: tokenization, and mistakes that are reported together."""

from __future__ import annotations

import pytest

from elman.errors import ConfigError
from elman.tasks.tagger.config import TaggerTextConfig
from elman.tasks.tagger.defaults import resolve


def test_a_text_is_words_between_spaces_or_characters() -> None:
    assert TaggerTextConfig().tokenize(" a  b ") == ["a", "b"]
    assert TaggerTextConfig(level="char").tokenize("银 行\u3000走\n") == ["银", "行", "走"]


def test_words_are_looked_up_after_normalization() -> None:
    assert TaggerTextConfig().word("Ann") == "ann"
    assert TaggerTextConfig(normalize="none").word("Ann") == "Ann"


def test_all_mistakes_are_reported_together() -> None:
    with pytest.raises(ConfigError) as raised:
        resolve({"model": {"crf": "maybe", "hidden_size": 0}, "data": {"level": "byte"}})
    assert len(raised.value.message.splitlines()) == 3
