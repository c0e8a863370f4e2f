"""The weights of a trained model as one .safetensors file in the names of torch.nn: those of `to_torch().state_dict()`.

The metadata has the key `elman`, a JSON object with task, cell, activation, config and the vocabularies, so the file
holds all that a program of one's own needs. The file of a language model is a weights file, which `elman import` reads.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from elman.checkpoint.serialization import parse_tensors
from elman.errors import ElmanError
from elman.export.result import ExportResult, replace_files
from elman.models.folder import FolderPredictor

from .weights import METADATA


def write_model_weights(predictor: FolderPredictor, path: Path) -> ExportResult:
    """Write the weights of a model to a .safetensors file, after they are read again and compared with the model's."""
    from safetensors.numpy import save

    config = predictor.configs()["model"].model_dump(mode="json")
    tensors = {name: np.ascontiguousarray(tensor, np.float32) for name, tensor in predictor.tensors.items()}
    if config.get("tie_weights"):
        tensors["readout.weight"] = tensors["embedding.weight"].copy()
    metadata = {
        "task": predictor.task,
        "cell": config.get("cell"),
        "activation": config.get("activation", "tanh"),
        "config": {name: part.model_dump(mode="json") for name, part in predictor.configs().items()},
        "vocabularies": {name: list(tokens) for name, tokens in predictor.vocabularies().items()},
    }
    content = save(tensors, {METADATA: json.dumps(metadata, sort_keys=True)})
    again = {name: array for name, array in parse_tensors(content, path).items() if name in predictor.tensors}
    if predictor.with_tensors(again).fingerprint != predictor.fingerprint:
        raise ElmanError("the weights that were read again differ from those of the model", where=str(path))
    return ExportResult(
        format="safetensors",
        task=predictor.task,
        files=replace_files({path: content}),
        fingerprint=predictor.fingerprint,
        details={"tensors": sorted(tensors)},
        summary=f"{len(tensors)} tensors, read again and equal to the model's",
    )
