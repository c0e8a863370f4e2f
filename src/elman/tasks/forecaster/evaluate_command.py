"""The errors of a forecaster on a series, beside those of naive forecasts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.cli.console import say
from elman.cli.evaluate.held_out import data_of
from elman.errors import ConfigError, DataError

if TYPE_CHECKING:
    from elman.runtime import ForecasterPredictor
    from elman.tasks.forecaster.readers import Series


def measured(predictor: ForecasterPredictor, run: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics of the file that the options name, or of the run's held-out part."""
    from elman.tasks.forecaster.corpus import SeriesCorpus

    data: list[str] | None = options["data"]
    if not data:
        corpus = SeriesCorpus.open(data_of(run))
        if predictor.scales.stretch and len(predictor.config.quantiles) > 1:
            say("these held-out rows have set the band: its coverage here says nothing of others")
        return predictor.evaluate(corpus.series, corpus.train_rows)
    if len(data) > 1:
        raise ConfigError(f"DATA: given {len(data)} files, expected one series")
    series = read(predictor, data[0], options["encoding"])
    return predictor.evaluate(series, _begin(series, options["context"], options["from_date"]))


def read(predictor: ForecasterPredictor, path: str, encoding: str | None) -> Series:
    """Return the series of a file as the model knows it."""
    from elman.data.readers import TextSource
    from elman.tasks.forecaster.readers import read_series

    series = read_series(TextSource(path, encoding=encoding, notify=say), predictor.columns, say)
    learned, step = predictor.scales.step, series.dates.step if series.dates else None
    if learned is not None and step is not None and str(step) != learned:
        say(f"{path}: a row a {step}, and the model has learned a row a {learned}")
    return series


def print_tables(metrics: dict[str, Any]) -> None:
    """Print the errors of each target, where there are several."""
    targets = metrics["targets"]
    if len(targets) < 2:
        return
    names = list(next(iter(targets.values())))
    width = max(map(len, targets)) + 2
    print(f"\n{'target':<{width}}" + "".join(f"{name:>20}" for name in names))
    for target, told in targets.items():
        print(f"{target:<{width}}" + "".join(f"{told[name]:>20,.4f}" for name in names))


def _begin(series: Series, context: int | None, date: str | None) -> int | None:
    """The first row that is scored; None: as soon as the model can."""
    from elman.tasks.forecaster.calendar import parse_date

    if date is None:
        return context
    if context is not None:
        raise ConfigError("--context and --from: given both, expected one")
    wanted = parse_date(date) if not date.isdecimal() else parse_date(f"{date}-01")
    if wanted is None:
        raise ConfigError(f"--from: given {date!r}, expected a date", hint="1949-01, 1949-01-31, 1949-01-31 14:30")
    if series.dates is None:
        raise DataError("holds no column of dates", hint="--context N counts rows instead")
    found = next((row for row, each in enumerate(series.dates.each) if each >= wanted), None)
    if found is None:
        raise DataError(f"ends at {series.dates.text(-1)}, before {date}", hint="--from names a date inside")
    return found
