"""The options of a classifier: how texts are read and tokenized, its sizes, and what `predict` prints."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import field_validator, model_validator

from elman.config import Config
from elman.data.corpora.config import RandomSplitConfig, ReaderConfig, VocabularyConfig, valid_fraction_option
from elman.data.corpora.lengths import MaxLengthConfig
from elman.models.token_encoder_config import TokenEncoderConfig
from elman.options import option
from elman.tasks.spec import DataConfig, RunConfig
from elman.text import NORMALIZERS
from elman.text.tokenizers import TOKENIZERS
from elman.training.config import PaddedTrainingConfig

from .thresholds import parse_thresholds

Level = Literal["char", "word", "byte"]
Normalization = Literal["none", "nfc", "lower"]


class ClassifierReaderConfig(ReaderConfig):
    """How labelled texts are read from files."""

    format: Literal["auto", "tsv", "csv", "jsonl", "fasttext"] = option("auto", flag="--format", help="File format")
    text_column: str = option("text", min_length=1, flag="--text", help="Column of the texts")
    label_column: str = option("label", min_length=1, flag="--label", help="Column of the labels")
    header: bool | None = option(
        None,
        flag="--header",
        help="The first line of a table names its columns",
        automatic="yes, unless --columns is given, or it is like the rows below it",
    )
    columns: tuple[str, ...] | None = option(
        None, flag="--columns", metavar="NAME,...", help="Names of all columns of a table without a header"
    )

    @model_validator(mode="after")
    def _columns_replace_a_header(self) -> Self:
        if self.header is False and self.columns is None:
            raise ValueError("--no-header: given without --columns; expected the names of all columns. Add --columns")
        if self.header and self.columns is not None:
            raise ValueError("--columns: given with --header; expected one of them. Leave out --header")
        return self


class ClassifierDataConfig(ClassifierReaderConfig, VocabularyConfig, MaxLengthConfig, RandomSplitConfig, DataConfig):
    """How labelled texts are read, tokenized and split."""

    level: Level | None = option(
        None, flag="--level", help="Tokens", automatic="word if texts have several words, else char"
    )
    normalize: Normalization | None = option(
        None, flag="--normalize", help="Normalization of tokens", automatic="lower for words, else none"
    )
    valid_fraction: float | None = valid_fraction_option(
        "Share of the texts of each label in the validation set", "0.1, at most 5,000 texts; 0 for fewer than 10"
    )


class ClassifierTextConfig(Config):
    """How a text is tokenized. Words are looked up in lower case; their characters are read unchanged."""

    level: Level = "char"
    normalize: Normalization = "none"

    def tokenize(self, text: str) -> list[str]:
        """Return the tokens of a text."""
        case_matters = self.level == "word" and self.normalize == "lower"  # to the layer over the characters
        return TOKENIZERS[self.level].split(text if case_matters else self.normalized(text))

    def word(self, token: str) -> str:
        """Return the vocabulary entry of a token."""
        return self.normalized(token) if self.level == "word" else token

    def normalized(self, text: str) -> str:
        """Return a text after normalization; texts that are equal then are one text."""
        return NORMALIZERS[self.normalize].prompt(text)


class ClassifierConfig(TokenEncoderConfig):
    """The sizes of a classifier."""

    pooling: Literal["last", "mean", "max", "attention"] = option(
        "max", flag="--pooling", metavar="KIND", help="How the outputs for all tokens become one vector"
    )
    class_weights: Literal["none", "balanced"] = option(
        "none", flag="--class-weights", metavar="KIND", help="(training) Weights of the labels in the loss"
    )


class ClassifierRun(RunConfig):
    """What config.toml of a classifier's run folder holds."""

    task: Literal["classify"] = "classify"
    data: ClassifierDataConfig
    model: ClassifierConfig
    training: PaddedTrainingConfig

    @model_validator(mode="after")
    def _only_words_have_characters(self) -> Self:
        if self.model.character_size and self.data.level in ("char", "byte"):
            size, level = self.model.character_size, self.data.level
            raise ValueError(f"model.character_size: given {size}; expected 0 at level {level}, which has no words")
        return self


class ThresholdConfig(Config):
    """How probable a label must be to be given."""

    threshold: tuple[str, ...] | None = option(
        None,
        flag="--threshold",
        metavar="P",
        repeatable=True,
        help="Give no label that is less probable than P; LABEL=P is the threshold of one label; repeatable",
    )

    @field_validator("threshold")
    @classmethod
    def _thresholds_are_probabilities(cls, values: tuple[str, ...] | None) -> tuple[str, ...] | None:
        parse_thresholds(values or ())
        return values


class PredictOptions(ReaderConfig, ThresholdConfig):
    """The options of `elman predict` for a classifier."""

    format: Literal["auto", "lines", "tsv", "csv", "jsonl", "fasttext"] = option(
        "auto", flag="--format", help="File format"
    )
    text_column: str | None = option(
        None, min_length=1, flag="--text", help="Column or key of the texts", automatic="that of the training"
    )
    probabilities: bool = option(
        False,
        flag="--probabilities",
        help="Print LABEL TAB PROBABILITY for each label, the most probable first; in a table, add a column for each",
    )
    explain: bool = option(
        False, flag="--explain", help="Print the label after every token, and the contribution of each token"
    )


class EvaluateOptions(ThresholdConfig):
    """The options of `elman evaluate` for a classifier, beside those of its reader."""

    precision: float | None = option(
        None,
        gt=0.0,
        le=1.0,
        flag="--precision",
        metavar="P",
        help="Print the thresholds for a precision of P: of all labels together, and of each label",
    )
    recall: float | None = option(
        None, gt=0.0, le=1.0, flag="--recall", metavar="P", help="Print the threshold of each label for a recall of P"
    )
