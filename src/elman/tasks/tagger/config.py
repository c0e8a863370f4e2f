"""The options of a tagger: how sentences are read and tokenized, its sizes, and what `predict` prints."""

from __future__ import annotations

from typing import Literal

from elman.config import Config
from elman.data.corpora.config import RandomSplitConfig, ReaderConfig, VocabularyConfig, valid_fraction_option
from elman.data.corpora.lengths import MaxLengthConfig
from elman.models.token_encoder_config import TokenEncoderConfig
from elman.options import option
from elman.tasks.spec import DataConfig, RunConfig
from elman.text import NORMALIZERS
from elman.text.spans import Scheme
from elman.training.config import PaddedTrainingConfig

Level = Literal["word", "char"]
Normalization = Literal["none", "nfc", "lower"]


class TaggerReaderConfig(ReaderConfig):
    """How tagged sentences are read from files."""

    format: Literal["auto", "conllu", "columns", "lines", "jsonl", "csv"] = option(
        "auto", flag="--format", help="File format"
    )
    token_column: str | None = option(
        None, flag="--words", help="Column of the tokens, by its name or number", automatic="form, tokens or 1"
    )
    tag_column: str | None = option(
        None, flag="--column", help="Column of the tags, by its name or number", automatic="upos, tags or the last one"
    )
    sentence_column: str | None = option(
        None, flag="--sentence", help="Column of the sentences' names in CSV", automatic="sentence_id and the like"
    )


class TaggerDataConfig(TaggerReaderConfig, VocabularyConfig, MaxLengthConfig, RandomSplitConfig, DataConfig):
    """How tagged sentences are read, tokenized and split."""

    level: Level | None = option(
        None, flag="--level", help="Tokens", automatic="char if every token is one character, else word"
    )
    normalize: Normalization = option("lower", flag="--normalize", help="Normalization of words in the vocabulary")
    valid_fraction: float | None = valid_fraction_option(
        "Share of the sentences in the validation set", "0.1, at most 5,000 sentences; 0 for fewer than 10"
    )


class TaggerTextConfig(Config):
    """How a sentence is tokenized. Words are looked up after normalization; their characters are read unchanged."""

    level: Level = "word"
    normalize: Normalization = "lower"

    def tokenize(self, text: str) -> list[str]:
        """Return the tokens of a sentence: its words between spaces, or its characters without spaces."""
        words = text.split()
        return words if self.level == "word" else list("".join(words))

    def word(self, token: str) -> str:
        """Return the vocabulary entry of a token."""
        return NORMALIZERS[self.normalize].prompt(token)


class TaggerConfig(TokenEncoderConfig):
    """The sizes of a tagger. Label smoothing has no effect with a conditional random field."""

    crf: bool = option(
        False,
        flag="--crf",
        help="Predict all tags of a sentence together, by a conditional random field",
        automatic="yes if the tags mark spans",
    )
    scheme: Scheme = option("none", help="How the tags mark spans", automatic="detected from the tags")


class TaggerRun(RunConfig):
    """What config.toml of a tagger's run folder holds."""

    task: Literal["tag"] = "tag"
    data: TaggerDataConfig
    model: TaggerConfig
    training: PaddedTrainingConfig


class PredictOptions(ReaderConfig):
    """The options of `elman predict` for a tagger."""

    format: Literal["auto", "lines", "jsonl", "conllu", "columns", "csv"] = option(
        "auto", flag="--format", help="File format"
    )
    token_column: str | None = option(
        None, flag="--words", help="Column of the tokens, by its name or number", automatic="that of the training"
    )
    sentence_column: str | None = option(
        None, flag="--sentence", help="Column of the sentences' names in CSV", automatic="that of the training"
    )
    probabilities: bool = option(False, flag="--probabilities", help="Print the probability of each tag")


class EvaluateOptions(Config):
    """A tagger has no options of `elman evaluate` beside those of its reader."""
