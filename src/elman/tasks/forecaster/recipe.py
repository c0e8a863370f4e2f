"""The forecaster's recipe: a file of rows in time in, to a series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from elman.config import Values, table
from elman.data.encodings import Notify
from elman.data.readers import TextSource
from elman.errors import ConfigError, DataError
from elman.experiment.config import ForecasterRun, resolve_forecaster
from elman.tasks.card import forecaster_card
from elman.tasks.forecaster.config import not_positive
from elman.tasks.forecaster.corpus import SeriesCorpus, prepare_series
from elman.tasks.forecaster.defaults import SeriesDataConfig, operations_per_row, season_and_horizon
from elman.tasks.forecaster.predictor import ForecasterPredictor
from elman.tasks.forecaster.readers import MemorySeries, Series, read_series
from elman.tasks.forecaster.training import ForecasterTask, Windows
from elman.tasks.spec import Opened, Sources, told_budget, told_machine
from elman.training.machine import most_per_second


class ForecasterRecipe:
    """A Recipe."""

    task = "forecast"
    run = ForecasterRun

    def resolve(self, given: Values, data: SeriesCorpus | None, flops: float) -> ForecasterRun:
        if data is None:
            return resolve_forecaster(given, flops=flops)
        train, wrong = data.series.rows(0, data.train_rows), not_positive(data.series)
        config = resolve_forecaster(given, train=train, positive_values=wrong is None, flops=flops)
        _check_fits(config, data, wrong)
        return config

    def opened(self, path: str | Path, encoding: str | None, notify: Notify) -> TextSource:
        return TextSource(path, encoding=encoding, notify=notify)

    def prepare(self, folder: Path, given: Values, sources: Sources, notify: Notify) -> SeriesCorpus:
        if sources.targets or sources.valid_targets:
            raise ConfigError("target files are for sequence to sequence, given for a forecaster")
        data = resolve_forecaster(given).data
        train = _read(sources.train, data, notify)
        date = train.dates.name if train.dates else None
        columns = data.model_copy(update={"targets": train.targets, "date": date})
        return prepare_series(
            folder,
            train,
            valid=_read(sources.valid, columns, notify) if sources.valid else None,
            valid_fraction=data.valid_fraction,
            horizon=season_and_horizon(table(given, "model"), train)[1],
            records=lambda: [source.record for source in (*sources.train, *sources.valid)],
            notify=notify,
        )

    def open(self, folder: Path) -> SeriesCorpus:
        return SeriesCorpus.open(folder)

    def build(self, config: ForecasterRun, data: SeriesCorpus) -> ForecasterTask:
        training = config.training
        return ForecasterTask(
            data, config.model, window=config.window, batch_size=training.batch_size, seed=config.seed
        )

    def operations(self, config: ForecasterRun, data: SeriesCorpus, batch: Windows, counted: int) -> float:
        columns = len(data.series.targets) + len(data.series.inputs)
        rows = batch.r.shape[0] * batch.r.shape[1]
        return operations_per_row(config.model.model_dump(exclude_none=True), columns) * rows

    def evaluate(self, predictor: ForecasterPredictor, data: SeriesCorpus) -> dict[str, Any]:
        return predictor.evaluate(data.series, data.train_rows)

    def speed(self, predictor: ForecasterPredictor, data: SeriesCorpus) -> str:
        def forecast() -> int:
            return len(predictor.backtest(data.series, data.train_rows))

        return f"{most_per_second(forecast):,.0f} forecasts/s in a backtest, where it was trained"

    def card(self, predictor: ForecasterPredictor, valid: dict[str, Any], data: SeriesCorpus, speed: str) -> str:
        return forecaster_card(predictor, valid, data, speed)

    def told(self, config: ForecasterRun, data: SeriesCorpus) -> Iterator[str]:
        model, training, series = config.model, config.training, data.series
        dates = f", a row a {series.dates.step}" if series.dates is not None and series.dates.step is not None else ""
        inputs = f" with the help of {', '.join(series.inputs)}" if series.inputs else ""
        yield (
            f"{data.train_rows:,} rows to train on, {len(series) - data.train_rows:,} held out{dates}; "
            f"{', '.join(series.targets)}, {model.horizon} ahead{inputs}"
        )
        kept = f"{model.cell} " if model.memory == "recurrent" else f"{model.delays} rows, "
        logarithms = ", by logarithms" if model.logarithm else ""
        reference = "the last value" if model.reference == "last" else f"the value a season ({model.season}) before"
        yield (
            f"{model.memory}: {kept}{model.num_layers} x {model.hidden_size}, told as differences from {reference}"
            f"{logarithms}; dropout {model.dropout:g}"
        )
        yield (
            f"batches of {training.batch_size} windows of {config.window} rows; {training.optimizer} at "
            f"{training.learning_rate:g}; {told_machine(training)}; {told_budget(training)}"
        )


def _check_fits(config: ForecasterRun, data: SeriesCorpus, not_positive_value: str | None) -> None:
    """Refuse, before training, what the rows are too few for, or have no logarithm of."""
    model, where = config.model, ", ".join(source.name for source in data.sources)
    if 2 * model.season > data.train_rows and model.season > 1:
        told = f"model.season: given {model.season}, expected at most half of {data.train_rows:,} rows to learn from"
        raise ConfigError(told, hint="--season 1: none")
    if model.history_rows > data.train_rows:
        told = f"a forecast rests on {model.history_rows:,} rows, and there are {data.train_rows:,} to learn from"
        raise DataError(told, hint="give more rows, or fewer --delays", where=where)
    if model.logarithm and not_positive_value:
        hint = "--set model.logarithm=false"
        raise DataError(f"{not_positive_value}, expected numbers above 0 for their logarithms", hint=hint, where=where)


def _read(sources: Sequence[Opened], data: SeriesDataConfig, notify: Notify) -> Series:
    if len(sources) != 1 or not isinstance(sources[0], TextSource | MemorySeries):
        raise ConfigError(f"DATA: given {len(sources)} files, expected one series", hint="--valid names rows after it")
    return read_series(sources[0], data.columns(), notify)
