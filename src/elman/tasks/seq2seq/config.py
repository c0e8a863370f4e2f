"""The options of an encoder-decoder: how pairs are read, tokenized and split, its sizes, and the search for targets."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import PositiveFloat, PositiveInt, field_validator, model_validator

from elman.cells import Cell, create
from elman.config import Config
from elman.data.corpora.config import RandomSplitConfig, ReaderConfig, VocabularyConfig, valid_fraction_option
from elman.data.corpora.lengths import MaxLengthConfig
from elman.models.cell_name import CELL_HELP, CellName
from elman.options import AUTOMATIC, option
from elman.tasks.spec import DataConfig, RunConfig
from elman.text import Vocabulary
from elman.text.sides import SideCodec, SideTokenizer
from elman.training.config import PaddedTrainingConfig, PartialValidationConfig

Level = Literal["char", "word", "byte", "bpe"]
Normalization = Literal["none", "nfc", "nfd", "lower"]

MAX_LENGTH_PENALTY = 10.0  # of one above it, the powers of lengths overflow
AUTOMATIC_LEVEL = "word for phones, tags and other symbols, bpe for sentences, else char"


class Seq2SeqReaderConfig(ReaderConfig):
    """How pairs are read from files."""

    format: Literal["auto", "tsv", "csv", "jsonl", "lexicon"] = option("auto", flag="--format", help="File format")
    columns: tuple[PositiveInt | str, PositiveInt | str] | None = option(
        None,
        flag="--columns",
        metavar="S,T",
        help="Columns of source and target, counted from 1, or their names in the header or in JSON Lines",
        automatic="source,target if they are named, else 1,2; the columns after them hold further targets",
    )
    header: bool | None = option(
        None,
        flag="--header",
        help="The first line of a table names its columns",
        automatic="yes, if it names source and target, or those of --columns",
    )

    @field_validator("columns", mode="before")
    @classmethod
    def _two_columns(cls, value: Any) -> Any:
        is_two = isinstance(value, list | tuple) and len(value) == 2 and value[0] != value[1]
        are_numbers = is_two and all(type(number) is int and number > 0 for number in value)
        if value is not None and not are_numbers and not (is_two and all(isinstance(name, str) for name in value)):
            raise ValueError(f"given {value!r}; expected two different numbers from 1, or names, of source and target")
        return value

    @model_validator(mode="after")
    def _only_tables_have_columns(self) -> Self:
        if self.columns is not None and self.format == "jsonl" and not self.column_names:
            raise ValueError("given numbers of columns for JSON lines; expected the names of two keys")
        if self.columns is not None and self.format == "lexicon":
            raise ValueError("given columns for a pronouncing dictionary; expected a table. Leave out --columns")
        return self

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns or keys of source and target; () if the columns have numbers."""
        return tuple(str(name) for name in self.columns or ("source", "target") if not isinstance(name, int))


class Seq2SeqDataConfig(Seq2SeqReaderConfig, VocabularyConfig, MaxLengthConfig, RandomSplitConfig, DataConfig):
    """How pairs are read, tokenized and split."""

    extra_targets: bool = option(
        False, flag="--extra-targets", help="Train on the columns after the second as further targets"
    )
    source_level: Level | None = option(
        None, flag="--source-level", help="Tokens of the sources", automatic=AUTOMATIC_LEVEL
    )
    target_level: Level | None = option(
        None, flag="--target-level", help="Tokens of the targets", automatic=AUTOMATIC_LEVEL
    )
    normalize: Normalization | None = option(
        None, flag="--normalize", help="Normalization of both sides", automatic="nfd if a side is Korean, else none"
    )
    vocabulary_size: PositiveInt | None = option(
        None,
        help="Largest number of tokens of each side",
        automatic="no limit; up to 4,000 subwords, fewer for few sentences",
    )
    valid_fraction: float | None = valid_fraction_option(
        "Share of the sources in the validation set", "0.1, at most 5,000 sources; 0 for fewer than 10"
    )

    @model_validator(mode="after")
    def _columns_leave_no_extra_targets(self) -> Self:
        if self.extra_targets and self.columns is not None:
            raise ValueError("given columns and extra_targets, which reads all columns; expected one of them")
        return self


class SideConfig(Config):
    """How one side of a pair is tokenized. A word is what stands between spaces."""

    level: Level = "char"
    normalize: Normalization = "none"
    merges: tuple[str, ...] = ()  # of level bpe: `left right`, in the order in which they were learned

    def codec(self, vocabulary: Vocabulary) -> SideCodec:
        """Return the codec of this side for a vocabulary."""
        return SideCodec(vocabulary, level=self.level, normalize=self.normalize, merges=self.merges)

    def tokenizer(self) -> SideTokenizer:
        """Return the tokenizer of this side."""
        return SideTokenizer(level=self.level, normalize=self.normalize, merges=self.merges)


