"""The main function of a forecaster: a row of numbers in each line of stdin, the next rows as CSV on stdout."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from elman.tasks.forecaster.predictor import ForecasterPredictor

from .. import literals
from ..program import Program, block
from .inputs import MAX_LINE


def forecaster_main(predictor: ForecasterPredictor, program: Program) -> list[str]:
    """Add the main function of a forecaster; return nothing, because all that it reads are numbers."""
    prefix, upper, config, scales = program.prefix, program.upper, predictor.config, predictor.scales
    levels = [(q, level) for q, level in enumerate(config.quantiles) if q != config.median]
    order = [config.median, *(q for q, _ in levels)]
    names = [column for name in scales.targets for column in (name, *(f"{name}_{level:g}" for _, level in levels))]
    series_begin = [f"{prefix}_init(&state);"]
    usage = "Print the rows after those on stdin as CSV."
    if scales.units:
        usage += " The argument is the name of the series."
        series_begin = [
            "int series = 0;",
            f"while (series < {upper}_SERIES && (argc < 2 || strcmp({prefix}_series[series], argv[1]) != 0)) ++series;",
            f'if ({prefix}_init(&state, series) != {upper}_OK) fail("expected the name of a series of the model");',
        ]
    program.main_table(MAX_LINE)
    program.main_table(f"static const int order[{len(order)}] = {{{', '.join(map(str, order))}}};  // of the quantiles")
    signature = "int main(int argc, char** argv)" if scales.units else "int main(void)"
    id_columns = list(scales.series) if len(scales.series) < 2 else ["series"]
    header = literals.text(_csv_row([*id_columns, "row", *names]))
    row_names = ['printf("%s,+%d", argv[1], h + 1);'] if scales.series else ['printf("+%d", h + 1);']
    program.main.append(f"""\
// {usage} Numbers are separated by commas, semicolons, spaces or tabs;
// nan, and nothing between two commas, is a missing value.
{signature} {{
    static char line[MAX_LINE + 1];
    static {prefix}_state state;
    static double quantiles[{upper}_OUTPUTS];
    int size, num_rows = 0;
{block(series_begin)}
    while ((size = read_line(line, MAX_LINE)) >= 0) {{
        double row[{upper}_COLUMNS];
        line[size] = '\\0';
        if (strspn(line, " \\t\\r") == (size_t)size) continue;
        if (read_row(line, row, {upper}_COLUMNS) != {upper}_COLUMNS) fail("a line has another number of columns");
        if ({prefix}_step(&state, row, quantiles) != {upper}_OK) fail("a number that the model cannot read");
        ++num_rows;
    }}
    if (num_rows < {config.history_rows}) fail("too few rows; expected at least {config.history_rows}");
    fputs({header}, stdout);
    for (int h = 0; h < {upper}_HORIZON; ++h) {{
{block(row_names, 2)}
        for (int k = 0; k < {upper}_TARGETS; ++k) {{
            const double* first = quantiles + k * {upper}_QUANTILES;
            int digits = digits_of(first, {upper}_HORIZON, {upper}_TARGETS * {upper}_QUANTILES, {upper}_QUANTILES);
            const double* values = quantiles + (h * {upper}_TARGETS + k) * {upper}_QUANTILES;
            for (int q = 0; q < {upper}_QUANTILES; ++q) printf(",%.*g", digits, values[order[q]]);
        }}
        printf("\\n");
    }}
    return 0;
}}""")
    return []


def _csv_row(cells: Sequence[str]) -> str:
    output = io.StringIO()
    csv.writer(output, lineterminator="\n").writerow(cells)
    return output.getvalue()
