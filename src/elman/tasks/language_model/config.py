"""The options of a language model: how the text is read and tokenized, and its sizes."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, PositiveInt, model_validator

from elman.cells import Cell, create
from elman.config import Config
from elman.data.corpora.config import ReaderConfig, VocabularyConfig, valid_fraction_option
from elman.models.cell_name import CELL_HELP, CellName
from elman.options import AUTOMATIC, option
from elman.tasks.spec import DataConfig, RunConfig
from elman.text import TextCodec, Vocabulary
from elman.text.tokenizers import BYTE_TOKENS
from elman.training.config import PartialValidationConfig, SequenceTrainingConfig


class LanguageModelReaderConfig(ReaderConfig):
    """How text files are read."""


class LanguageModelTextConfig(Config):
    """How text becomes ids: what a model needs to read and write text."""

    level: Literal["char", "word", "byte"] = option("char", flag="--level", metavar="LEVEL", help="Tokens")
    normalize: Literal["none", "nfc", "lower", "textbook"] = option(
        "none", flag="--normalize", help="Normalization of the text"
    )
    byte_fallback: bool = option(
        False, flag="--byte-fallback", help="At level char, write characters that the vocabulary lacks as bytes"
    )

    def codec(self, vocabulary: Vocabulary) -> TextCodec:
        """Return the codec of this text for a vocabulary."""
        return TextCodec(vocabulary, level=self.level, normalize=self.normalize, byte_fallback=self.byte_fallback)

    @model_validator(mode="after")
    def _fallback_needs_characters(self) -> Self:
        if self.byte_fallback and self.level != "char":
            raise ValueError(f"byte_fallback: given with level {self.level!r}; expected level 'char'")
        return self


class LanguageModelDataConfig(LanguageModelTextConfig, LanguageModelReaderConfig, VocabularyConfig, DataConfig):
    """How the text is read, tokenized, split and cut into mini-batches."""

    valid_fraction: float | None = valid_fraction_option(
        "Share of the text in the validation set, from its end",
        "0.1, at most 250,000 tokens; 0 for fewer than 18 tokens",
    )
    stream: Literal["sequential", "random"] = option(
        "sequential",
        flag="--stream",
        help="Order of the segments; random segments start from a zero state",
    )
    reset_probability: float = option(
        0.02, ge=0.0, le=1.0, help="Probability with which a carried state is set to zero before a mini-batch"
    )

    @model_validator(mode="after")
    def _bytes_fit_into_the_vocabulary(self) -> Self:
        least = len(BYTE_TOKENS) + 1
        if self.byte_fallback and self.vocabulary_size is not None and self.vocabulary_size < least:
            raise ValueError(
                f"vocabulary_size: given {self.vocabulary_size}; expected {least} or more with byte_fallback"
            )
        return self

    @property
    def text(self) -> LanguageModelTextConfig:
        """The part that the model needs too."""
        return LanguageModelTextConfig(level=self.level, normalize=self.normalize, byte_fallback=self.byte_fallback)


def _as_tuple(sizes: Any) -> Any:
    return sizes if isinstance(sizes, list | tuple) else (sizes,)


BIDIRECTIONAL = (
    "a language model reads in one direction; expected no second one. A layer that reads backwards has seen the token "
    "that is to be predicted, so its perplexity would mean nothing, and it could not generate. Use both directions to "
    "classify, to tag or to fill gaps (elman lab bidirectional)"
)


class LanguageModelConfig(Config):
    """The sizes of a language model. Options marked (training) do not change predictions."""

    refused_keys: ClassVar[dict[str, str]] = {"bidirectional": BIDIRECTIONAL}

    cell: CellName = option("lstm", flag="--cell", help=CELL_HELP)
    activation: Literal["tanh", "relu"] = option("tanh", help="Activation of the elman cell")
    embedding_size: PositiveInt = option(flag="--embedding", help="Size of the embedding", automatic=AUTOMATIC)
    hidden_size: Annotated[tuple[PositiveInt, ...], BeforeValidator(_as_tuple)] = option(
        flag="--hidden",
        metavar="N[,N...]",
        help="Hidden units: one number for all layers, or one for each",
        automatic=AUTOMATIC,
    )
    num_layers: int = option(1, ge=1, le=1000, flag="--layers", help="Recurrent layers")
    tie_weights: bool = option(
        False, flag="--tie-weights", help="Use the embedding as the weights of the readout; both sizes must be equal"
    )
    dropout: float = option(
        0.0, ge=0.0, lt=1.0, flag="--dropout", metavar="P", help="(training) Dropout probability", automatic=AUTOMATIC
    )
    dropout_kind: Literal["standard", "variational"] = option(
        "standard", help="(training) Kind of dropout; variational uses one mask for a whole segment"
    )

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        if len(self.hidden_size) not in (1, self.num_layers):
            sizes = f"{len(self.hidden_size)} sizes for {self.num_layers} layer{'s' * (self.num_layers > 1)}"
            raise ValueError(f"hidden_size: given {sizes}; expected one size, or one for each layer")
        if self.tie_weights and self.embedding_size != self.hidden_sizes[-1]:
            sizes = f"embedding_size {self.embedding_size} and last hidden size {self.hidden_sizes[-1]}"
            raise ValueError(f"tie_weights: given {sizes}; expected equal sizes")
        return self

    @property
    def hidden_sizes(self) -> tuple[int, ...]:
        """H of each layer."""
        return self.hidden_size if len(self.hidden_size) > 1 else self.hidden_size * self.num_layers

    def build_cell(self) -> Cell:
        """Return the cell of all layers."""
        return create(self.cell, self.activation)


class LanguageModelTrainingConfig(SequenceTrainingConfig, PartialValidationConfig):
    """How long and how to train a language model."""


class LanguageModelRun(RunConfig):
    """What config.toml of a language model's run folder holds."""

    task: Literal["lm"] = "lm"
    data: LanguageModelDataConfig
    model: LanguageModelConfig
    training: LanguageModelTrainingConfig


class EvaluateOptions(Config):
    """A language model has no options of `elman evaluate` beside those of its reader."""
