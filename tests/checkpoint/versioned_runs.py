"""Run folders with versions, without training: the files of each version are those of its number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from elman.checkpoint import ModelFolder, ModelInfo, RunFolder, read_model, versions, write_model
from elman.tasks.language_model.config import LanguageModelConfig, LanguageModelTextConfig
from elman.tasks.language_model.predictor import LanguageModelPredictor
from elman.text import Vocabulary

TOKENS = ["<unk>", "a", "b", "\n"]


def predictor_of(number: int) -> LanguageModelPredictor:
    """Return a language model whose weights all have the number of its version."""
    config = LanguageModelConfig(cell="gru", hidden_size=(2,), embedding_size=2, num_layers=1)
    V, E, H = len(TOKENS), 2, 2
    shapes = {
        "embedding.weight": (V, E),
        "layers.0.weight_ih_l0": (3 * H, E),
        "layers.0.weight_hh_l0": (3 * H, H),
        "layers.0.bias_ih_l0": (3 * H,),
        "layers.0.bias_hh_l0": (3 * H,),
        "readout.weight": (V, H),
        "readout.bias": (V,),
    }
    tensors = {name: np.full(shape, number / 8, np.float32) for name, shape in shapes.items()}
    predictor = LanguageModelPredictor(
        config, LanguageModelTextConfig(), Vocabulary(TOKENS), tensors, f"# version {number}\n"
    )
    predictor.info = ModelInfo(name="run", version=number, date="2026-12-01T13:30:00Z", metrics={"loss": 1.0 / number})
    return predictor


def fill(run: RunFolder, number: int) -> None:
    """Write what a training leaves."""
    (run / "config.toml").write_text(f'task = "lm"\nseed = {number}\n')
    (run / "data").mkdir()
    (run / "data" / "corpus.json").write_text(f"{number}\n")
    (run / "metrics.jsonl").write_text(f'{{"step": {number}}}\n')
    run.save_checkpoint(number, {"w": np.full(3, number, np.float32)}, {"step": number}, best=True)
    predictor_of(number).save(run / "model")


def first_run(path: Path) -> Path:
    """Create a run that was never replaced."""
    run = RunFolder.create(path, {"task": "lm", "version": 1})
    fill(run, 1)
    run.unlock()
    return path


def add_version(path: Path) -> int:
    """Train the next version, whose outcome is still open."""
    number, folder = versions.new_version(path)
    run = RunFolder.create(folder, {"task": "lm", "version": number}, address=path)
    fill(run, number)
    run.unlock()
    return number


def versioned_run(path: Path, count: int) -> Path:
    """Create a run with versions, each of which has replaced the one before it."""
    first_run(path)
    for _ in range(count - 1):
        versions.make_current(path, add_version(path), {"accepted": True})
    return path


def number_of(folder: Path) -> int:
    """Return the version whose model is in a model folder; all of its parts must be of one version."""
    model: ModelFolder = read_model(folder)
    number = int(model.config["info"]["version"])
    assert {float(tensor.flat[0]) * 8 for tensor in model.tensors.values()} == {number}
    assert model.card == f"# version {number}\n"
    return number


def assert_one_version(run: Path, number: int) -> None:
    """Assert that all files of a run folder are those of one version."""
    assert number_of(run / "model") == number
    assert (run / "data" / "corpus.json").read_text() == f"{number}\n"
    assert (run / "metrics.jsonl").read_text() == f'{{"step": {number}}}\n'
    folder = RunFolder(run)
    name = folder.read_pointer("last")
    assert name is not None
    tensors, state = folder.load_checkpoint(name)
    assert (state, tensors["w"].tolist()) == ({"step": number}, [number] * 3)
    assert (run / "config.toml").read_text() == f'task = "lm"\nseed = {number}\n'


def save_plain(path: Path, number: int, **options: Any) -> None:
    """Write a model folder that is in no run."""
    write_model(path, predictor_of(number)._content(), **options)
