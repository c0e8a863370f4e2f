"""Learning-rate schedules: a factor of the highest rate, from the progress (0 to 1) of the training.

    warm-up     rises linearly over the first `warmup_fraction`, whatever follows
    cosine      falls along half a cosine to `final_fraction` (Loshchilov and Hutter, 2017)
    constant    stays
    plateau     stays, times `plateau_factor` whenever validation has seen no new best for a while

Progress is steps done of the steps to do, or minutes gone of the minutes given: a schedule bends to either.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from .config import TrainingConfig


def _cosine(progress: float, config: TrainingConfig, plateaus: int) -> float:
    low = config.final_fraction
    return low + (1.0 - low) * 0.5 * (1.0 + math.cos(math.pi * progress))


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
    """Return the rate at a progress from 0 to 1; `plateaus` counts the times that validation stood still."""
    progress = min(max(progress, 0.0), 1.0)
    warmup = min(1.0, (progress + 1e-3) / config.warmup_fraction) if config.warmup_fraction else 1.0
    return config.learning_rate * warmup * SCHEDULES[config.schedule](progress, config, plateaus)
