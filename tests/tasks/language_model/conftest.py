"""A small corpus of a language model."""

import pytest

from elman.tasks.language_model.corpus import LanguageModelCorpus as Corpus

from .corpora import small_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return small_corpus(tmp_path_factory.mktemp("corpus"))
