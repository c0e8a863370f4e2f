"""The sizes of a tagger: what is known of one without its weights."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from elman.cells import CELLS, Cell
from elman.config import Config
from elman.text.spans import Scheme


class TaggerConfig(Config):
    """The sizes of a tagger; what is marked (training) changes nothing at prediction."""

    cell: Literal["elman", "gru", "lstm"] = "lstm"
    activation: Literal["tanh", "relu"] = "tanh"  # of the elman cell
    embedding_size: PositiveInt  # of a word
    character_embedding_size: PositiveInt = 32
    character_size: NonNegativeInt  # hidden units of each direction that reads a word's characters; 0: not read
    hidden_size: PositiveInt  # of each direction of every layer
    num_layers: int = Field(1, ge=1, le=1000)
    bidirectional: bool = True  # reads a sentence both ways
    crf: bool = False  # a tag is chosen together with its neighbours
    scheme: Scheme = "none"  # how spans are written in tags
    dropout: float = Field(0.0, ge=0.0, lt=1.0)  # (training) share of activations dropped
    word_dropout: float = Field(0.0, ge=0.0)  # (training) w: a word seen n times is taken for unknown at w / (w + n)
    label_smoothing: float = Field(0.0, ge=0.0, lt=1.0)  # (training, without crf) share of a tag spread over all tags

    @property
    def input_size(self) -> int:
        """What the layers read of a token: its word's embedding, and what reading its characters both ways came to."""
        return self.embedding_size + 2 * self.character_size

    @property
    def output_size(self) -> int:
        """What the layers give for a token: D * H."""
        return self.hidden_size * (2 if self.bidirectional else 1)

    def build_cell(self) -> Cell:
        """The pointwise step."""
        return CELLS[self.cell](self.activation) if self.cell == "elman" else CELLS[self.cell]()
