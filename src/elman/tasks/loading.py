"""Loading: from a run folder, a model folder or an address of the hub to a predictor, and what else a run folder holds.

A run folder with versions stands for its current version (checkpoint/versions.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from elman.checkpoint import (
    CONFIG_FILE,
    ModelInfo,
    current_model,
    current_run,
    is_folder,
    is_run_folder,
    read_model,
    read_regular_file,
)
from elman.checkpoint.hub import download_model, is_hub_address
from elman.checkpoint.serialization import shown
from elman.config import Values, get_table, parse_toml
from elman.errors import ConfigError, ModelError
from elman.shell import quote

from .spec import AnyTask, Scored, spec_of

MAX_CONFIG_BYTES = 1 << 20  # of config.toml


def load(path: str | Path) -> Any:
    """Return the predictor of a model folder, or of the current version of a run folder. Needs no torch.

    hf://USER/MODEL or hf://USER/MODEL@REVISION is a model folder on the Hugging Face hub (checkpoint/hub.py).
    """
    if is_hub_address(path):
        return _read(download_model(path))
    folder = Path(path)
    while True:
        version = current_run(current_model(folder))
        try:
            return _read(_model_in(version))
        except ModelError:
            if version == current_run(current_model(folder)):
                raise  # otherwise, another version was made current, and the files of this one may be deleted


def model_folder(path: str | Path) -> Path:
    """Return the model folder of a path: that folder, or that of a run folder, or one from the hub."""
    return download_model(path) if is_hub_address(path) else _model_in(current_run(current_model(Path(path))))


def _model_in(folder: Path) -> Path:
    """Return the model folder of a run folder; a model folder as it is."""
    if not is_folder(folder):
        problem = "the path is a file; expected a folder" if folder.exists() else "no such folder"
        raise ModelError(problem, hint="Give a run folder or a model folder", where=str(folder))
    if is_run_folder(folder):
        if not is_folder(folder / "model"):
            hint = f"Wait for its first validation, or continue with `elman resume {quote(folder)}`"
            raise ModelError("the run has no model yet", hint=hint, where=str(folder))
        folder = folder / "model"
    return folder


def _read(folder: Path) -> Any:
    model = read_model(folder)
    predictor = spec_of(model.config.get("task"), folder / "config.json").load(model, folder)
    predictor.info = ModelInfo.of_config(model.config, folder / "config.json")
    if model.fingerprint is not None:
        predictor.fingerprint = model.fingerprint  # else it would be computed from the weights, written once more
    return predictor


def read_run_config(run: Path) -> Values:
    """Return the values of config.toml of a run folder, or of its current version; a damaged file is a ModelError."""
    run = current_run(run)
    try:
        return parse_toml(read_regular_file(run, CONFIG_FILE, max_bytes=MAX_CONFIG_BYTES), run / CONFIG_FILE)
    except ConfigError as error:
        raise ModelError(shown(error.message), hint="Train again with --overwrite", where=error.where) from None


def reader_values(spec: AnyTask, scored: Scored) -> Values:
    """Return the reader options that a model was trained with: those of its run folder, and those that it sets itself.

    A model folder alone knows only the latter.
    """
    data: Values = {}
    if is_run_folder(scored.run):
        data = get_table(read_run_config(scored.run), "data")
    of_run = {name: value for name, value in data.items() if name in spec.reader_config.model_fields}
    return {**of_run, **spec.reader_defaults(scored.predictor)}


def validation_corpus(run: Path, spec: AnyTask) -> Any:
    """Return the corpus of a run folder; a model folder, which has none, is a ConfigError."""
    if not is_run_folder(run):
        hint = f"Give data: elman evaluate {quote(run)} FILE"
        raise ConfigError(
            "the folder is a model folder, which has no validation set; expected a run folder",
            hint=hint,
            where=str(run),
        )
    return spec.open_corpus(current_run(run) / "data")
