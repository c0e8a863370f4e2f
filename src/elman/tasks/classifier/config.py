"""The sizes of a classifier: what is known of one without its weights."""

from __future__ import annotations

from typing import Literal

from elman.models.token_encoder_config import ReaderConfig


class ClassifierConfig(ReaderConfig):
    """The sizes of a classifier; what is marked (training) changes nothing at prediction."""

    pooling: Literal["last", "mean", "max", "attention"] = "max"  # how the outputs of all tokens become one
    class_weights: Literal["none", "balanced"] = "none"  # (training) balanced: rare labels weigh as much as others
