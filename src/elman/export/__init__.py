"""Export: a trained model as a file for another program. The ending of the file decides which one.

    result = elman.export.export("runs/book", "book.onnx")     a run folder, a model folder, or what elman.load returns
    print(result.files)

A format is one entry of EXPORTERS: a file ending, and a function that writes a predictor to such a file. The exporter
of ONNX compares what it writes with the predictor first, and writes nothing that differs. That of C can write a program
that compares them on the machine where the model will run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from elman.errors import ConfigError
from elman.models.folder import FolderPredictor
from elman.tasks.loading import load

from .result import ExportOptions, ExportResult


def _write_onnx(predictor: FolderPredictor, path: Path, options: ExportOptions) -> ExportResult:
    from .onnx import write_onnx

    options.refuse_all()
    _require_float32(predictor)
    return write_onnx(predictor, path)


def _write_safetensors(predictor: FolderPredictor, path: Path, options: ExportOptions) -> ExportResult:
    from .weights.model_weights import write_model_weights

    options.refuse_all()
    _require_float32(predictor)
    return write_model_weights(predictor, path)


def _write_c(predictor: FolderPredictor, path: Path, options: ExportOptions) -> ExportResult:
    from .c import export_c

    return export_c(predictor, path, **dataclasses.asdict(options))


Exporter = Callable[[FolderPredictor, Path, ExportOptions], ExportResult]
EXPORTERS: dict[str, Exporter] = {".onnx": _write_onnx, ".c": _write_c, ".safetensors": _write_safetensors}


def export(
    model: Any,
    file: str | Path,
    *,
    max_length: int | None = None,
    max_bytes: int | None = None,
    self_test: bool = False,
) -> ExportResult:
    """Write a model to a file of another format, which replaces one of its name.

    model is a run folder, a model folder, what elman.load returns, or a trained estimator. An unknown ending, a model
    that the format cannot represent, and a file that cannot be written are errors before anything is written.

    For C: max_length is the largest number of tokens of whole sequences, max_bytes the largest size of the weights;
    with self_test, a program is written, too, that compares the file with the model.
    """
    options = ExportOptions(max_length, max_bytes, self_test)
    path = Path(file)
    exporter = EXPORTERS.get(path.suffix.lower())
    if exporter is None:
        ending = f"the ending {path.suffix!r}" if path.suffix else "no ending"
        hint = f"Name the file like {path.stem or 'model'}{next(iter(EXPORTERS))}"
        raise ConfigError(f"FILE: given {ending}; expected one of {', '.join(EXPORTERS)}", hint=hint, where=str(path))
    return exporter(_predictor_of(model), path, options)


def _require_float32(predictor: FolderPredictor) -> None:
    """Raise a ConfigError for a quantized model."""
    if predictor.weights_type != "float32":
        problem = f"the weights of the model are {predictor.weights_type}; expected float32"
        raise ConfigError(problem, hint="Export the model before it is quantized")


def _predictor_of(model: Any) -> FolderPredictor:
    if isinstance(model, str | Path):
        model = load(model)
    if hasattr(type(model), "_trained"):  # an estimator, which says so if it is not trained yet
        model = model._trained
    if not isinstance(model, FolderPredictor):
        hint = "Export the models of an ensemble one by one"
        raise ConfigError(f"model: given {type(model).__name__}; expected a trained model", hint=hint)
    return model


__all__ = ["EXPORTERS", "ExportOptions", "ExportResult", "Exporter", "export"]
