"""The sizes of an encoder-decoder, and how its two sides become ids: what is known of one without its weights."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, PositiveInt, model_validator

from elman.cells import Cell, create
from elman.config import Config
from elman.tasks.seq2seq.corpus import SideConfig

from .cell_name import CellName


class Seq2SeqConfig(Config):
    """The sizes of an encoder-decoder; what is marked (training) changes nothing at prediction."""

    cell: CellName = "lstm"  # of the encoder, and of the decoder unless decoder_cell says otherwise
    decoder_cell: CellName | None = None
    activation: Literal["tanh", "relu"] = "tanh"  # of the elman cell
    embedding_size: PositiveInt  # of each side
    hidden_size: PositiveInt  # of every layer of the decoder, and of each direction of the encoder's
    encoder_hidden_size: PositiveInt | None = None  # of each direction of the encoder's layers, where it differs
    num_layers: int = Field(1, ge=1, le=1000)  # of the encoder, and of the decoder unless decoder_layers says otherwise
    decoder_layers: int | None = Field(None, ge=1, le=1000)
    bidirectional: bool = True  # the encoder reads both ways
    bridge: Literal["linear", "copy"] = "linear"  # how the encoder's last states become the decoder's first
    attention: Literal["none", "dot", "general", "additive"] = "dot"
    attention_layer: Literal["first", "last"] = "last"  # of the decoder; first: the layers above read the contexts too
    aligned_input: bool = False  # the decoder reads, at step t, the memory of the source's token t beside its own last
    input_feeding: bool = False  # the decoder sees its last attentional output: one step at a time, so much slower
    dropout: float = Field(0.0, ge=0.0, lt=1.0)  # (training) share of activations dropped
    label_smoothing: float = Field(0.0, ge=0.0, lt=1.0)  # (training) share of a target spread over all tokens
    scheduled_sampling: float = Field(0.0, ge=0.0, le=1.0)  # (training) share of own predictions fed, at its end

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        if self.input_feeding and self.attention == "none":
            raise ValueError("input_feeding feeds what attention gives, given attention 'none'")
        if self.aligned_input and self.attention == "none":
            raise ValueError("aligned_input reads the memory that attention needs, given attention 'none'")
        if self.attention_layer == "first" and (
            self.attention == "none" or self.input_feeding or self.num_decoder_layers < 2
        ):
            raise ValueError(
                "attention_layer 'first' needs attention, two decoder layers or more, and no input_feeding"
            )
        if self.bridge == "copy":
            encoder = (self.cell, self.num_layers, self.encoder_size)
            decoder = (self.decoder_cell_name, self.num_decoder_layers, self.hidden_size)
            if encoder != decoder or self.bidirectional:
                raise ValueError(
                    "bridge 'copy' needs a decoder of the encoder's cell, layers and size, and bidirectional = false"
                )
        return self

    @property
    def decoder_cell_name(self) -> CellName:
        """The decoder's cell."""
        return self.decoder_cell or self.cell

    @property
    def num_decoder_layers(self) -> int:
        """The decoder's layers."""
        return self.decoder_layers or self.num_layers

    @property
    def encoder_size(self) -> int:
        """H of a direction of the encoder's layers."""
        return self.encoder_hidden_size or self.hidden_size

    @property
    def num_directions(self) -> int:
        """D of the encoder."""
        return 2 if self.bidirectional else 1

    @property
    def memory_size(self) -> int:
        """What the encoder gives for each token of the source: D * H."""
        return self.num_directions * self.encoder_size

    @property
    def attention_told(self) -> str:
        """What the decoder sees of the source, in words."""
        return self.attention + (", aligned input" if self.aligned_input else "")

    @property
    def decoder_input_size(self) -> int:
        """What the decoder's first layer reads at a step: its last token, and what else the config gives it."""
        return self.embedding_size + self.hidden_size * (self.aligned_input + self.input_feeding)

    @property
    def bridges(self) -> list[tuple[int, str, str]]:
        """(decoder layer, its state, the encoder layer's state that it begins as), in order.

        A decoder layer begins as the encoder's layer of its number, or its last; a state that the encoder's cell lacks,
        as the state h.
        """
        given = self.build_cell("encoder").states
        return [
            (layer, name, f"layers.{min(layer, self.num_layers - 1)}.{name if name in given else 'h'}")
            for layer in range(self.num_decoder_layers)
            for name in self.build_cell("decoder").states
        ]

    def build_cell(self, part: Literal["encoder", "decoder"]) -> Cell:
        """The pointwise step of a part."""
        name = self.cell if part == "encoder" else self.decoder_cell_name
        return create(name, self.activation)


class SidesConfig(Config):
    """How the two sides become ids."""

    source: SideConfig = SideConfig()
    target: SideConfig = SideConfig()
    longest_ratio: float = Field(2.0, gt=0.0)  # of a target's tokens to its source's, each plus one, in training

    def longest_target(self, source_tokens: int) -> int:
        """The tokens at which a prediction is cut: a little more than training has seen for such a source."""
        return int(self.longest_ratio * (source_tokens + 1)) + 10
