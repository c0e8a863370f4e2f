"""The options that all tasks have for reading data, splitting it and building vocabularies."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import PositiveInt

from elman.config import Config
from elman.options import option


class ReaderConfig(Config):
    """How files are read. Training, evaluation and prediction read with the same options."""

    encoding: str | None = option(
        None, flag="--encoding", help="Text encoding", automatic="UTF-8, or UTF-16 or GB18030 if detected"
    )


AnyReaderConfig = TypeVar("AnyReaderConfig", bound=ReaderConfig)


def reader_of(kind: type[AnyReaderConfig], data: Config) -> AnyReaderConfig:
    """Return the reader options among the data options of a run: those that hold for other files, too.

    The encoding is that of the training files alone.
    """
    return kind(**data.model_dump(include=set(kind.model_fields) - {"encoding"}))


def valid_fraction_option(share: str, automatic: str) -> Any:
    """Return the option of the validation set's share; the texts say of what, and how it is chosen if not given."""
    return option(
        None,
        flag="--valid-fraction",
        metavar="F",
        ge=0.0,
        lt=1.0,
        help=f"{share}; 0 means no validation set",
        automatic=automatic,
    )


class SplitConfig(Config):
    """How the validation set is taken from the data."""

    valid_fraction: float | None = valid_fraction_option(
        "Share of the examples in the validation set", "0.1, at most 5,000 examples; 0 for fewer than 10"
    )


class RandomSplitConfig(SplitConfig):
    """How the validation set is drawn at random."""

    split_seed: int = option(0, ge=0, lt=2**63, help="Seed of the split; it is not the seed of the run")


class VocabularyConfig(Config):
    """Which tokens a vocabulary holds."""

    min_frequency: PositiveInt | None = option(
        None,
        flag="--min-frequency",
        help="Minimum number of occurrences of a token of the vocabulary",
        automatic="1, or 2 for 1,000 or more different tokens",
    )
    vocabulary_size: PositiveInt | None = option(
        None, flag="--vocabulary-size", help="Largest number of tokens", automatic="no limit"
    )
