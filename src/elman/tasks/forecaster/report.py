"""What a forecaster writes for people: descriptions of a run, the table of `evaluate`, and the model card."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from elman.tasks.descriptions import (
    describe_size,
    describe_training,
    describe_validation_set,
    items_per_second,
    scored_set,
    scores_row,
    table_cell,
)
from elman.tasks.descriptions import model_card as card_of
from elman.translations import display_width, pad, translate

from .config import ForecasterConfig, ForecasterRun
from .corpus import ForecasterCorpus
from .evaluation import SERIES
from .predictor import ForecasterPredictor

MAX_SERIES = 20  # in the table of `evaluate`


def describe_run(config: ForecasterRun, corpus: ForecasterCorpus) -> Iterator[str]:
    """Yield the data, the model and the training in one line each."""
    model, series = config.model, corpus.first
    step = ""
    if series.dates is not None and series.step is not None:
        step = f", one row every {series.step} by the dates in {series.dates.name}"
    inputs = f", with the inputs {', '.join(series.inputs)}" if series.inputs else ""
    validation_set = describe_validation_set(corpus, f"{corpus.valid_rows:,} rows")
    yield (
        f"training set: {corpus.train_rows:,} rows{_describe_series(corpus)}; {validation_set}{step}; "
        f"forecast of {', '.join(series.targets)}, {model.horizon} rows ahead{inputs}"
    )
    logarithms = ", of logarithms" if model.logarithm else ""
    yield (
        f"{_describe_encoder(model)}; differences from {_describe_reference(model)}{logarithms}; "
        f"dropout {model.dropout:g}"
    )
    yield describe_training(config.training, f"windows of {config.training.bptt_steps} rows")


def summary(metrics: dict[str, Any]) -> str:
    """Return the metrics on one line."""
    expected = metrics["coverage_expected"]
    interval = f"; {expected:.0%} prediction intervals, calibrated on these rows" if expected else ""
    return f"MAE {metrics['mae']:.6g}, {metrics['relative_mae']:.3f} of that of the better naive forecast{interval}"


def next_commands(run: str) -> str:
    """Return what a user may do next with a run."""
    return f"elman predict {run} history.csv   or   elman evaluate {run} series.csv --from DATE"


def measure_speed(predictor: ForecasterPredictor, corpus: ForecasterCorpus) -> str:
    """Return how many forecasts a second are made here."""
    rate = items_per_second(lambda: predictor.score(corpus.scored)["forecasts"])
    return f"{rate:,.0f} forecasts a second in a backtest, where it was trained"


def tables(metrics: dict[str, Any]) -> list[str]:
    """Return the errors of each target, and of each series, if there are several."""
    targets, series = metrics["targets"], metrics.get(SERIES, {})
    lines = [] if len(targets) < 2 else ["", *_table(translate("target", "words"), targets)]
    if series:
        shown = dict(list(series.items())[:MAX_SERIES])
        lines += ["", *_table(translate("series", "words"), shown)]
        if len(series) > len(shown):
            lines.append(translate(f"and {len(series) - len(shown):,} more series; --json has all of them"))
    return lines


def _table(heading: str, rows: dict[str, dict[str, float]]) -> list[str]:
    """Return a table of metrics, with a line for each of the rows."""
    names = [name for name in next(iter(rows.values())) if name != "count"]
    width = max(map(display_width, [heading, *rows])) + 2
    lines = [pad(heading, width) + "".join(pad(translate(name, "words"), 20, right=True) for name in names)]
    for row, errors in rows.items():
        lines.append(pad(row, width) + "".join(f"{errors[name]:>20,.4f}" for name in names))
    return lines


def model_card(predictor: ForecasterPredictor, valid: dict[str, Any], corpus: ForecasterCorpus, speed: str) -> str:
    """Return the text of the model folder's README.md."""
    config, scales = predictor.config, predictor.scales
    step = f", one row every {corpus.first.step}" if corpus.first.step is not None else ""
    quantiles = ", ".join(f"{q:g}" for q in config.quantiles)
    errors = "".join(
        f"| {table_cell(name)} | {target['mae']:.6g} | {target['mae_last_value']:.6g} | "
        f"{target['mae_seasonal_naive']:.6g} | {target['relative_mae']:.3f} | {target['mase']:.3f} | "
        f"{target['coverage']:.3f} |\n"
        for name, target in valid["targets"].items()
    )
    logarithms = ", as logarithms" * config.logarithm
    return card_of(
        title="Forecaster",
        summary=f"Forecasts the next {config.horizon} rows of a series.",
        rows=[
            ("history encoder", _describe_encoder(config)),
            ("targets", f"{', '.join(map(table_cell, scales.targets))}{logarithms}"),
            ("inputs", ", ".join(map(table_cell, scales.inputs)) or translate("none", "words")),
            ("outputs", f"differences from {_describe_reference(config)}; quantiles {quantiles}"),
            ("size", describe_size(predictor.num_parameters)),
            ("speed", speed),
            ("training set", f"{corpus.train_rows:,} rows{_describe_series(corpus)}{step}"),
            (
                scores_row(corpus),
                f"{valid['forecasts']:,} forecasts, one from each row: relative MAE {valid['relative_mae']:.4f}",
            ),
        ],
        tables=f"""
| target | MAE, {scored_set(corpus)} | last value | seasonal naive | relative MAE | MASE | coverage |
|---|---|---|---|---|---|---|
{errors}
Relative MAE is the MAE divided by that of the better naive forecast. Coverage is the share of values inside the
prediction interval; {valid["coverage_expected"]:.2f} is expected, and the intervals were calibrated on these rows.
""",
        sources=corpus.sources,
        commands=[
            "elman predict FOLDER history.csv",
            f"elman evaluate FOLDER series.csv --context {config.history_rows}",
        ],
        code=(
            "for name, forecast in model.predict(history).items():  # history: a DataFrame with the columns of "
            "training\n"
            "    print(name, forecast.median)"
            if scales.series
            else "print(model.predict(history).median)  # history: rows in order of time, the newest last"
        ),
        limits=(
            "It knows only these series, and continues each as it was before."
            if scales.series
            else "It knows only this series, and continues it as it was before."
        ),
    )


def _describe_series(corpus: ForecasterCorpus) -> str:
    """Return how many series there are, if the table has several."""
    return f" of {len(corpus.parts):,} series" if corpus.first.ids else ""


def _describe_encoder(config: ForecasterConfig) -> str:
    kind = config.cell if config.memory == "recurrent" else f"{config.delays} rows,"
    return f"{config.memory}: {kind} {config.num_layers} x {config.hidden_size}"


def _describe_reference(config: ForecasterConfig) -> str:
    return "the last value" if config.reference == "last" else f"the value one season ({config.season} rows) before"
