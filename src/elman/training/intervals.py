"""When training validates and when it saves a checkpoint.

By default, training validates VALIDATIONS times, at equal intervals of the budget. Small data may be memorized before
the first of them, so it is also validated after 16, 32, 64, ... updates, as soon as every training example has been
used once. Larger data is not: it is not memorized that early, and a validation takes time.
"""

from __future__ import annotations

import time

from .session import Session

VALIDATIONS = 16
FIRST_VALIDATION = 16  # updates before the first validation of small data
CHECKPOINT_SECONDS = 60.0


def validation_is_due(session: Session, progress_before: float) -> bool:
    """Return whether to validate after an update that began at the progress progress_before (0 to 1)."""
    interval = session.config.validate_every_steps
    if session.progress >= 1.0:
        return True
    if interval is not None:
        return session.counters.step % interval == 0
    if int(session.progress * VALIDATIONS) > int(progress_before * VALIDATIONS):
        return True
    return session.progress * VALIDATIONS < 1.0 and _early_validation_is_due(session)


def _early_validation_is_due(session: Session) -> bool:
    updates = session.counters.step
    is_power_of_two = updates & (updates - 1) == 0
    return is_power_of_two and updates >= max(FIRST_VALIDATION, session.updates_per_epoch)


def checkpoint_is_due(session: Session) -> bool:
    """Return whether to save a checkpoint between validations."""
    interval = session.config.checkpoint_every_steps
    if interval is not None:
        return session.counters.step % interval == 0
    return time.monotonic() - session.saved > CHECKPOINT_SECONDS
