"""How far forecasts are off on real series: five models, one table, beside last value and seasonal naive.

    python benchmarks/forecasting.py airline FOLDER/airline-passengers.csv --minutes 0.5
    python benchmarks/forecasting.py sunspots FOLDER/monthly-sunspots.csv --minutes 1
    python benchmarks/forecasting.py etth1 FOLDER/ETTh1.csv --minutes 3

The last rows are the test part: three years of airline passengers, ten of sunspots (12 months ahead), and of ETTh1 (OT,
24 hours ahead) the four months after the first sixteen, the last four of which are held out while training. A model is
trained on what is before, with its defaults; forecasts are made from each row of the test part on, and scored once.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import elman
from elman.config import parse_assignments
from elman.data.readers import TextSource
from elman.tasks.forecaster.readers import Columns, Series, read_series


@dataclass(frozen=True)
class Part:
    """A series, the rows of its end that are not read at all, its test rows, and what a model is told."""

    columns: Columns
    unread: int
    test: int
    parameters: dict[str, Any]
    valid: int = 0  # rows held out while training; 0: the default


PARTS = {
    "airline": Part(Columns(), 0, 36, {"horizon": 12, "season": 12}),
    "sunspots": Part(Columns(), 0, 120, {"horizon": 12, "season": 12}),
    "etth1": Part(Columns(("OT",)), 17_420 - 14_400, 2880, {"horizon": 24, "season": 24}, valid=2880),
}
MODELS = {
    "tdnn": {"memory": "tdnn"},
    "narx": {"memory": "narx"},
    "elman": {"cell": "elman"},
    "gru": {"cell": "gru"},
    "lstm": {"cell": "lstm"},
}
SHOWN = ("mae", "rmse", "smape", "mase", "relative_mae", "coverage")


def rows_of(series: Series, begin: int, end: int) -> dict[str, Any]:
    """Rows as columns by name, their dates among them: what fit takes."""
    part = series.rows(begin, end)
    names = (*part.targets, *part.inputs)
    columns: dict[str, Any] = {name: part.values[:, k].tolist() for k, name in enumerate(names)}
    return {"date": list(part.dates.each), **columns} if part.dates else columns


def main() -> None:
    """Print a line a model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=PARTS)
    parser.add_argument("path", type=Path)
    parser.add_argument("--minutes", type=float, default=1.0, help="of training, each model")
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--inputs", default="", help="columns that help, separated by commas")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each model; means are told")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="any config key")
    given = parser.parse_args()
    part = PARTS[given.data]
    inputs = tuple(given.inputs.split(",")) if given.inputs else ()
    series = read_series(TextSource(given.path), Columns(part.columns.targets, inputs))
    series = series.rows(0, len(series) - part.unread)
    begin = len(series) - part.test
    learned = begin - part.valid
    valid = rows_of(series, learned, begin) if part.valid else None
    config = parse_assignments(given.set)
    print(f"{given.data}: {begin:,} rows before the test part of {part.test:,}; load {os.getloadavg()[0]:.1f}")
    print(f"{'':<8}" + "".join(f"{name:>14}" for name in SHOWN))
    for name in given.models.split(","):
        found = []
        for seed in range(given.seeds):
            told = {**part.parameters, **MODELS[name], "seed": seed, "config": config, "verbose": False}
            model = elman.Forecaster(targets=series.targets, inputs=inputs, minutes=given.minutes, **told)
            model.fit(rows_of(series, 0, learned), valid=valid)
            found.append(model.predictor.evaluate(series, begin))
        mean = {key: sum(each[key] for each in found) / len(found) for key in SHOWN}
        chosen = model.predictor.config
        how = f"{chosen.hidden_size} hidden, {chosen.reference}{', log' if chosen.logarithm else ''}"
        print(f"{name:<8}" + "".join(f"{mean[key]:>14.4f}" for key in SHOWN) + f"   {how}", flush=True)
    naive = {"last value": found[0]["mae_last_value"], "seasonal naive": found[0]["mae_seasonal_naive"]}
    print("  ".join(f"{name}: MAE {value:.4f}" for name, value in naive.items()))


if __name__ == "__main__":
    main()
