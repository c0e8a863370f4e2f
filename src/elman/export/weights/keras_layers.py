"""The layers of a Keras model in their order, as its config names them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy.typing as npt

from elman.errors import ModelError

from .keras_arrays import DAMAGED, KerasFile
from .keras_model import Dense, Direction, KerasCell, KerasModel

Array = npt.NDArray[Any]

KINDS = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}  # gates
PASSED = ("InputLayer", "Dropout", "SpatialDropout1D")  # they change nothing in predictions


def layers_from_config(file: KerasFile, where: str) -> KerasModel:
    """Return the layers that the config of a model names; any that elman has nothing for are a ModelError."""
    assert file.config is not None
    entries = _layer_entries(file.config, where)
    groups = _groups_of(file, entries)
    recurrent: list[list[Direction]] = []
    embedding, embedding_name, dense, activation, sequences, notes = None, "", None, None, [], []
    for (kind, config), group in zip(entries, groups, strict=True):
        name = str(config.get("name", group))
        if kind in ("Bidirectional", *KINDS):
            if dense is not None:
                raise ModelError(
                    f"the recurrent layer {name!r} stands after a Dense layer; expected it before", where=where
                )
            recurrent.append(_directions(file, group, kind, config, name, where))
            inner = config["layer"]["config"] if kind == "Bidirectional" else config
            sequences.append(bool(inner.get("return_sequences")))
        elif kind == "Embedding":
            if recurrent or embedding is not None or dense is not None:
                raise ModelError(f"the Embedding {name!r} is not the first layer; expected it first", where=where)
            (embedding,), embedding_name = _arrays(file, group, ("embeddings",), where), name
            notes += ["tokens that mask_zero hides are read like others: leave padding out"] * bool(
                config.get("mask_zero")
            )
        elif kind in ("Dense", "TimeDistributed"):
            inner = config["layer"]["config"] if kind == "TimeDistributed" else config
            if dense is not None or (kind == "TimeDistributed" and config["layer"]["class_name"] != "Dense"):
                raise ModelError(
                    f"the layer {name!r} is one too many; expected one Dense layer, the readout", where=where
                )
            dense = _dense(file, group, name, where)
            activation = _activation_of_dense(inner.get("activation", "linear"), name, where)
        elif kind == "Activation":
            if dense is None or activation is not None:
                raise ModelError(f"the layer {name!r} does not follow a Dense layer; expected it there", where=where)
            activation = _activation_of_dense(config.get("activation", "linear"), name, where)
        elif kind not in PASSED:
            expected = "Embedding, SimpleRNN, GRU, LSTM, Bidirectional and Dense"
            raise ModelError(f"the model has the layer {kind} {name!r}; expected {expected}", where=where)
    if not recurrent:
        raise ModelError("the model has no SimpleRNN, GRU or LSTM; expected one or more", where=where)
    if not all(sequences[:-1]):
        raise ModelError("a recurrent layer below another one has return_sequences=False; expected True", where=where)
    return KerasModel(recurrent, embedding, embedding_name, dense, activation, sequences[-1], tuple(notes))


def _layer_entries(config: Mapping[str, Any], where: str) -> list[tuple[str, dict[str, Any]]]:
    """Return class and config of each layer, in the order of a chain."""
    try:
        inner = config["config"]
        layers = inner["layers"] if isinstance(inner, dict) else inner
        entries = [(str(layer["class_name"]), dict(layer["config"])) for layer in layers]
        if config["class_name"] in ("Functional", "Model"):
            _require_chain(layers, where)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ModelError("the config of the model is not that of Keras", hint=DAMAGED, where=where) from None
    if config["class_name"] not in ("Sequential", "Functional", "Model"):
        problem = f"the model is a {config['class_name']}; expected a Sequential or Functional one"
        raise ModelError(problem, hint="Save the weights alone: model.save_weights('NAME.weights.h5')", where=where)
    return entries


def _require_chain(layers: Sequence[Mapping[str, Any]], where: str) -> None:
    """Raise a ModelError unless each layer of a functional model reads the one before it, and nothing else."""
    text = [str(layer.get("inbound_nodes", [])) for layer in layers]
    for number, (inbound, layer) in enumerate(zip(text, layers, strict=True)):
        read = re.findall(r"'keras_history': \['([^']*)'", inbound) or re.findall(r"\[+'([^']+)', \d+, \d+", inbound)
        expected = [layers[number - 1]["config"]["name"]] if number else []
        if read != expected:
            name, described = layer["config"]["name"], ", ".join(read) or "nothing"
            raise ModelError(f"the layer {name!r} reads {described}; expected a chain of layers", where=where)


def _groups_of(file: KerasFile, entries: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """Return the path of each layer's arrays: by class and number in .keras, by name in .h5."""
    if not any(path.startswith("layers/") for path in file.arrays):
        return [str(config.get("name", "")) for _, config in entries]
    counts: dict[str, int] = {}
    groups = []
    for kind, _ in entries:
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", kind)).lower()
        number = counts.get(name, 0)
        counts[name] = number + 1
        groups.append(f"layers/{name}" + f"_{number}" * bool(number))
    return groups


