"""The sizes of what reads tokens: words, their characters, and the recurrent layers above."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from elman.cells import Cell, create
from elman.config import Config

from .cell_name import CellName


class ReaderConfig(Config):
    """What a classifier and a tagger have in common; what is marked (training) changes nothing at prediction."""

    cell: CellName = "lstm"
    activation: Literal["tanh", "relu"] = "tanh"  # of the elman cell
    embedding_size: PositiveInt  # of a token
    character_embedding_size: PositiveInt = 32
    character_size: NonNegativeInt = 0  # hidden units of each direction that reads a token's characters; 0: not read
    hidden_size: PositiveInt  # of each direction of every layer
    num_layers: int = Field(1, ge=1, le=1000)
    bidirectional: bool = True  # reads both ways
    dropout: float = Field(0.0, ge=0.0, lt=1.0)  # (training) share of activations dropped
    word_dropout: float = Field(0.0, ge=0.0)  # (training) w: a token seen n times is taken for unknown at w / (w + n)
    label_smoothing: float = Field(0.0, ge=0.0, lt=1.0)  # (training) share of a label spread over all labels

    @property
    def input_size(self) -> int:
        """What the layers read of a token: its embedding, and what reading its characters both ways came to."""
        return self.embedding_size + 2 * self.character_size

    @property
    def output_size(self) -> int:
        """What the layers give for a token: D * H."""
        return self.hidden_size * (2 if self.bidirectional else 1)

    @property
    def reading_told(self) -> str:
        """What the layers read of a token, in words."""
        spelled = f" and {2 * self.character_size} of its characters" if self.character_size else ""
        return f"{self.embedding_size} numbers a token{spelled}"

    def build_cell(self) -> Cell:
        """The pointwise step."""
        return create(self.cell, self.activation)
