"""Training a forecaster: one loss, whatever the windows, which is the loss of the predictor too."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from elman.errors import DataError
from elman.tasks.forecaster.batches import futures, references
from elman.tasks.forecaster.config import ForecasterConfig
from elman.tasks.forecaster.corpus import ForecasterCorpus
from elman.tasks.forecaster.network import Windows
from elman.tasks.forecaster.training import ForecasterTask, quantile_loss

from .models import ARCHITECTURES, predictor_of, prepared, run_of, series_of, tiny_config, tiny_network

every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)
RNG = torch.Generator()
TRAIN = 40


@pytest.fixture
def corpus(tmp_path: Path) -> ForecasterCorpus:
    return prepared(tmp_path / "data", series_of(), valid_fraction=1 / 3, horizon=4)


def make_task(corpus: ForecasterCorpus, model: ForecasterConfig, **run: int) -> ForecasterTask:
    return ForecasterTask(run_of(model, **run), corpus)


def task_of(corpus: ForecasterCorpus, architecture: str = "lstm", window: int = 12, **model: Any) -> ForecasterTask:
    return make_task(corpus, tiny_config(architecture, **model), window=window)


def whole(corpus: ForecasterCorpus, architecture: str, **model: Any) -> tuple[ForecasterTask, Windows]:
    """The task whose one window is all of the training part."""
    task = task_of(corpus, architecture, window=TRAIN, **model)
    batch, _ = next(task.batches(task.start()))
    return task, batch


@every_architecture
def test_the_loss_of_the_predictor_is_the_loss_in_training(architecture: str, corpus: ForecasterCorpus) -> None:
    assert corpus.train_rows == TRAIN
    task, batch = whole(corpus, architecture)
    network = tiny_network(architecture)
    with torch.no_grad():
        loss, count, _ = task.loss(network, batch, None, 0.0, RNG)
        o = network(batch, RNG)[0, :, :, :, :].numpy()
    predictor = predictor_of(network)
    series = corpus.first.rows(0, TRAIN)
    _, found = predictor._outputs(series, slice(None))
    np.testing.assert_allclose(o, found, rtol=0, atol=2e-4 if architecture.startswith("narx") else 2e-5)
    H = network.config.horizon
    warm = max(network.config.delays, network.config.history_rows - 1)
    with torch.no_grad():
        reach = batch.r[:, warm : TRAIN - H]  # as far as every forecast reaches its horizon
        inside, counted, _ = quantile_loss(
            torch.from_numpy(o)[None, warm : TRAIN - H], reach, network.config, task.scales
        )
    assert counted < count
    expected = predictor.evaluate(series, warm + 1)["loss"]
    assert float(inside) / counted == pytest.approx(expected, abs=1e-5)
    assert math.isfinite(float(loss))


@every_architecture
def test_the_expected_output_gives_the_actual_value(architecture: str, corpus: ForecasterCorpus) -> None:
    """A forecast whose output is r is the actual value."""
    task, batch = whole(corpus, architecture)
    predictor = predictor_of(tiny_network(architecture))
    series = corpus.first.rows(0, TRAIN)
    actual = futures(series.values, 4)[:, :, :2]
    r = batch.r[0].numpy().astype(np.float64)
    np.testing.assert_array_equal(np.isnan(r), np.isnan(actual))
    z, _ = predictor._outputs(series, slice(None))
    config = predictor.config
    forecast = predictor._values(r[..., None], references(z, 2, 4, config.lag))[..., 0]
    np.testing.assert_allclose(forecast, actual, rtol=1e-5)
    assert task.scales == predictor.scales


@every_architecture
def test_a_window_gives_what_the_whole_series_gives(architecture: str, corpus: ForecasterCorpus) -> None:
    """Delays use rows before the window; a recurrent state starts at the first row of the window."""
    task, everything = whole(corpus, architecture)
    network = tiny_network(architecture)
    small = task_of(corpus, architecture)
    batch = small._windows(np.array([0, 7, 20]))
    with torch.no_grad():
        all_rows, found = network(everything, RNG)[0], network(batch, RNG)
    np.testing.assert_array_equal(batch.r[1].numpy(), everything.r[0, 7:19].numpy())
    torch.testing.assert_close(found[0], all_rows[:12], rtol=0, atol=1e-4)
    if network.config.memory != "recurrent":
        torch.testing.assert_close(found[1], all_rows[7:19], rtol=0, atol=1e-4)
        torch.testing.assert_close(found[2], all_rows[20:32], rtol=0, atol=1e-4)
    assert task.batches_per_epoch == 1


@every_architecture
def test_one_window_is_overfitted(architecture: str, corpus: ForecasterCorpus) -> None:
    task = task_of(corpus, architecture, window=16)
    config = tiny_config(architecture, hidden_size=24, num_layers=1)
    task = make_task(corpus, config, window=16, batch_size=1)
    network = tiny_network(architecture, hidden_size=24, num_layers=1).train()
    batch, _ = next(task.batches(task.start()))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    losses = []
    for _ in range(400):
        optimizer.zero_grad()
        loss, count, _ = task.loss(network, batch, None, 0.0, RNG)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()) / count)
        if losses[-1] < 0.2 * losses[0]:  # no need to go on
            break
    assert losses[-1] < 0.3 * losses[0]


@pytest.mark.parametrize("architecture", ["lstm", "tdnn", "narx"])
def test_gradients_are_those_of_finite_differences(architecture: str, corpus: ForecasterCorpus) -> None:
    task, batch = whole(corpus, architecture)
    network = tiny_network(architecture).double()
    task.loss(network, batch, None, 0.0, RNG)[0].backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        place = int(parameter.grad.abs().argmax())
        flat, step = parameter.data.view(-1), 1e-7
        before = float(flat[place])
        with torch.no_grad():
            flat[place] = before + step
            above = float(task.loss(network, batch, None, 0.0, RNG)[0])
            flat[place] = before - step
            below = float(task.loss(network, batch, None, 0.0, RNG)[0])
            flat[place] = before
        expected = float(parameter.grad.view(-1)[place])
        assert (above - below) / (2 * step) == pytest.approx(expected, rel=1e-4, abs=1e-6), name


def test_the_quantile_loss_is_smallest_at_the_quantiles(corpus: ForecasterCorpus) -> None:
    config = tiny_config(horizon=1)
    task = make_task(corpus, config)
    drawn = torch.randn(20_001, 1, 2, generator=torch.Generator().manual_seed(0))
    exact = torch.quantile(drawn, torch.tensor(config.quantiles), dim=0).permute(1, 2, 0)
    best, count, _ = quantile_loss(exact.expand(len(drawn), 1, 2, 3), drawn, config, task.scales)
    assert count == drawn.numel()
    for q in range(3):
        for shift in (-0.05, 0.05):
            moved = exact.clone()
            moved[..., q] += shift
            assert quantile_loss(moved.expand(len(drawn), 1, 2, 3), drawn, config, task.scales)[0] > best


def test_missing_values_do_not_count(corpus: ForecasterCorpus) -> None:
    task, batch = whole(corpus, "tdnn")
    network = tiny_network("tdnn")
    known = int((~torch.isnan(batch.r[:, network.config.delays :])).sum())
    with torch.no_grad():
        _, count, _ = task.loss(network, batch, None, 0.0, RNG)
        all_missing = batch._replace(r=torch.full_like(batch.r, torch.nan))
        nothing, none, _ = task.loss(network, all_missing, None, 0.0, RNG)
    assert count == known < batch.r[:, network.config.delays :].numel()
    assert (float(nothing), none) == (0.0, 0)


def test_windows_without_values_are_left_out(tmp_path: Path) -> None:
    series = series_of(200, missing=False)
    series.values[40:120, :2] = np.nan
    corpus = prepared(tmp_path / "data", series, valid_fraction=0.2, horizon=4)
    task = make_task(corpus, tiny_config("tdnn"), batch_size=1)
    network = task.build()
    stream = task.batches(task.start())
    counts = [task.loss(network, next(stream)[0], None, 0.0, RNG)[1] for _ in range(3 * task.batches_per_epoch)]
    assert min(counts) > 0
    short = series_of(30, missing=False)
    few = prepared(tmp_path / "few", short, valid_fraction=0.2, horizon=4)
    few.first.values[5:24, :2] = np.nan
    with pytest.raises(DataError, match="has no target value after the rows that warm up the history encoder"):
        make_task(few, tiny_config("tdnn", delays=20), window=24, batch_size=1)


def test_batches_resume_and_validation_uses_the_predictor(corpus: ForecasterCorpus) -> None:
    task = task_of(corpus)
    batches = list(zip(task.batches(task.start()), range(9), strict=False))
    ((_, position), _), ((expected, _), _) = batches[4], batches[5]
    resumed, _ = next(task.batches(position))
    for given, wanted in zip(resumed, expected, strict=True):
        torch.testing.assert_close(given, wanted, rtol=0, atol=0, equal_nan=True)
    network = task.build()
    predictor = task.predictor(network)
    metrics = task.validate(network, predictor)
    again = predictor.calibrated(corpus.scored)  # calibrated on the same rows, nothing changes
    assert predictor.scales.calibration == again.scales.calibration != ()
    measured = predictor.evaluate(corpus.first, corpus.train_rows)
    assert metrics == {name: measured[name] for name in ("loss", "mae", "relative_mae", "mase")}
    shown = (task.preview(predictor) or "").splitlines()
    assert len(shown) == 2
    first = predictor.predict(corpus.first.rows(0, TRAIN)).median[0, 0]
    assert shown[0].startswith(f"a → {first:.6g}, ")
    assert shown[1].split()[1] == f"{corpus.first.values[TRAIN, 0]:.6g},"


def test_training_begins_with_the_naive_forecast(corpus: ForecasterCorpus) -> None:
    for architecture in ARCHITECTURES:
        task = task_of(corpus, architecture)
        metrics = task.predictor(task.build()).evaluate(corpus.first, corpus.train_rows)
        naive = {"last": "mae_last_value", "season": "mae_seasonal_naive"}[task._model.reference]
        assert metrics["mae"] == pytest.approx(metrics[naive], rel=0.25), architecture


def test_the_same_seed_gives_the_same_weights(corpus: ForecasterCorpus) -> None:
    one, same, other = (make_task(corpus, tiny_config(), seed=seed).build().readout.weight for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
