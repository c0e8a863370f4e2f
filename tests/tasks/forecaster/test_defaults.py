"""The choices for a series: valid for all series and budgets, and never against the values given."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.errors import ConfigError
from elman.tasks.forecaster import defaults
from elman.tasks.forecaster.calendar import Step
from elman.tasks.forecaster.config import ForecasterRun
from elman.tasks.forecaster.corpus import ForecasterCorpus
from elman.tasks.forecaster.defaults import (
    changes_in_proportion,
    default_minutes,
    drifts,
    operations_per_row,
    resolve,
)
from elman.tasks.forecaster.network import ForecasterNetwork
from elman.tasks.forecaster.scales import Scales
from elman.tasks.forecaster.series import Dates, Series
from elman.tasks.forecaster.split import SplitSeries

exhaustive = settings(max_examples=100, deadline=None, derandomize=True, database=None)

BUDGETS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.floats(0.01, 1e5).map(lambda minutes: {"minutes": minutes}),
    st.floats(0.01, 1e4).map(lambda epochs: {"epochs": epochs}),
    st.integers(1, 10**7).map(lambda steps: {"steps": steps}),
)
ENCODERS = st.sampled_from(["recurrent", "tdnn", "narx"])
MONTH = Step("months", 1)


def series(rows: int, *, columns: int = 1, kind: str = "walk", step: Step | None = None) -> Series:
    rng, t = np.random.default_rng(0), np.arange(rows)
    kinds = {
        "walk": rng.normal(size=(columns, rows)).cumsum(1) + 5,
        "growth": np.exp(t / 60 + 0.3 * np.sin(2 * np.pi * t / 12) + 0.02 * rng.normal(size=(columns, rows))),
        "swing": 9 + np.sin(2 * np.pi * t / 12) + 0.05 * rng.normal(size=(columns, rows)),
    }
    dates = None
    if step is not None:
        dates = Dates("when", tuple(step.after(datetime(1950, 1, 1), n) for n in range(rows)), "%Y-%m", step)
    return Series(tuple(f"y{k}" for k in range(columns)), (), kinds[kind].T, dates)


def chosen(values: dict[str, Any], train: Series | None = None, flops: float = 1e11) -> ForecasterRun:
    """Return the config for a training set."""
    rows = train if train is not None else series(1000)
    return resolve(values, ForecasterCorpus(Path(), (), (SplitSeries(rows, len(rows)),)), flops)


@exhaustive
@given(st.integers(24, 20_000), st.integers(1, 3), ENCODERS, BUDGETS, st.floats(8, 14), st.booleans())
def test_whatever_the_series_and_the_budget_the_choices_are_valid(
    rows: int, columns: int, memory: str, budget: dict[str, Any], speed: float, monthly: bool
) -> None:
    train = series(rows, columns=columns, step=MONTH if monthly else None)
    config = chosen({"model": {"memory": memory}, "training": budget}, train, flops=10**speed)
    model, training = config.model, config.training
    assert model.memory == memory
    assert 16 <= model.hidden_size <= 128
    assert 1 <= model.delays <= rows // 4
    assert 2 <= config.training.bptt_steps <= rows
    assert 1e-4 < training.learning_rate < 1e-2
    assert [name for name in ("steps", "epochs", "minutes") if getattr(training, name)] == list(budget or ["minutes"])
    scales = Scales.measure([train], model)
    assert len(scales.spread) == model.horizon


def test_the_season_is_the_calendar_s_and_the_horizon_a_season() -> None:
    for step, season, horizon in ((MONTH, 12, 12), (Step("seconds", 3600), 24, 24), (None, 1, 12)):
        model = chosen({}, series(300, step=step)).model
        assert (model.season, model.horizon) == (season, horizon)
    given_model = chosen({"model": {"season": 6, "horizon": 3}}, series(300, step=MONTH)).model
    assert (given_model.season, given_model.horizon) == (6, 3)


def test_the_reference_is_the_better_naive_forecast_and_growth_is_by_logarithms() -> None:
    growth, swing, walk = (chosen({}, series(240, kind=kind, step=MONTH)).model for kind in ("growth", "swing", "walk"))
    assert (growth.logarithm, growth.reference) == (True, "season")
    assert (swing.logarithm, swing.reference) == (False, "season")
    assert (walk.logarithm, walk.reference) == (False, "last")
    given_model = chosen(
        {"model": {"logarithm": False, "reference": "last"}}, series(240, kind="growth", step=MONTH)
    ).model
    assert (given_model.logarithm, given_model.reference) == (False, "last")


def test_the_levels_of_a_drifting_series_are_not_features() -> None:
    growth, swing = (chosen({}, series(240, kind=kind, step=MONTH)).model for kind in ("growth", "swing"))
    assert (growth.levels, swing.levels) == (False, True)
    assert chosen({"model": {"levels": True}}, series(240, kind="growth", step=MONTH)).model.levels
    t = np.arange(100.0)[:, None]
    assert drifts(t)
    assert not drifts(np.sin(t))
    assert drifts(np.concatenate([np.sin(t), t], 1))


def test_series_that_change_in_proportion_to_their_level() -> None:
    assert changes_in_proportion(series(240, kind="growth").values, 12)
    assert not changes_in_proportion(series(240, kind="swing").values, 12)
    assert not changes_in_proportion(np.ones((30, 1)), 1)


def test_more_of_the_same_budget_never_chooses_a_smaller_model() -> None:
    train, budgets = series(20_000), (0.001, 0.01, 0.1, 1.0, 10.0, 100.0)
    sizes = [chosen({"training": {"minutes": minutes}}, train).model.hidden_size for minutes in budgets]
    assert sizes == sorted(sizes)
    assert sizes[0] == 16 < sizes[-1] <= 128


def test_given_values_are_used() -> None:
    values = {"model": {"hidden_size": 7, "delays": 9}, "training": {"batch_size": 3, "bptt_steps": 50, "epochs": 2.0}}
    config = chosen(values)
    assert (config.model.hidden_size, config.model.delays, config.training.batch_size, config.training.bptt_steps) == (
        7,
        9,
        3,
        50,
    )
    assert chosen({"training": {"optimizer": "sgd"}}).training.learning_rate == 0.1
    assert [default_minutes(rows) for rows in (100, 10_000, 10**6)] == [0.5, 1.0, 5.0]


@pytest.mark.parametrize(
    "more", [{}, {"num_layers": 3}, {"cell": "gru"}, {"memory": "tdnn", "num_layers": 2}, {"memory": "tdnn"}]
)
def test_the_operations_are_those_of_the_network_s_weights(more: dict[str, Any]) -> None:
    train = series(300, step=MONTH)
    model = chosen({"model": more}, train).model
    network = ForecasterNetwork(model, Scales.measure([train], model))
    weights = sum(p.numel() for name, p in network.named_parameters() if p.dim() > 1)
    assert operations_per_row(model.model_dump(exclude_none=True), 1) == pytest.approx(6 * weights)
    assert operations_per_row({"num_layers": "two", "hidden_size": -1, "cell": 3}, 1) > 0.0


def test_a_closed_loop_costs_its_rows_ahead() -> None:
    train = series(300, step=MONTH)
    model = chosen({"model": {"memory": "narx"}}, train).model
    network = ForecasterNetwork(model, Scales.measure([train], model))
    weights = sum(p.numel() for name, p in network.named_parameters() if name.endswith("weight"))
    assert operations_per_row(model.model_dump(exclude_none=True), 1) == pytest.approx(6 * 12 * weights)


def test_a_season_needs_two_of_it_and_a_long_one_is_not_the_horizon() -> None:
    assert chosen({}, series(23, step=MONTH)).model.season == 1
    assert chosen({}, series(24, step=MONTH)).model.season == 12
    model = chosen({}, series(4000, step=Step("seconds", 60))).model
    assert (model.season, model.horizon) == (1440, 12)


def test_no_logarithm_if_a_value_has_none() -> None:
    growth = series(240, kind="growth", step=MONTH)
    below = series(300, kind="growth", step=MONTH)
    below.values[280] = -1.0  # in the validation set
    assert chosen({}, growth).model.logarithm
    assert not resolve({}, ForecasterCorpus(Path(), (), (SplitSeries(below, 240),))).model.logarithm
    assert chosen({"model": {"logarithm": True}}, series(240, kind="swing")).model.logarithm


def test_wrong_seasons_and_horizons_are_refused_and_numbers_of_any_type_are_accepted() -> None:
    for wrong in ({"season": "monthly"}, {"horizon": "soon"}, {"season": 1.5}, {"horizon": 0}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            chosen({"model": wrong}, series(240, step=MONTH))
    for right in ({"season": np.int64(6), "horizon": 3}, {"season": 6, "horizon": 3.0}):
        model = chosen({"model": right}, series(240, kind="swing", step=MONTH)).model
        assert (model.season, model.horizon) == (6, 3)
    assert resolve({"model": {"reference": "season"}}).model.reference == "season"
    assert chosen({"model": {"reference": "season"}}, series(240, step=MONTH)).model.season == 12


def test_mistakes_are_reported_together() -> None:
    with pytest.raises(ConfigError) as raised:
        resolve({"model": {"memory": "long", "hidden_size": 0}, "data": {"inputs": 3}})
    assert len(raised.value.message.splitlines()) == 3
    with pytest.raises(ConfigError, match="quantiles: given"):
        resolve({"model": {"quantiles": [0.1, 0.9]}})


def test_a_season_of_too_many_numbers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(defaults, "MAX_SEASON_NUMBERS", 100)
    values = {"model": {"season": 101}}
    with pytest.raises(ConfigError, match=r"model\.season: given 101; expected at most 100\. Average the rows"):
        chosen(values, series(240, kind="swing"))
