"""The pictures of a trace: what is drawn of it, by the drawings of figures/."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from elman.figures import coloured_text, sequences
from elman.figures.series import Fan, forecast_fan
from elman.figures.style import Draw, save_drawings
from elman.models.trace import LayerTrace, Trace
from elman.translations import Language, Text

UNITS = 4  # units of a layer that are shown on the text: those that vary most
MOST_TOKENS_ON_TEXT = 600
FORECAST_HISTORY = 6  # horizons of history before a forecast
NAMES = {"h": Text("Hidden state h", "隐状态 h"), "c": Text("Cell state c", "单元状态 c")}


def plot_trace(trace: Trace, folder: str | Path, *, language: Language | None = None) -> list[Path]:
    """Write the pictures of a trace to a folder as PNG and SVG, and return the PNG files.

    The language is that of the environment, if none is given.
    """
    return save_drawings(folder, trace_drawings(trace), language)


def trace_drawings(trace: Trace) -> dict[str, Draw]:
    """Return the drawings of a trace by name; what it does not have is left out."""
    drawings: dict[str, Draw] = {}
    for layer in trace.layers:
        drawings |= _layer_drawings(trace, layer)
    for layer in _top_layers(trace):
        tokens = trace.axes[layer.axis]
        if len(tokens) > 2:
            title = _titled(Text("States in two principal components", "隐状态的前两个主成分"), layer)
            drawings[f"components-{_file_name(layer)}"] = sequences.principal_components(layer["h"], tokens, title)
    if "attention" in trace.arrays:
        drawings["attention"] = sequences.attention_map(trace["attention"], trace.axes["source"], trace.axes["target"])
    if "pooling_weights" in trace.arrays:
        text = Text("", ""), trace.axes["tokens"], trace["pooling_weights"]
        title = Text("Weights of the attention pooling", "注意力汇聚的权重")
        drawings["pooling"] = coloured_text.weights_on_text([text], title)
    if "attribution" in trace.arrays and len(trace["attribution"]) <= MOST_TOKENS_ON_TEXT:
        fact = trace.facts["attribution"]
        title = Text(f"Contributions to {fact['of']}", f"各词元对 {fact['of']} 的贡献")
        rows = [(Text(fact["method"], fact["method"]), trace["attribution"])]
        drawings["attribution"] = coloured_text.signed_values_on_text(rows, trace.axes["tokens"], title)
    if "tree" in trace.facts:
        drawings["beam"] = sequences.beam_tree(trace.facts["tree"])
    norms = {
        _titled(Text("", ""), layer): layer["norm_by_lag"] for layer in trace.layers if "norm_by_lag" in layer.arrays
    }
    if any(len(values) > 1 for values in norms.values()):
        drawings["gradient-by-lag"] = sequences.norms_by_lag(norms)
    if trace.task == "forecast":
        drawings["forecast"] = _forecast(trace)
    return drawings


def _layer_drawings(trace: Trace, layer: LayerTrace) -> dict[str, Draw]:
    tokens, name = trace.axes[layer.axis], _file_name(layer)
    drawings: dict[str, Draw] = {}
    for state in layer.states:
        title = NAMES.get(state, Text(f"State {state}", f"状态 {state}"))
        drawings[f"{state}-{name}"] = sequences.state_map(layer[state], tokens, _titled(title, layer))
    gates = {gate: layer.gate(gate) for gate in layer.gates if gate != "h" and f"gate.{gate}" in layer.arrays}
    if gates:
        title = _titled(Text("Gates", "门"), layer)
        drawings[f"gates-{name}"] = sequences.gates_over_time(gates, tokens, title)
    if "d_h" in layer.arrays:
        title = _titled(Text("Derivative of the objective with respect to h", "目标对 h 的导数"), layer)
        drawings[f"d_h-{name}"] = sequences.state_map(layer["d_h"], tokens, title)
    if trace.task != "forecast" and len(tokens) <= MOST_TOKENS_ON_TEXT:
        units = np.argsort(-layer["h"].std(0), kind="stable")[:UNITS].tolist()
        title = _titled(Text("Units on the text", "文本上的单元"), layer)
        drawings[f"units-{name}"] = coloured_text.units_on_text(layer["h"], tokens, units, title)
    return drawings


def _top_layers(trace: Trace) -> list[LayerTrace]:
    """Return the last layer of each axis, in both directions."""
    last = {layer.axis: layer.name for layer in trace.layers}
    return [layer for layer in trace.layers if last[layer.axis] == layer.name]


def _forecast(trace: Trace) -> Draw:
    facts, quantiles, rows = trace.facts, trace["quantiles"], trace.axes["rows"]
    first = max(0, len(rows) - FORECAST_HISTORY * len(quantiles))
    dates = [*rows[first:], *facts["dates"]]
    return forecast_fan(
        [
            Fan(name, trace["values"][first:, k], quantiles[:, k], facts["levels"], dates)
            for k, name in enumerate(facts["targets"])
        ]
    )


def _file_name(layer: LayerTrace) -> str:
    backward = "-backward" if layer.direction == "backward" else ""
    return layer.name.replace(".", "-") + backward


def _titled(title: Text, layer: LayerTrace) -> Text:
    english, chinese = ("", "") if layer.direction == "forward" else (" (backward)", "（反向）")
    first, second = (f"{title.en}, ", f"{title.zh}，") if title.en else ("", "")
    return Text(f"{first}{layer.name}{english}", f"{second}{layer.name}{chinese}")
