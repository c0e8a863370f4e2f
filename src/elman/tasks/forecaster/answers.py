"""What `elman predict` prints by a forecaster: CSV in, CSV out."""

from __future__ import annotations

import csv
import io
from typing import Any

from elman.data.readers.encodings import Notify
from elman.errors import DataError
from elman.figures.style import available_language, check_figure_file, write_figure
from elman.tasks.spec import FilePrediction
from elman.translations import current_language

from .config import ForecasterReaderConfig, PredictOptions
from .evaluation import report_step
from .forecast import Forecast
from .plot import forecast_drawing
from .predictor import ForecasterPredictor
from .readers import open_source


def predict_file(predictor: ForecasterPredictor, options: PredictOptions, path: str, notify: Notify) -> FilePrediction:
    """Return the rows that follow the series of a file, and draw them if --plot names a file."""
    if options.plot is not None:
        check_figure_file(options.plot, "--plot")
    reader = ForecasterReaderConfig(**predictor.reader_values(), encoding=options.encoding)
    (series,) = open_source(path, reader, notify).examples()
    report_step(series, predictor.scales, notify)
    try:
        forecast = predictor.predict(series)
    except DataError as error:
        raise DataError(error.message, hint=error.hint, where=error.where or path) from None
    messages: tuple[str, ...] = ()
    if options.plot is not None:
        language = available_language(current_language(), notify)
        write_figure([options.plot], forecast_drawing(series, forecast), language)
        messages = (f"plot: {options.plot}",)
    return FilePrediction(_as_csv(forecast, series.dates.name if series.dates else "row"), _as_json(forecast), messages)


def _as_csv(forecast: Forecast, date_column: str) -> str:
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    levels = [level for level in forecast.levels if level != 0.5]
    writer.writerow(
        [date_column, *(c for name in forecast.targets for c in (name, *(f"{name}_{q:g}" for q in levels)))]
    )
    for h, date in enumerate(forecast.dates):
        cells = [date]
        for k in range(len(forecast.targets)):
            quantiles = zip(forecast.quantiles[h, k], forecast.levels, strict=True)
            cells.append(f"{forecast.median[h, k]:.10g}")
            cells += [f"{value:.10g}" for value, level in quantiles if level != 0.5]
        writer.writerow(cells)
    return output.getvalue()


def _as_json(forecast: Forecast) -> dict[str, Any]:
    levels = list(map(str, forecast.levels))
    rows = [
        {
            "date": date,
            "values": dict(zip(forecast.targets, map(float, forecast.median[h]), strict=True)),
            "quantiles": {
                name: dict(zip(levels, map(float, forecast.quantiles[h, k]), strict=True))
                for k, name in enumerate(forecast.targets)
            },
        }
        for h, date in enumerate(forecast.dates)
    ]
    return {"task": "forecast", "count": len(rows), "predictions": rows}
