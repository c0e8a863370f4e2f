"""Export to ONNX: graphs built from the weights of a model folder, without torch, and compared with the predictor.

    graph.py           the builder: values, nodes, loops
    recurrent.py       recurrent layers by ONNX's nodes; cells.py: one step of the cells that ONNX does not have
    token_inputs.py, pooling.py, crf.py, history_encoders.py       the other parts of models
    language_model.py, classifier.py, tagger.py, seq2seq.py, forecaster.py      the graphs of each task, and its cases
    exported.py        what an export consists of: names, metadata, cases
    verification.py    the comparison with the predictor by onnxruntime

Batch, time and lengths have any size. docs/en/export.md describes the inputs and outputs of every task.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from elman.checkpoint import check_output_file
from elman.errors import ConfigError, ElmanError
from elman.export.result import ExportResult, replace_files
from elman.models.folder import FolderPredictor

from .classifier import export_classifier
from .exported import Export
from .forecaster import export_forecaster
from .graph import IR_VERSION, OPSET
from .language_model import export_language_model
from .seq2seq import export_seq2seq
from .tagger import export_tagger
from .verification import Verification, verify

PACKAGES = ("onnx", "onnxruntime")
INSTALLATION = 'pip install "elman[onnx]"'
TASKS: dict[str, Callable[[Any], Export]] = {
    "lm": export_language_model,
    "classify": export_classifier,
    "tag": export_tagger,
    "seq2seq": export_seq2seq,
    "forecast": export_forecaster,
}


def write_onnx(predictor: FolderPredictor, path: Path) -> ExportResult:
    """Write the graphs of a predictor: to the path, or for an encoder-decoder to two files with a suffix in the name.

    A difference to the predictor is an ElmanError, and nothing is written then.
    """
    _require_packages()
    if predictor.task not in TASKS:
        problem = f"the model is one of task {predictor.task!r}; expected one of {', '.join(TASKS)}"
        raise ConfigError(problem, hint="Its graph is not known")
    if not all(array.dtype == np.float32 for array in predictor.tensors.values()):
        raise ConfigError("the model has quantized weights; expected float32", hint="Export the model it was made from")
    export = TASKS[predictor.task](predictor)
    paths = {suffix: path.with_suffix(f".{suffix}.onnx") if suffix else path for suffix in export.graphs}
    for file in paths.values():
        check_output_file(file, "FILE")
    contents = export.contents()
    verification = verify(export, contents)
    sizes = replace_files({paths[suffix]: content for suffix, content in contents.items()})
    return ExportResult(
        format="onnx",
        task=predictor.task,
        files=sizes,
        fingerprint=predictor.fingerprint,
        details={"opset": OPSET, "ir_version": IR_VERSION, "verification": verification.as_json()},
        summary=_summary(verification),
    )


def _summary(result: Verification) -> str:
    """Describe a comparison for people."""
    pairs, numbers, largest = result.pairs, f"{result.numbers:,}", f"{result.largest_difference:.1e}"
    if result.rounding is None:
        return (
            f"Compared with the model in {pairs} batches by onnxruntime: {numbers} numbers differ by {largest} at most"
        )
    return (
        f"Compared with the model in {pairs} batches by onnxruntime: {numbers} numbers differ by {largest} at most, "
        f"where rounding alone changes the model by {result.rounding:.1e}"
    )


def _require_packages() -> None:
    for package in PACKAGES:
        try:
            importlib.import_module(package)
        except ModuleNotFoundError:
            problem = f"an export to ONNX needs {package}, which is not installed"
            raise ElmanError(problem, hint=f"Install it: {INSTALLATION}") from None


__all__ = ["Export", "write_onnx"]
