"""Exported graphs as sessions of onnxruntime, by which the tests run them."""

from __future__ import annotations

from typing import Any

from elman.export.onnx import TASKS
from elman.export.onnx.verification import run_session, session_of


def sessions_of(predictor: Any) -> dict[str, Any]:
    """Return the sessions of the graphs of a predictor by the suffixes of their files; they are not verified."""
    return {suffix: session_of(content) for suffix, content in TASKS[predictor.task](predictor).contents().items()}


def streamed(session: Any, inputs: dict[str, Any], state: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the outputs of a call that goes on from a state, and the next state."""
    outputs = run_session(session, {**inputs, **state})
    return outputs, {name: outputs[f"next.{name}"] for name in state}
