"""All tests of this folder need onnx and onnxruntime, of the extra `onnx`."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def packages() -> None:
    """Skip a test where a package is not installed."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
