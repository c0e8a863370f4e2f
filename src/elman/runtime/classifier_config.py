"""The sizes of a classifier: what is known of one without its weights."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveInt

from elman.cells import CELLS, Cell
from elman.config import Config


class ClassifierConfig(Config):
    """The sizes of a classifier; what is marked (training) changes nothing at prediction."""

    cell: Literal["elman", "gru", "lstm"] = "lstm"
    activation: Literal["tanh", "relu"] = "tanh"  # of the elman cell
    embedding_size: PositiveInt
    hidden_size: PositiveInt  # of each direction of every layer
    num_layers: int = Field(1, ge=1, le=1000)
    bidirectional: bool = True  # reads both ways
    pooling: Literal["last", "mean", "max", "attention"] = "max"  # how the outputs of all tokens become one
    dropout: float = Field(0.0, ge=0.0, lt=1.0)  # (training) share of activations dropped
    label_smoothing: float = Field(0.0, ge=0.0, lt=1.0)  # (training) share of a label spread over all labels
    class_weights: Literal["none", "balanced"] = (
        "none"  # (training) balanced: rare labels weigh as much as frequent ones
    )

    @property
    def output_size(self) -> int:
        """What the layers give for each token: D * H."""
        return self.hidden_size * (2 if self.bidirectional else 1)

    def build_cell(self) -> Cell:
        """The pointwise step."""
        return CELLS[self.cell](self.activation) if self.cell == "elman" else CELLS[self.cell]()
