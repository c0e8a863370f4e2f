"""Learning-rate schedules: the factor of the maximum rate at a progress (0 to 1) of the training.

    warm-up     rises linearly over the first `warmup_fraction`, in every schedule
    cosine      falls along half a cosine to `final_fraction` (Loshchilov and Hutter, 2017)
    constant    does not change
    plateau     is multiplied by `plateau_factor` after `plateau_patience` validations without a new best

Progress is the share of the steps, or of the minutes, that has passed.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from .config import TrainingConfig


def _cosine(progress: float, config: TrainingConfig, plateaus: int) -> float:
    final = config.final_fraction
    return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * progress))


def _constant(progress: float, config: TrainingConfig, plateaus: int) -> float:
    return 1.0


def _plateau(progress: float, config: TrainingConfig, plateaus: int) -> float:
    return max(config.final_fraction, config.plateau_factor**plateaus)


SCHEDULES: dict[str, Callable[[float, TrainingConfig, int], float]] = {
    "cosine": _cosine,
    "constant": _constant,
    "plateau": _plateau,
}


def learning_rate(progress: float, config: TrainingConfig, plateaus: int = 0) -> float:
    """Return the rate at a progress from 0 to 1; `plateaus` is how often validation had no new best for a while."""
    progress = min(max(progress, 0.0), 1.0)
    warmup = min(1.0, (progress + 1e-3) / config.warmup_fraction) if config.warmup_fraction else 1.0
    return config.learning_rate * warmup * SCHEDULES[config.schedule](progress, config, plateaus)
