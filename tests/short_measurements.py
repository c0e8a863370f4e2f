"""What takes time in every training: waits for the disk, validations, previews, measurements of speed."""

from __future__ import annotations

import os

import pytest

from elman.tasks import descriptions
from elman.tasks.language_model import report, training
from elman.training import intervals

PREVIEW_TOKENS, VALIDATIONS = training.PREVIEW_TOKENS, intervals.VALIDATIONS  # outside of the tests


def shorten_measurements(patch: pytest.MonkeyPatch) -> None:
    """Leave out fsync, validate 4 times by default, generate 20 tokens as a preview, and measure a speed once.

    No test cuts the power. Tests of the order of fsync replace it themselves; tests of the defaults restore them.
    """
    patch.setattr(os, "fsync", lambda descriptor: None)
    patch.setattr(intervals, "VALIDATIONS", 4)
    patch.setattr(training, "PREVIEW_TOKENS", 20)
    patch.setattr(report, "SPEED_TOKENS", 20)
    patch.setattr(descriptions.items_per_second, "__defaults__", (0.0,))  # seconds
