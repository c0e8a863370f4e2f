"""The sizes of the token encoder: words, their characters, and the recurrent layers above."""

from __future__ import annotations

from typing import Literal

from pydantic import NonNegativeInt, PositiveInt

from elman.cells import Cell, create
from elman.config import Config
from elman.options import AUTOMATIC, option

from .cell_name import CELL_HELP, CellName


class TokenEncoderConfig(Config):
    """What a classifier and a tagger have in common. Options marked (training) do not change predictions."""

    cell: CellName = option("lstm", flag="--cell", help=CELL_HELP)
    activation: Literal["tanh", "relu"] = option("tanh", help="Activation of the elman cell")
    embedding_size: PositiveInt = option(
        flag="--embedding", help="Size of the embedding of a token", automatic=AUTOMATIC
    )
    character_embedding_size: PositiveInt = option(32, help="Size of the embedding of a character")
    character_size: NonNegativeInt = option(
        0,
        flag="--characters",
        help="Hidden units, in each direction, of the layer over the characters of a word; 0 means no such layer",
        automatic=AUTOMATIC,
    )
    hidden_size: PositiveInt = option(
        flag="--hidden", help="Hidden units of each layer and direction", automatic=AUTOMATIC
    )
    num_layers: int = option(1, ge=1, le=1000, flag="--layers", help="Recurrent layers")
    bidirectional: bool = option(True, flag="--bidirectional", help="Read the text in both directions")
    dropout: float = option(
        0.0, ge=0.0, lt=1.0, flag="--dropout", metavar="P", help="(training) Dropout probability", automatic=AUTOMATIC
    )
    word_dropout: float = option(
        0.0,
        ge=0.0,
        help="(training) w: a token that occurs n times is replaced by <unk> with probability w / (w + n)",
        automatic=AUTOMATIC,
    )
    label_smoothing: float = option(
        0.0,
        ge=0.0,
        lt=1.0,
        help="(training) Share of a target probability that is spread over all labels or tags",
        automatic="0.1 for a classifier, 0 for a tagger",
    )

    @property
    def input_size(self) -> int:
        """The input size of the first layer: the embedding of a token and the encoding of its characters."""
        return self.embedding_size + 2 * self.character_size

    @property
    def output_size(self) -> int:
        """The output size of the last layer, D * H."""
        return self.hidden_size * (2 if self.bidirectional else 1)

    @property
    def directions_described(self) -> str:
        """The directions, for people."""
        return "both directions" if self.bidirectional else "one direction"

    @property
    def inputs_described(self) -> str:
        """The inputs of the first layer, for people."""
        characters = f" and {2 * self.character_size} numbers for its characters" if self.character_size else ""
        return f"{self.embedding_size} numbers for a token{characters}"

    def build_cell(self) -> Cell:
        """Return the cell of all layers."""
        return create(self.cell, self.activation)
