"""Everything about a run, resolved: what was given, and the task's choices where nothing was."""

from __future__ import annotations

from typing import Literal

from pydantic import NonNegativeInt

from elman.config import Config, Values, merged, validated
from elman.runtime.language_model import LanguageModelConfig
from elman.tasks.language_model_config import DataConfig, choices
from elman.training.config import TrainingConfig
from elman.training.machine import ASSUMED_FLOPS


class LanguageModelRun(Config):
    """What config.toml of a run folder holds."""

    task: Literal["lm"] = "lm"
    seed: NonNegativeInt = 0
    data: DataConfig
    model: LanguageModelConfig
    training: TrainingConfig


def resolve(
    given: Values, *, tokens: int = 1_000_000, vocabulary: int = 100, flops: float = ASSUMED_FLOPS
) -> LanguageModelRun:
    """Return the whole config for a text of so many tokens; every mistake in `given` is one ConfigError."""
    chosen = choices(given, tokens=tokens, vocabulary=vocabulary, flops=flops)
    return validated(LanguageModelRun, merged({"data": {}}, chosen, given))
