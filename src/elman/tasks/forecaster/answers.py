"""What `elman predict` prints by a forecaster: CSV in, CSV out."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from elman.data.readers.encodings import Notify
from elman.errors import DataError
from elman.figures.style import available_language, check_figure_file, write_figure
from elman.tasks.spec import Columns, FilePrediction
from elman.translations import current_language

from .config import ForecasterReaderConfig, PredictOptions
from .corpus import report_missing
from .evaluation import report_differences
from .forecast import Forecast
from .plot import forecasts_drawing
from .predictor import ForecasterPredictor
from .readers import open_source
from .series import Series


def predict_file(predictor: ForecasterPredictor, options: PredictOptions, path: str, notify: Notify) -> FilePrediction:
    """Return the rows that follow each series of a file, and draw them if --plot names a file."""
    if options.plot is not None:
        check_figure_file(options.plot, "--plot")
    notation = options.model_dump(exclude={"plot"}, exclude_none=True)
    reader = ForecasterReaderConfig(**predictor.reader_values(), **notation)
    try:
        series = predictor.series(list(open_source(path, reader, notify).examples()))
        report_missing(series, notify)
        report_differences(series, predictor.scales, notify)
        predictions = _forecasts(predictor, series, notify)
    except DataError as error:
        raise DataError(error.message, hint=error.hint, where=error.where or path) from None
    messages: tuple[str, ...] = ()
    if options.plot is not None:
        language = available_language(current_language(), notify)
        write_figure([options.plot], forecasts_drawing(predictions, notify=notify), language)
        messages = (f"plot: {options.plot}",)
    return FilePrediction(_as_csv(predictions), _as_json(predictions), messages)


def predict_columns(predictor: ForecasterPredictor, columns: Columns) -> dict[str, Any]:
    """Return what --json prints, for series that are given as columns by name."""
    return _as_json(_forecasts(predictor, predictor.series(columns), lambda message: None))


def _forecasts(
    predictor: ForecasterPredictor, series: Sequence[Series], notify: Notify
) -> list[tuple[Series, Forecast]]:
    """Return the forecast of each series; one of several that cannot be forecast is left out, and reported."""
    predictions: list[tuple[Series, Forecast]] = []
    errors: list[DataError] = []
    for one in series:
        try:
            predictions.append((one, predictor.forecast(one)))
        except DataError as error:
            errors.append(error)
    if not predictions:
        raise errors[0]
    for failure in errors:
        notify(f"{failure.where}: no forecast: {failure.message}")
    return predictions


def _as_csv(predictions: Sequence[tuple[Series, Forecast]]) -> str:
    """Return the forecasts as CSV: with decimal commas and semicolons if the series have decimal commas."""
    output = io.StringIO()
    series, forecast = predictions[0]
    has_commas = series.decimal == ","
    writer = csv.writer(output, lineterminator="\n", delimiter=";" if has_commas else ",")
    levels = [level for level in forecast.levels if level != 0.5]
    date_column = series.dates.name if series.dates else "row"
    columns = [c for name in forecast.targets for c in (name, *(f"{name}_{q:g}" for q in levels))]
    writer.writerow([*series.id_columns, date_column, *columns])
    for one, forecast in predictions:
        digits = _digits(forecast)
        for h, date in enumerate(forecast.dates):
            cells = [*one.ids, date]
            for k in range(len(forecast.targets)):
                quantiles = zip(forecast.quantiles[h, k], forecast.levels, strict=True)
                values = [forecast.median[h, k], *(value for value, level in quantiles if level != 0.5)]
                numbers = [f"{value:.{digits[k]}g}" for value in values]
                cells += [number.replace(".", ",") for number in numbers] if has_commas else numbers
            writer.writerow(cells)
    return output.getvalue()


def _digits(forecast: Forecast) -> list[int]:
    """Return how many digits the numbers of each target have: ten, or more so that six tell them from each other."""
    digits = []
    for k in range(len(forecast.targets)):
        values = np.concatenate([forecast.median[:, k], forecast.quantiles[:, k].ravel()])
        largest, spread = float(np.abs(values).max()), float(np.ptp(values))
        shared = math.log10(largest / spread) if spread > 0.0 else 0.0  # digits that all of them have in common
        digits.append(min(17, max(10, 6 + math.ceil(shared))))
    return digits


def _as_json(predictions: Sequence[tuple[Series, Forecast]]) -> dict[str, Any]:
    rows = [row for series, forecast in predictions for row in _json_rows(series, forecast)]
    return {"task": "forecast", "count": len(rows), "predictions": rows}


def _json_rows(series: Series, forecast: Forecast) -> Iterator[dict[str, Any]]:
    """Yield a row for each time; with several series, the names of its series by column, too."""
    levels = list(map(str, forecast.levels))
    names = {"series": dict(zip(series.id_columns, series.ids, strict=True))} if series.ids else {}
    for h, date in enumerate(forecast.dates):
        yield {
            **names,
            "date": date,
            "values": dict(zip(forecast.targets, map(float, forecast.median[h]), strict=True)),
            "quantiles": {
                name: dict(zip(levels, map(float, forecast.quantiles[h, k]), strict=True))
                for k, name in enumerate(forecast.targets)
            },
        }