def _directions(
    file: KerasFile, group: str, kind: str, config: Mapping[str, Any], name: str, where: str
) -> list[Direction]:
    if kind != "Bidirectional":
        backwards = [key for key in ("go_backwards", "time_major") if config.get(key)]
        if backwards:
            raise ModelError(f"the layer {name!r} has {backwards[0]}=True; expected False", where=where)
        return [_direction(file, group, "", kind, config, name, where)]
    inner = config["layer"]
    if config.get("merge_mode", "concat") != "concat" or inner["class_name"] not in KINDS:
        described = f"{config.get('merge_mode')!r}, {inner['class_name']}"
        problem = f"the layer {name!r} has {described}; expected 'concat' around SimpleRNN, GRU or LSTM"
        raise ModelError(problem, where=where)
    backward = (config.get("backward_layer") or inner)["config"]
    if any(backward.get(key) != inner["config"].get(key) for key in ("units", "activation", "reset_after")):
        raise ModelError(f"the directions of the layer {name!r} differ; expected equal ones", where=where)
    return [
        _direction(file, group, part, inner["class_name"], inner["config"], f"{name}/{part}", where)
        for part in ("forward", "backward")
    ]


def _direction(
    file: KerasFile, group: str, part: str, kind: str, config: Mapping[str, Any], name: str, where: str
) -> Direction:
    activation, gate = config.get("activation", "tanh"), config.get("recurrent_activation", "sigmoid")
    usual = ("tanh", "relu") if kind == "SimpleRNN" else ("tanh",)
    if activation not in usual or gate != "sigmoid":
        expected = "tanh or relu" if kind == "SimpleRNN" else "tanh and sigmoid"
        problem = f"the layer {name!r} has the activations {activation} and {gate}; expected {expected}"
        raise ModelError(problem, where=where)
    names = ("kernel", "recurrent_kernel", *(("bias",) if config.get("use_bias", True) else ()))
    kernel, recurrent, *bias = _arrays(file, group, names, where, part)
    # Keras 2 wrote no reset_after for its first GRU, which had none
    reset_after = bool(config.get("reset_after", kind != "GRU"))
    cell = KerasCell(kind, str(activation), kernel, recurrent, bias[0] if bias else None, reset_after)
    return Direction(name, checked_cell(cell, name, where))


def checked_cell(cell: KerasCell, name: str, where: str) -> KerasCell:
    """Return the cell if its arrays have the shapes of its kind; other shapes are a ModelError."""
    G = KINDS[cell.kind]
    H = len(cell.recurrent_kernel)
    if not H or cell.recurrent_kernel.shape != (H, G * H) or cell.kernel.shape[1:] != (G * H,):
        described = f"{cell.kernel.shape}, {cell.recurrent_kernel.shape}"
        raise ModelError(
            f"the layer {name!r} has the kernels {described}; expected (I, {G}*H), (H, {G}*H)", where=where
        )
    two = cell.kind == "GRU" and cell.reset_after
    expected = (2, G * H) if two else (G * H,)
    if cell.bias is not None and cell.bias.shape != expected:
        problem = f"the layer {name!r} has a bias {cell.bias.shape}; expected {expected}"
        if cell.kind == "GRU":
            form = f"reset_after={cell.reset_after}"
            problem = f"the layer {name!r} has a bias {cell.bias.shape}; expected {expected} of a GRU with {form}"
        raise ModelError(problem, where=where)
    return cell


def _arrays(file: KerasFile, group: str, names: Sequence[str], where: str, part: str = "") -> list[Array]:
    """Return the arrays of a layer in the order of their names, which Keras 3 writes as numbers."""
    by_name: dict[str, Array] = {}
    for path, array in file.arrays.items():
        if path.startswith(f"{group}/") and (not part or re.search(rf"/{part}_", path)):
            by_name[split_path(path)[2]] = array
    try:
        return [by_name[name] if name in by_name else by_name[str(number)] for number, name in enumerate(names)]
    except KeyError:
        raise ModelError(
            f"the layer {group!r} has the arrays {', '.join(by_name) or 'none'}; expected {', '.join(names)}",
            hint=DAMAGED,
            where=where,
        ) from None


def _dense(file: KerasFile, group: str, name: str, where: str) -> Dense:
    kernel, *_ = _arrays(file, group, ("kernel",), where)
    biases = [array for path, array in file.arrays.items() if path.startswith(f"{group}/") and array.ndim == 1]
    if kernel.ndim != 2 or (biases and biases[0].shape != kernel.shape[1:]):
        raise ModelError(
            f"the layer {name!r} has a kernel {kernel.shape}; expected (I, O), and a bias (O,)", where=where
        )
    return Dense(name, kernel, biases[0] if biases else None)


def _activation_of_dense(activation: Any, name: str, where: str) -> Literal["softmax"] | None:
    if activation not in ("linear", "softmax", None):
        raise ModelError(f"the layer {name!r} has the activation {activation}; expected linear or softmax", where=where)
    return "softmax" if activation == "softmax" else None


def split_path(path: str) -> tuple[str, str, str]:
    """Return the layer, the part between, and the name of an array: layers/lstm, cell/vars, 0."""
    path = path.removesuffix(":0")
    *folders, name = path.split("/")
    folders = [folder for folder in folders if folder not in ("vars", "cell")]
    if folders[:1] == ["layers"]:
        return "/".join(folders), "", name
    layer, *inner = folders
    directions = [folder for folder in inner if re.match(r"(forward|backward)_", folder)]
    return "/".join([layer, *directions]), "", name
