"""From a file of another library to a weights file or a model folder: read, compare, write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elman.checkpoint import check_output_file
from elman.errors import ConfigError, ModelError

from .examples import compare_with_examples
from .options import ImportOptions
from .parity import Parity, compare, outputs_of
from .source import Source
from .weights import METADATA, write_weights


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What was imported, and how far it is from the library of the file."""

    out: Path
    task: str | None  # None: a weights file
    source: Source
    parity: Parity
    notes: tuple[str, ...]
    examples: int | None = None  # outputs of --examples that were compared

    def as_json(self) -> dict[str, Any]:
        """Return the object of `elman import --json`."""
        weights = self.source.weights
        return {
            "out": str(self.out),
            "task": self.task,
            "source": self.source.kind,
            "cell": weights.cell,
            "input_size": weights.input_size,
            "hidden_size": list(weights.hidden_sizes),
            "bidirectional": weights.is_bidirectional,
            "mapping": [{"ours": m.ours, "theirs": m.theirs, "change": m.change} for m in self.source.mapping],
            "ignored": list(self.source.ignored),
            "notes": list(self.notes),
            "examples": self.examples,
            "parity": self.parity.as_json(),
        }


def import_file(path: str | Path, out: str | Path, options: ImportOptions | None = None) -> ImportResult:
    """Import a file, and write a weights file (OUT.safetensors) or a model folder.

    The result is compared with the library of the file first: if it differs, a ModelError is raised and nothing is
    written.
    """
    file, target, options = Path(path), Path(out), options or ImportOptions()
    is_weights_file = target.suffix.lower() == ".safetensors"
    if is_weights_file:
        check_output_file(target, "--out")
    source = read_source(file, options)
    where = str(file)
    if is_weights_file:
        if options.vocabulary or options.labels:
            problem = "--vocabulary and --labels: given for a weights file; expected a model folder"
            raise ConfigError(problem, hint="Give -o a name without .safetensors")
        parity = compare(source.weights, outputs_of(source.weights, source.reference), source.reference, where)
        compared = compare_with_examples(source, options.examples)
        write_weights(target, source.weights)
        return ImportResult(target, None, source, parity, source.notes, compared)
    from .model_folders import build_model

    model = build_model(source, options, file)
    parity = model.compare(where)
    compared = compare_with_examples(source, options.examples)
    model.save(target, parity)
    return ImportResult(target, options.task, source, parity, (*source.notes, *model.notes), compared)


def read_source(path: Path, options: ImportOptions) -> Source:
    """Return what a file holds, by the reader of its ending."""
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        endings = ", ".join(READERS)
        raise ConfigError(f"the file ends with {path.suffix!r}; expected one of {endings}", where=str(path))
    if not path.is_file():
        raise ModelError("no such file", hint="Check the path", where=str(path))
    return reader(path, options)


def _read_safetensors(path: Path, options: ImportOptions) -> Source:
    from .state_dicts import read_state_dict
    from .tensor_files import read_safetensors
    from .weights_files import source_of_weights_file

    tensors, metadata = read_safetensors(path)
    if METADATA in metadata and not options.renamed:
        _require_no_state_dict_options(options, "with a cell in its metadata")
        source = source_of_weights_file(tensors, metadata, path)
        if options.cell not in (None, source.weights.cell):
            problem = f"--cell {options.cell}: the layers of the file are those of {source.weights.cell}"
            raise ConfigError(problem, where=str(path))
        return source
    return read_state_dict(tensors, str(path), **_state_dict_options(options))


def _read_torch_file(path: Path, options: ImportOptions) -> Source:
    from .state_dicts import read_state_dict
    from .tensor_files import read_torch_file

    return read_state_dict(read_torch_file(path), str(path), **_state_dict_options(options))


def _state_dict_options(options: ImportOptions) -> dict[str, Any]:
    return {
        "cell": options.cell,
        "activation": options.activation,
        "renamed": options.renamed,
        "prefixes": options.layers,
    }


def _read_onnx(path: Path, options: ImportOptions) -> Source:
    from .onnx_files import read_onnx

    _require_no_state_dict_options(options, ".onnx")
    return read_onnx(path, cell=options.cell)


def _read_keras(path: Path, options: ImportOptions) -> Source:
    from .keras_files import read_keras

    _require_no_state_dict_options(options, path.suffix)
    return read_keras(path, cell=options.cell)


def _require_no_state_dict_options(options: ImportOptions, ending: str) -> None:
    used = {"--map": options.renamed, "--layers": options.layers, "--activation": options.activation}
    for flag, value in used.items():
        if value:
            raise ConfigError(f"{flag}: given for a file {ending}; expected a state dict, .safetensors, .pt or .pth")


READERS: dict[str, Callable[[Path, ImportOptions], Source]] = {
    ".safetensors": _read_safetensors,
    ".pt": _read_torch_file,
    ".pth": _read_torch_file,
    ".onnx": _read_onnx,
    ".keras": _read_keras,
    ".h5": _read_keras,
}
