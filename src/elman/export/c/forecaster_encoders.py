"""The history encoders of a forecaster in C: recurrent layers, a delay line, or a closed loop over its own forecasts.

Each returns three lists of statements: before the row z joins state->series_z, the change of the state, and the outputs
o (horizon, targets, quantiles).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from elman.tasks.forecaster.history_encoders import Features
from elman.tasks.forecaster.predictor import ForecasterPredictor

from .layers import add_stack, check_cell, step_stack
from .matrices import Matrix, add_matrix, add_vector
from .program import Program, block, float32


class Encoder(NamedTuple):
    """The statements of an encoder."""

    before: list[str]
    update: list[str]
    outputs: list[str]


def recurrent(program: Program, predictor: ForecasterPredictor) -> Encoder:
    """Return the statements of recurrent layers over the features of a row."""
    config, tensors, F = predictor.config, predictor.tensors, _num_features(predictor)
    check_cell(config.build_cell(), config.cell)
    layers = add_stack(program, config.build_cell(), tensors, F, [config.hidden_size] * config.num_layers)
    readout = _add_readout(program, predictor)
    steps, output = step_stack(layers, "x")
    return Encoder(
        [f"float x[{F}];", _features(predictor, "x", "z", "state->series_z")],
        steps,
        _readout(predictor, readout, output),
    )


def time_delay(program: Program, predictor: ForecasterPredictor) -> Encoder:
    """Return the statements of hidden layers over the features of the last rows."""
    D, F = predictor.config.delays, _num_features(predictor)
    hidden = _add_hidden(program, predictor, D * F)
    readout = _add_readout(program, predictor)
    memory_size = (D - 1) * F
    before = [
        f"// The features of the last {D} rows.",
        f"float window[{D * F}];",
        f"float* x = window + {memory_size};",
    ]
    before.append(_features(predictor, "x", "z", "state->series_z"))
    update = []
    if memory_size:
        before += [
            "// Before the first row: its features.",
            f"for (int i = 0; i < {memory_size}; ++i) {{",
            f"    window[i] = isnan(state->delays_x[i]) ? x[i % {F}] : state->delays_x[i];",
            "}",
        ]
        update = [f"memcpy(state->delays_x, window + {F}, sizeof state->delays_x);"]
    return Encoder(before, update, [*hidden("window"), *_readout(predictor, readout, "hidden")])


def closed_loop(program: Program, predictor: ForecasterPredictor) -> Encoder:
    """Return the statements of a network that appends its own forecasts to the last rows."""
    config, scales = predictor.config, predictor.scales
    F, C, K, Q, H = (
        _num_features(predictor),
        len(scales.mean),
        len(scales.targets),
        len(config.quantiles),
        config.horizon,
    )
    D, R, m = config.delays, config.delays + config.lead, config.median
    hidden = _add_hidden(program, predictor, D * F)
    program.constant("later", float32(predictor.tensors["later"]), "added to the outputs of each row ahead")
    readout = _add_readout(program, predictor)
    memory_size = (R - 1) * C
    before = [
        f"// The last {R} rows; before the first row: this one.",
        f"double window[{R * C}];",
        f"for (int i = 0; i < {memory_size}; ++i) {{",
        f"    window[i] = isnan(state->delays_z[i]) ? z[i % {C}] : state->delays_z[i];",
        "}",
        f"memcpy(window + {memory_size}, z, sizeof z);",
    ]
    update = [f"memcpy(state->delays_z, window + {C}, sizeof state->delays_z);"]
    lag = (R - config.lag) * C
    now = f"window + (size_t)({config.lead} + i) * {C}"
    place = f"x + (size_t)i * {F}"
    newest = f"newest[h % {config.lag}][k]" if config.lag > 1 else "newest[0][k]"
    loop = [
        f"float x[{D * F}];",
        f"for (int i = 0; i < {D}; ++i) {_features(predictor, place, now, f'window + (size_t)i * {C}')}",
        *hidden("x"),
        f"float a[{K * Q}];",
        readout.product("a", "readout_bias", "hidden"),
        f"double forecast[{C}];",
        f"memcpy(forecast, window + {(R - 1) * C}, sizeof forecast);  // the inputs stay as they last were",
        f"for (int k = 0; k < {K}; ++k) {{",
        f"    double quantiles_of_k[{Q}];",
        f"    forecast[k] = window[{lag} + k] + spread[k] * (double)a[k * {Q} + {m}];",
        f"    for (int q = 0; q < {Q}; ++q) {{",
        f"        quantiles_of_k[q] = (double)a[k * {Q} + q] + (double)later[(h * {K} + k) * {Q} + q];",
        "    }",
        f"    quantiles_of_k[{m}] = (forecast[k] - {newest}) / spread[h * {K} + k];",
        f"    monotone_doubles(quantiles_of_k, {Q}, {m});",
        f"    for (int q = 0; q < {Q}; ++q) o[(h * {K} + k) * {Q} + q] = (float)quantiles_of_k[q];",
        "}",
        f"memmove(window, window + {C}, {memory_size} * sizeof(double));",
        f"memcpy(window + {memory_size}, forecast, sizeof forecast);",
    ]
    outputs = [
        f"double newest[{config.lag}][{K}];  // the values to which the outputs are differences",
        f"for (int i = 0; i < {config.lag}; ++i) {{",
        f"    memcpy(newest[i], window + {lag} + (size_t)i * {C}, sizeof newest[i]);",
        "}",
        f"for (int h = 0; h < {H}; ++h) {{\n{block(loop)}\n}}",
    ]
    return Encoder(before, update, outputs)


ENCODERS: dict[str, Callable[[Program, ForecasterPredictor], Encoder]] = {
    "recurrent": recurrent,
    "tdnn": time_delay,
    "narx": closed_loop,
}


def _num_features(predictor: ForecasterPredictor) -> int:
    return Features(predictor.config, predictor.scales).size


def _features(predictor: ForecasterPredictor, x: str, z: str, lead: str) -> str:
    """Return the call for a row z, whose `lead` rows before it begin at `lead`."""
    config, C = predictor.config, len(predictor.scales.mean)
    last = f"{lead} + {(config.lead - 1) * C}" if config.lead > 1 else lead
    return f"features({', '.join([x, z, last, *([lead] if config.season > 1 else [])])});"


def _add_hidden(program: Program, predictor: ForecasterPredictor, inputs: int) -> Callable[[str], list[str]]:
    """Add hidden layers; return the function that returns their statements, whose outputs are in `hidden`."""
    config, H = predictor.config, predictor.config.hidden_size
    layers = []
    for index in range(config.num_layers):
        matrix = add_matrix(program, f"hidden.{index}.weight", predictor.tensors)
        layers.append((matrix, add_vector(program, f"hidden.{index}.bias", predictor.tensors)))

    def statements(x: str) -> list[str]:
        lines = [f"float hidden[{H}];"]
        if len(layers) > 1:
            lines.append(f"float below[{H}];  // the layer below")
        for index, (matrix, bias) in enumerate(layers):
            if index:
                lines.append("memcpy(below, hidden, sizeof below);")
            lines += [matrix.product("hidden", bias, x), f"apply_{config.activation}(hidden, {H});"]
            x = "below"
        return lines

    return statements


def _add_readout(program: Program, predictor: ForecasterPredictor) -> Matrix:
    add_vector(program, "readout.bias", predictor.tensors)
    return add_matrix(program, "readout.weight", predictor.tensors)


def _readout(predictor: ForecasterPredictor, readout: Matrix, h: str) -> list[str]:
    config = predictor.config
    outputs, Q = config.horizon * len(predictor.scales.targets) * len(config.quantiles), len(config.quantiles)
    return [
        readout.product("o", "readout_bias", h),
        f"for (int i = 0; i < {outputs}; i += {Q}) monotone(o + i, {Q}, {config.median});",
    ]
