"""Compare the forecast errors of five models with last-value and seasonal naive forecasts on real series, in one table.

    python benchmarks/forecasting.py airline FOLDER/airline-passengers.csv --minutes 0.5
    python benchmarks/forecasting.py sunspots FOLDER/monthly-sunspots.csv --minutes 1
    python benchmarks/forecasting.py etth1 FOLDER/ETTh1.csv --minutes 3

The test set is the end of the series: three years of airline passengers and ten years of sunspots (horizon: 12 months).
Of ETTh1 (column OT, horizon: 24 hours), the first 12 months are the training set, the next four the validation set and
the following four the test set. Models are trained with their defaults on the rows before the test set. Forecasts start
at every row of the test set.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import elman
from elman.bench.arguments import at_least, some_of
from elman.config import parse_assignments
from elman.tasks.forecaster.config import ForecasterReaderConfig
from elman.tasks.forecaster.readers import open_source
from elman.tasks.forecaster.series import Series


@dataclass(frozen=True)
class Dataset:
    """The columns of a series, its split, and the parameters of the models."""

    targets: tuple[str, ...] | None  # None: the only column of numbers
    num_unused: int  # rows at the end that are ignored
    num_test: int  # rows of the test set
    parameters: dict[str, Any]
    num_valid: int = 0  # rows of the validation set; 0 uses the default of elman


DATASETS = {
    "airline": Dataset(None, 0, 36, {"horizon": 12, "season": 12}),
    "sunspots": Dataset(None, 0, 120, {"horizon": 12, "season": 12}),
    "etth1": Dataset(("OT",), 17_420 - 14_400, 2880, {"horizon": 24, "season": 24}, num_valid=2880),
}
MODELS = {
    "tdnn": {"memory": "tdnn"},
    "narx": {"memory": "narx"},
    "elman": {"cell": "elman"},
    "gru": {"cell": "gru"},
    "lstm": {"cell": "lstm"},
}
METRICS = ("mae", "rmse", "smape", "mase", "relative_mae", "coverage")


def columns_by_name(series: Series, begin: int, end: int) -> dict[str, Any]:
    """Return rows of a series as named columns, with dates if it has any: the argument of Forecaster.fit."""
    part = series.rows(begin, end)
    names = (*part.targets, *part.inputs)
    columns: dict[str, Any] = {name: part.values[:, k].tolist() for k, name in enumerate(names)}
    return {"date": list(part.dates.dates), **columns} if part.dates else columns


def main() -> None:
    """Print one line of metrics for each model."""
    arguments = parse_arguments()
    dataset = DATASETS[arguments.data]
    inputs = tuple(arguments.inputs.split(",")) if arguments.inputs else ()
    reader = ForecasterReaderConfig(targets=dataset.targets, inputs=inputs)
    (series,) = open_source(arguments.path, reader, print).examples()
    series = series.rows(0, len(series) - dataset.num_unused)
    test_begin = len(series) - dataset.num_test
    train_end = test_begin - dataset.num_valid
    train = columns_by_name(series, 0, train_end)
    valid = columns_by_name(series, train_end, test_begin) if dataset.num_valid else None
    print(f"{arguments.data}: {test_begin:,} rows before {dataset.num_test:,} test rows; ", end="")
    print(f"load average {os.getloadavg()[0]:.1f}")
    print(f"{'':<8}" + "".join(f"{name:>14}" for name in METRICS))
    for name in arguments.models:
        scores = []
        for seed in range(arguments.seeds):
            parameters = {**dataset.parameters, **MODELS[name], "config": parse_assignments(arguments.set)}
            model = elman.Forecaster(
                targets=series.targets, inputs=inputs, minutes=arguments.minutes, seed=seed, verbose=False, **parameters
            )
            model.fit(train, valid=valid)
            scores.append(model.predictor.evaluate(series, test_begin))
        means = [sum(score[metric] for score in scores) / len(scores) for metric in METRICS]
        config = model.predictor.config
        description = f"{config.hidden_size} hidden, {config.reference}{', log' if config.logarithm else ''}"
        print(f"{name:<8}" + "".join(f"{mean:>14.4f}" for mean in means) + f"   {description}", flush=True)
    print(f"last value: MAE {scores[0]['mae_last_value']:.4f}  ", end="")
    print(f"seasonal naive: MAE {scores[0]['mae_seasonal_naive']:.4f}")


def parse_arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=DATASETS)
    parser.add_argument("path", type=Path)
    parser.add_argument("--minutes", type=float, default=1.0, help="training time per model")
    parser.add_argument("--models", type=some_of(MODELS), default=list(MODELS))
    parser.add_argument("--inputs", default="", help="names of additional input columns, separated by commas")
    parser.add_argument("--seeds", type=at_least(1), default=1, help="trainings per model; the metrics are their means")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="any config key")
    return parser.parse_args()


if __name__ == "__main__":
    main()
