"""A series to the rows that come next: CSV in, CSV out."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.cli.console import print_json, say
from elman.errors import DataError
from elman.tasks.forecaster.evaluate_command import read

if TYPE_CHECKING:
    from elman.runtime import Forecast, ForecasterPredictor


def forecast(predictor: ForecasterPredictor, options: dict[str, Any]) -> None:
    """Print what follows the series of a file, and draw it where --plot names a picture."""
    picture: Path | None = options["plot"]
    if picture is not None:
        from elman.tasks.forecaster.plot import check_picture

        check_picture(picture)
    series = read(predictor, options["data"], options["encoding"])
    try:
        found = predictor.predict(series)
    except DataError as error:
        raise DataError(error.message, hint=error.hint, where=error.where or options["data"]) from None
    if options["as_json"]:
        print_json(_as_json(found))
    else:
        _write(found, series.dates.name if series.dates else "row")
    if picture is not None:
        from elman.tasks.forecaster.plot import draw

        draw(picture, series, found)
        say(f"drawn: {picture}")


def _write(found: Forecast, rows: str) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    shares = [level for level in found.levels if level != 0.5]
    writer.writerow([rows, *(cell for name in found.targets for cell in (name, *(f"{name}_{q:g}" for q in shares)))])
    for h, date in enumerate(found.dates):
        cells = [date]
        for k in range(len(found.targets)):
            cells.append(f"{found.median[h, k]:.10g}")
            cells += [f"{q:.10g}" for q, level in zip(found.quantiles[h, k], found.levels, strict=True) if level != 0.5]
        writer.writerow(cells)


def _as_json(found: Forecast) -> dict[str, Any]:
    rows = [
        {
            "date": date,
            "values": dict(zip(found.targets, map(float, found.median[h]), strict=True)),
            "quantiles": {
                name: dict(zip(map(str, found.levels), map(float, found.quantiles[h, k]), strict=True))
                for k, name in enumerate(found.targets)
            },
        }
        for h, date in enumerate(found.dates)
    ]
    return {"task": "forecast", "count": len(rows), "predictions": rows}
