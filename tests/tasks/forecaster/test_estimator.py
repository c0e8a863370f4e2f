"""The forecaster as a Python class: histories in every form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elman
from elman.errors import ConfigError, DataError

T = np.arange(120)
VALUES = 100 + 30 * np.sin(2 * np.pi * T / 12) + T / 3 + np.random.default_rng(0).normal(size=120)
TINY: dict[str, Any] = {
    "hidden_size": 12,
    "horizon": 6,
    "season": 12,
    "steps": 150,
    "verbose": False,
    "config": {"training": {"batch_size": 4, "learning_rate": 0.01, "threads": 1}},
}


@pytest.fixture(scope="module")
def fitted() -> elman.Forecaster:
    model = elman.Forecaster(**TINY)
    model.fit(VALUES)
    return model


def test_it_learns_and_forecasts_with_intervals(fitted: elman.Forecaster, tmp_path: Path) -> None:
    found = fitted.predict(VALUES)
    assert found.median.shape == (6, 1)
    assert (np.diff(found.quantiles[:, 0]) > 0).all()
    told = fitted.evaluate(VALUES, 100)
    assert told["relative_mae"] < 0.8  # better than the naive forecasts
    assert told["forecasts"] == 120 - 100 - 6 + 1
    assert fitted.score(VALUES) == pytest.approx(1.0 - fitted.evaluate(VALUES)["relative_mae"])
    fitted.save(tmp_path / "model")
    np.testing.assert_array_equal(elman.load(tmp_path / "model").predict(VALUES).quantiles, found.quantiles)


def test_a_history_comes_in_every_form(tmp_path: Path) -> None:
    path = tmp_path / "values.csv"
    path.write_text("value\n" + "".join(f"{value}\n" for value in VALUES))
    found = []
    forms: list[Any] = [VALUES, VALUES.tolist(), VALUES[:, None], {"value": VALUES}, path, str(path)]
    for given in forms:
        model = elman.Forecaster(**{**TINY, "steps": 3})
        result = model.fit(given).result_
        assert set(result) == {"task", "steps", "seconds", "values_per_second", "best_step", "train", "valid"}
        found.append(model.predict(given).median)
        assert model.evaluate(given, 100)["count"] == 15 * 6
    for each in found[1:]:
        np.testing.assert_array_equal(each, found[0])


def test_targets_and_inputs_are_columns(tmp_path: Path) -> None:
    columns = {"sales": VALUES, "rain": np.cos(T), "shop": VALUES[::-1].copy()}
    model = elman.Forecaster(**{**TINY, "steps": 3, "targets": ["sales", "shop"], "inputs": ["rain"], "memory": "narx"})
    model.fit({name: columns[name][:100] for name in columns}, valid={name: columns[name][100:] for name in columns})
    assert model.predict(columns).targets == ("sales", "shop")
    assert model.predictor.scales.inputs == ("rain",)
    with pytest.raises(DataError, match=r"has 3 columns of numbers\. Name what to forecast with targets"):
        elman.Forecaster(**TINY).fit(columns)


def test_wrong_arguments_are_refused() -> None:
    model = elman.Forecaster(**TINY)
    with pytest.raises(ConfigError, match="not trained yet"):
        model.predict(VALUES)
    with pytest.raises(ConfigError, match=r"unknown parameter 'depth'\. Choose one of memory, cell"):
        model.set_params(depth=2)
    with pytest.raises(ConfigError, match=r"model\.memory"):
        elman.Forecaster(memory="long", **TINY).fit(VALUES)
    with pytest.raises(DataError, match="has 10 rows; expected at least 12 for a horizon of 6"):
        model.fit(VALUES[:10])


def test_parameters_are_those_of_the_constructor(tmp_path: Path) -> None:
    from sklearn.base import clone

    model = elman.Forecaster(**TINY)
    assert clone(model).get_params() == model.get_params()
    assert model.set_params(hidden_size=5, memory="tdnn") is model
    assert (model.hidden_size, model.get_params()["memory"]) == (5, "tdnn")
    assert model.fit(VALUES, steps=2, run=tmp_path / "run").result_["steps"] == 2
    assert (tmp_path / "run" / "model").is_dir()


def test_fit_predict_and_evaluate_read_a_file_with_the_same_encoding(tmp_path: Path) -> None:
    path = tmp_path / "values.csv"
    path.write_bytes(("verkäufe\n" + "".join(f"{value}\n" for value in VALUES)).encode("latin-1"))
    config = {**TINY["config"], "data": {"encoding": "latin-1"}}
    model = elman.Forecaster(**{**TINY, "steps": 3, "config": config})
    model.fit(path)
    assert model.predict(path).targets == ("verkäufe",)
    assert model.evaluate(path, 100)["count"] == 15 * 6
