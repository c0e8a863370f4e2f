"""A forecaster in C: rows of numbers to the quantiles of the next rows.

What a row becomes before the network reads it, and what the outputs become afterwards, is computed in double, as elman
does; the network itself in float.
"""

from __future__ import annotations

import numpy as np

from elman.data.readers.numbers import LARGEST
from elman.tasks.forecaster.config import ForecasterConfig
from elman.tasks.forecaster.predictor import ForecasterPredictor
from elman.tasks.forecaster.scales import Scales

from .forecaster_encoders import ENCODERS
from .literals import Array, number, text
from .program import Program, block, function
from .state import declare_bytes, declare_state, declare_statuses, initial_statements

EQUATIONS = """
    z_t          = the row as it is modelled: {targets}, and the inputs
    x_t          = {features}
    o            = network(x_1 .. x_t)                        the expected output of each row ahead, by quantiles
    z_(t+h)      = ref_h + spread_h o_h                       ref: {reference}
    y_(t+h)      = {restored}
"""


def equations(predictor: ForecasterPredictor) -> str:
    """Return the equations of a forecaster, for a comment."""
    config, several = predictor.config, bool(predictor.scales.series)
    target, restored = ("log y", "exp(z)") if config.logarithm else ("y", "z")
    if several:
        target, restored = f"({target} - mean) / scale of its series", restored.replace("z", "z scale + mean")
    features = ["levels" if config.levels else "levels of the inputs", "differences"]
    if config.season > 1:
        features.append(f"differences to {config.season} rows before")
    return EQUATIONS.format(
        targets=target,
        features=f"[{'; '.join(features)}], each divided by its scale",
        reference="z one season before" if config.lag > 1 else "z_t",
        restored=f"{restored} of z_(t+h)",
    )


def write_forecaster(predictor: ForecasterPredictor, program: Program, max_length: int | None) -> None:
    """Add the functions of a forecaster."""
    config, scales, prefix, upper = predictor.config, predictor.scales, program.prefix, program.upper
    K, C, Q = len(scales.targets), len(scales.mean), len(config.quantiles)
    columns = ", ".join((*scales.targets, *scales.inputs))
    program.public_size("COLUMNS", C, f"of a row: {columns}")
    program.public_size("TARGETS", K, "the first columns, which are forecast")
    program.public_size("HORIZON", config.horizon, "rows ahead")
    program.public_size("QUANTILES", Q, ", ".join(f"{level:g}" for level in config.quantiles))
    program.public_size("OUTPUTS", config.horizon * K * Q, f"{upper}_HORIZON x {upper}_TARGETS x {upper}_QUANTILES")
    names = list(scales.units)
    if scales.series:
        program.public_size("SERIES", len(names), "that the model knows")
    initial = predictor.initial_state(1, series=names[:1])
    declare_state(program, predictor, initial)
    declare_statuses(program, lengths=False, states=True)
    begin = f"{prefix}_init({prefix}_state* state, int series)" if names else f"{prefix}_init({prefix}_state* state)"
    if names:
        program.header.append(
            f"\n// The names of the series, by number.\nextern const char* const {prefix}_series[{upper}_SERIES];"
        )
    program.header.append(f"""
// Begin a series{"; its number is a place in " + prefix + "_series" if names else ""}.
{"int" if names else "void"} {begin};

// Read a row; NAN is a missing value. quantiles are those of the next rows; NULL if they are not needed.
int {prefix}_step({prefix}_state* state, const double row[{upper}_COLUMNS], double quantiles[{upper}_OUTPUTS]);

// Read rows (count, {C}) one after another; quantiles (count, {upper}_OUTPUTS) are those after each of them, or NULL.
int {prefix}_run({prefix}_state* state, const double* rows, int count, double* quantiles);""")
    declare_bytes(program)
    _add_init(program, scales, initial, f"{'int' if names else 'void'} {begin}")
    _add_step(program, predictor)
    program.functions.append(f"""\
int {prefix}_run({prefix}_state* state, const double* rows, int count, double* quantiles) {{
    int status = {upper}_OK;
    for (int t = 0; t < count && status == {upper}_OK; ++t) {{
        double* output = quantiles ? quantiles + (size_t)t * {upper}_OUTPUTS : NULL;
        status = {prefix}_step(state, rows + (size_t)t * {C}, output);
    }}
    return status;
}}""")


def _add_init(program: Program, scales: Scales, initial: dict[str, Array], signature: str) -> None:
    prefix, upper = program.prefix, program.upper
    if not scales.units:
        program.functions.append(function(signature, initial_statements(initial)))
        return
    units = np.array([[unit.mean, unit.scale] for unit in scales.units.values()], np.float64)
    program.constant("units", units.reshape(len(units), -1), "mean and scale of the targets of each series")
    names = "".join(f"    {text(name)},\n" for name in scales.units)
    program.functions.append(f"const char* const {prefix}_series[{upper}_SERIES] = {{\n{names}}};")
    statements = [
        f"if (series < 0 || series >= {upper}_SERIES) return {upper}_WRONG_INPUT;",
        *initial_statements({name: array for name, array in initial.items() if name != "series.unit"}),
        f"memcpy(state->series_unit, units + (size_t)series * {units[0].size}, sizeof state->series_unit);",
        f"return {upper}_OK;",
    ]
    program.functions.append(function(signature, statements))