MAX_RATIO = 250.0  # target tokens for each source token; a model that never ends a target would take too long


class Seq2SeqTextConfig(Config):
    """How both sides are tokenized, and how long a target may become."""

    source: SideConfig = SideConfig()
    target: SideConfig = SideConfig()
    longest_ratio: PositiveFloat = option(
        2.0, help="Largest (target tokens + 1) / (source tokens + 1) of the pairs in the training set"
    )

    def longest_target(self, source_tokens: int) -> int:
        """Return how many tokens a prediction has at most: some more than the training set has for such a source."""
        return int(min(self.longest_ratio, MAX_RATIO) * (source_tokens + 1)) + 10


class Seq2SeqConfig(Config):
    """The sizes of an encoder-decoder. Options marked (training) do not change predictions."""

    cell: CellName = option("lstm", flag="--cell", help=CELL_HELP)
    decoder_cell: CellName | None = option(None, help="Recurrent cell of the decoder", automatic="that of the encoder")
    activation: Literal["tanh", "relu"] = option("tanh", help="Activation of the elman cell")
    embedding_size: PositiveInt = option(
        flag="--embedding", help="Size of the embeddings of both sides", automatic=AUTOMATIC
    )
    hidden_size: PositiveInt = option(flag="--hidden", help="Hidden units of each layer", automatic=AUTOMATIC)
    encoder_hidden_size: PositiveInt | None = option(
        None, help="Hidden units of each layer and direction of the encoder", automatic="hidden_size"
    )
    num_layers: int = option(
        1, ge=1, le=1000, flag="--layers", help="Layers of the encoder and of the decoder", automatic=AUTOMATIC
    )
    decoder_layers: int | None = option(
        None, ge=1, le=1000, help="Layers of the decoder", automatic="those of the encoder"
    )
    bidirectional: bool = option(True, flag="--bidirectional", help="The encoder reads in both directions")
    bridge: Literal["linear", "copy"] = option(
        "linear", help="How the last states of the encoder become the first states of the decoder"
    )
    attention: Literal["none", "dot", "general", "additive"] = option(
        "dot", flag="--attention", metavar="KIND", help="Score function of the attention"
    )
    attention_layer: Literal["first", "last"] = option(
        "last", help="Layer of the decoder whose outputs are the queries; after `first`, the layers read the contexts"
    )
    aligned_input: bool = option(
        False, help="The decoder reads the encoder output of source token t at step t", automatic=AUTOMATIC
    )
    input_feeding: bool = option(
        False, help="The decoder reads its last attentional output; it then takes one step at a time, which is slow"
    )
    dropout: float = option(
        0.0, ge=0.0, lt=1.0, flag="--dropout", metavar="P", help="(training) Dropout probability", automatic=AUTOMATIC
    )
    label_smoothing: float = option(
        0.0, ge=0.0, lt=1.0, help="(training) Share of a target that is spread over all tokens", automatic=AUTOMATIC
    )
    scheduled_sampling: float = option(
        0.0,
        ge=0.0,
        le=1.0,
        help="(training) Share of the model's own predictions among the decoder's inputs at the end of training",
    )

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        if self.attention == "none":
            for name in ("input_feeding", "aligned_input"):
                if getattr(self, name):
                    raise ValueError(f"given {name} with attention none; expected attention. Leave out {name}")
        without_attention = self.attention == "none" or self.input_feeding
        if self.attention_layer == "first" and (without_attention or self.num_decoder_layers < 2):
            expected = "attention, two decoder layers or more, and no input_feeding"
            raise ValueError(f"given attention_layer first; expected {expected}. Leave out attention_layer")
        if self.bridge == "copy":
            encoder = (self.cell, self.num_layers, self.encoder_size)
            decoder = (self.decoder_cell_name, self.num_decoder_layers, self.hidden_size)
            if encoder != decoder or self.bidirectional:
                expected = "the same cell, layers and size in encoder and decoder, and bidirectional = false"
                raise ValueError(f"given bridge copy; expected {expected}. Leave out bridge")
        return self

    @property
    def decoder_cell_name(self) -> CellName:
        """The cell of the decoder."""
        return self.decoder_cell or self.cell

    @property
    def num_decoder_layers(self) -> int:
        """The number of layers of the decoder."""
        return self.decoder_layers or self.num_layers

    @property
    def encoder_size(self) -> int:
        """The hidden size of each layer and direction of the encoder."""
        return self.encoder_hidden_size or self.hidden_size

    @property
    def num_directions(self) -> int:
        """D, the number of directions of the encoder."""
        return 2 if self.bidirectional else 1

    @property
    def encoder_output_size(self) -> int:
        """The size of the encoder's output for each token of the source, D * H."""
        return self.num_directions * self.encoder_size

    @property
    def decoder_input_size(self) -> int:
        """The input size of the decoder's first layer: an embedding, the aligned input, the attentional output."""
        return self.embedding_size + self.hidden_size * (self.aligned_input + self.input_feeding)

    @property
    def bridges(self) -> list[tuple[int, str, str]]:
        """(decoder layer, name of its state, name of the encoder state that it starts from), in order.

        Decoder layers start from the encoder layer of the same number, or from the last one. A state that the
        encoder's cell does not have starts from the state h.
        """
        encoder_states = self.build_cell("encoder").states
        return [
            (layer, name, f"layers.{min(layer, self.num_layers - 1)}.{name if name in encoder_states else 'h'}")
            for layer in range(self.num_decoder_layers)
            for name in self.build_cell("decoder").states
        ]

    @property
    def encoder_described(self) -> str:
        """The encoder, for people."""
        directions = "both directions" if self.bidirectional else "one direction"
        return f"{self.num_layers} x {self.cell} {self.encoder_size}, {directions}"

    @property
    def decoder_described(self) -> str:
        """The decoder and its attention, for people."""
        aligned = ", aligned input" if self.aligned_input else ""
        layers = f"{self.num_decoder_layers} x {self.decoder_cell_name} {self.hidden_size}"
        return f"{layers}, attention {self.attention}{aligned}"

    def build_cell(self, part: Literal["encoder", "decoder"]) -> Cell:
        """Return the cell of all layers of a part."""
        name = self.cell if part == "encoder" else self.decoder_cell_name
        return create(name, self.activation)


