"""What takes time in a training and what no test looks at: waits for the disk, long previews, measurements of speed."""

from __future__ import annotations

import os

import pytest

from elman.tasks import descriptions
from elman.tasks.language_model import report, training

PREVIEW_TOKENS = training.PREVIEW_TOKENS  # outside of the tests


def shorten_measurements(patch: pytest.MonkeyPatch) -> None:
    """Leave out fsync, generate 20 tokens instead of hundreds, and measure a speed once.

    No test cuts the power. Tests of the order of fsync replace it themselves.
    """
    patch.setattr(os, "fsync", lambda descriptor: None)
    patch.setattr(training, "PREVIEW_TOKENS", 20)
    patch.setattr(report, "SPEED_TOKENS", 20)
    patch.setattr(descriptions.items_per_second, "__defaults__", (0.0,))  # seconds