def _add_step(program: Program, predictor: ForecasterPredictor) -> None:
    config, scales, prefix, upper = predictor.config, predictor.scales, program.prefix, program.upper
    K, C, H, Q = len(scales.targets), len(scales.mean), config.horizon, len(config.quantiles)
    add_features(program, config, scales)
    program.constant("spread", np.array(scales.spread, np.float64), "of the differences to the references")
    encoder = ENCODERS[config.memory](program, predictor)
    if scales.calibration:
        program.constant("calibration", np.array(scales.calibration, np.float64), "factors of the quantiles")
    lead, shifted = config.lead, (config.lead - 1) * C
    z = "log(row[i])" if config.logarithm else "row[i]"
    read = [
        f"double z[{C}];",
        f"for (int i = 0; i < {C}; ++i) {{",
        f"    if (fabs(row[i]) > {number(LARGEST)}) return {upper}_WRONG_INPUT;",
        *([f"    if (i < {K} && row[i] <= 0.0) return {upper}_WRONG_INPUT;"] if config.logarithm else []),
        f"    z[i] = {f'i < {K} ? {z} : row[i]' if config.logarithm and C > K else z};",
        *(
            [f"    if (i < {K}) z[i] = (z[i] - state->series_unit[i]) / state->series_unit[{K} + i];"]
            if scales.units
            else []
        ),
        f"    if (isnan(z[i])) z[i] = state->series_seen[0] == 0.0f ? mean[i] : state->series_z[{shifted} + i];",
        "}",
        "if (state->series_seen[0] == 0.0f) {  // the rows before the first one are equal to it",
        f"    for (int i = 0; i < {lead}; ++i) memcpy(state->series_z + (size_t)i * {C}, z, sizeof z);",
        "}",
        *encoder.before,
        *([f"memmove(state->series_z, state->series_z + {C}, {shifted} * sizeof(double));"] if lead > 1 else []),
        f"memcpy(state->series_z + {shifted}, z, sizeof z);",
        "state->series_seen[0] += 1.0f;",
        *encoder.update,
        f"if (!quantiles) return {upper}_OK;",
        f"float o[{upper}_OUTPUTS];",
        *encoder.outputs,
    ]
    reference = f"state->series_z[({lead - config.lag} + h % {config.lag}) * {C} + k]"
    if config.lag == 1:
        reference = f"state->series_z[{shifted} + k]"
    restored = ["double output = (double)o[i + q];"]
    if scales.calibration:
        restored = [
            f"double distance = (double)(o[i + q] - o[i + {config.median}]);",
            f"double output = (double)o[i + {config.median}] + calibration[k * {Q} + q] * distance;",
        ]
    restored.append(f"double future = reference + spread[h * {K} + k] * output;")
    if scales.units:
        restored.append(f"future = future * state->series_unit[{K} + k] + state->series_unit[k];")
    restored.append(f"quantiles[i + q] = {'exp(future)' if config.logarithm else 'future'};")
    loops = f"""\
for (int h = 0; h < {H}; ++h) {{
    for (int k = 0; k < {K}; ++k) {{
        int i = (h * {K} + k) * {Q};
        double reference = {reference};
        for (int q = 0; q < {Q}; ++q) {{
{block(restored, 3)}
        }}
    }}
}}"""
    parameters = f"{prefix}_state* state, const double row[{upper}_COLUMNS], double quantiles[{upper}_OUTPUTS]"
    signature = f"int {prefix}_step({parameters})"
    program.functions.append(function(signature, [*read, loops, f"return {upper}_OK;"]))


def add_features(program: Program, config: ForecasterConfig, scales: Scales) -> None:
    """Add the function that turns a row, the row before it and the one a season before it into features."""
    K, C, first = len(scales.targets), len(scales.mean), 0 if config.levels else len(scales.targets)
    program.constant("mean", np.array(scales.mean, np.float64), "of the columns of z")
    program.constant("differences", np.array(scales.differences, np.float64), "the scale of z_t - z_(t-1)")
    lines = []
    if first < C:
        program.constant("scale", np.array(scales.scale, np.float64), "of the columns of z")
        lines.append(f"for (int i = {first}; i < {C}; ++i) *x++ = (float)((z[i] - mean[i]) / scale[i]);")
    lines.append(f"for (int i = 0; i < {K}; ++i) *x++ = (float)((z[i] - before[i]) / differences[i]);")
    parameters = "float* x, const double* z, const double* before"
    if config.season > 1:
        program.constant("seasonal", np.array(scales.seasonal, np.float64), f"the scale of z_t - z_(t-{config.season})")
        lines.append(f"for (int i = 0; i < {K}; ++i) *x++ = (float)((z[i] - season_before[i]) / seasonal[i]);")
        parameters += ", const double* season_before"
    program.functions.append(
        "// x = the features of a row z, from the rows before it.\n"
        + function(f"static void features({parameters})", lines)
    )
