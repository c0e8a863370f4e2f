"""The summary of a trace: what `elman inspect` prints."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from elman.models.trace import VOCABULARY, LayerTrace, Trace
from elman.translations import current_language, translate

SHOWN_TOKENS = 10  # of an attribution
SATURATED = 0.1, 0.9  # a gate below or above is nearly closed or open


def summarize(trace: Trace) -> dict[str, Any]:
    """Return the summary as a JSON object: facts, shapes, and for each layer figures of its states and gates."""
    return {
        "task": trace.task,
        "input": trace.input,
        "axes": {name: labels for name, labels in trace.axes.items() if name != VOCABULARY},
        "layers": [_layer(layer) for layer in trace.layers],
        "arrays": {name: list(array.shape) for name, array in trace.arrays.items()},
        "facts": trace.facts,
        "exact": trace.exact,
        "step_error": trace.step_error,
    }


def summary_lines(trace: Trace) -> list[str]:
    """Return the summary for people, in the current language."""
    lines = []
    for layer in trace.layers:
        steps, hidden_size = layer["h"].shape
        figures = _layer(layer)
        name, axis = f"{layer.name}  {layer.cell} {hidden_size}", translate(layer.axis, "words")
        if layer.direction == "forward":
            lines.append(f"{name}, {steps} steps of {axis}")
        else:
            lines.append(f"{name} backward, {steps} steps of {axis}")
        lines += [f"  {name:<3}mean {gate['mean']:.3f}{_shares(gate)}" for name, gate in figures["gates"].items()]
        lines.append(
            f"  h  norm {figures['h_norm']['first']:.3f} at the first step, {figures['h_norm']['last']:.3f} at the last"
        )
        if "norm_by_lag" in figures:
            shown = ", ".join(f"{norm:.2g}" for norm in figures["norm_by_lag"][:8])
            lines.append(f"  gradient norm by lag: {shown}{' ...' if len(figures['norm_by_lag']) > 8 else ''}")
    colon = "：" if current_language() == "zh" else ": "
    for name in ("label", "decisions", "loss", "objective"):
        if name not in trace.facts:
            continue
        value = trace.facts[name]
        if name == "loss" and "loss_tokens" in trace.facts:
            lines += _loss_lines(value, trace.facts["loss_tokens"])
            continue
        text = " ".join(map(repr, value)) if isinstance(value, list) else value
        text = f"{text:.4f}" if isinstance(text, float) else translate(text) if name == "objective" else text
        lines.append(f"{translate(name, 'words')}{colon}{text}")
    lines += _attribution_lines(trace)
    for hypothesis in trace.facts.get("hypotheses", ()):
        lines.append(f"{hypothesis['score']:.4f}\t{hypothesis['text']}")
    return [translate(line) for line in lines]


def _loss_lines(total: float, num_tokens: int) -> list[str]:
    """Return the mean loss, as `elman evaluate` prints it, and the sum; nothing if no token has a loss."""
    if not num_tokens:
        return []
    return [f"loss: {total / num_tokens:.4f} per token; the sum over {num_tokens:,} tokens is {total:.4f}"]


def _attribution_lines(trace: Trace) -> list[str]:
    """Return what is attributed, and the tokens that contribute most, if there is an attribution."""
    if "attribution" not in trace.facts:
        return []
    fact, scores, tokens = trace.facts["attribution"], trace["attribution"], trace.axes["tokens"]
    strongest = np.argsort(-np.abs(scores), kind="stable")[:SHOWN_TOKENS]
    return [
        f"{fact['of']} = {fact['value']:.4f}, and {fact['baseline']:.4f} with zeros as inputs; by {fact['method']}:",
        *(f"  {scores[t]:+.4f}  {tokens[t]!r} (token {t + 1})" for t in sorted(strongest)),
    ]


def _shares(gate: dict[str, float]) -> str:
    """Return the shares of a gate's values that are nearly closed and nearly open, if it has any."""
    return f", {gate['below']:.0%} below 0.1, {gate['above']:.0%} above 0.9" if "below" in gate else ""


def _layer(layer: LayerTrace) -> dict[str, Any]:
    norms = np.linalg.norm(layer["h"].astype(np.float64), axis=1)
    figures: dict[str, Any] = {
        "name": layer.name,
        "direction": layer.direction,
        "cell": layer.cell,
        "axis": layer.axis,
        "steps": len(norms),
        "hidden_size": layer["h"].shape[1],
        "h_norm": {"first": float(norms[0]), "last": float(norms[-1])},
        "gates": {
            gate: _gate(layer.gate(gate)) for gate in layer.gates if gate != "h" and f"gate.{gate}" in layer.arrays
        },
    }
    if "norm_by_lag" in layer.arrays:
        figures["norm_by_lag"] = layer["norm_by_lag"].tolist()
    return figures


def _gate(values: npt.NDArray[Any]) -> dict[str, float]:
    """Return the mean of a gate, and the shares of its values that are nearly 0 or 1, unless some are negative."""
    figures = {"mean": float(values.mean())}
    if values.min(initial=0.0) >= 0.0:
        figures |= {
            "below": float((values < SATURATED[0]).mean()),
            "above": float((values > SATURATED[1]).mean()),
        }
    return figures