class Seq2SeqTrainingConfig(PaddedTrainingConfig, PartialValidationConfig):
    """How long and how to train an encoder-decoder."""


class Seq2SeqRun(RunConfig):
    """What config.toml of an encoder-decoder's run folder holds."""

    task: Literal["seq2seq"] = "seq2seq"
    data: Seq2SeqDataConfig
    model: Seq2SeqConfig
    training: Seq2SeqTrainingConfig


class PredictOptions(ReaderConfig):
    """The options of `elman predict` for an encoder-decoder."""

    format: Literal["auto", "lines", "tsv", "csv", "jsonl", "lexicon"] = option(
        "auto", flag="--format", help="File format"
    )
    source_column: str | None = option(
        None,
        min_length=1,
        flag="--source",
        help="Column or key of the sources, by its name or number",
        automatic="that of the training",
    )
    beam: PositiveInt | None = option(
        None, flag="--beam", help="Hypotheses of the beam search; 1 means greedy search", automatic="1, or --n-best"
    )
    n_best: PositiveInt | None = option(
        None, flag="--n-best", help="Print LINE TAB TARGET TAB SCORE for each of the N best targets"
    )
    length_penalty: float = option(
        1.0,
        ge=0.0,
        le=MAX_LENGTH_PENALTY,
        flag="--length-penalty",
        metavar="P",
        help="The score is the log probability divided by the length to the power of P",
    )
    attention: str | None = option(
        None, flag="--attention", metavar="FILE.json|FILE.png", help="Write or draw the attention weights of each line"
    )
    ensemble: tuple[str, ...] | None = option(
        None,
        flag="--ensemble",
        metavar="RUN",
        repeatable=True,
        help="Average the probabilities with those of RUN too; repeatable",
    )

    @property
    def beam_size(self) -> int:
        """The number of hypotheses of the search."""
        return self.beam or self.n_best or 1

    @model_validator(mode="after")
    def _beam_holds_n_best(self) -> Self:
        if self.n_best is not None and self.n_best > self.beam_size:
            raise ValueError(f"--n-best: given {self.n_best}; expected at most --beam, {self.beam_size}")
        return self


class EvaluateOptions(Config):
    """The options of `elman evaluate` for an encoder-decoder, beside those of its reader."""

    beam: PositiveInt = option(1, flag="--beam", help="Hypotheses of the beam search; 1 means greedy search")
    ensemble: tuple[str, ...] | None = option(
        None,
        flag="--ensemble",
        metavar="RUN",
        repeatable=True,
        help="Average the probabilities with those of RUN too; repeatable",
    )
