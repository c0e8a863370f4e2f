"""State dicts of PyTorch: torch.nn.RNN, GRU and LSTM, their cells, and the embedding and readout around them.

Recurrent layers are found by their names, weight_ih_l0 and so on; the part before it is the layer's own name. Their
convention is that of elman (docs/conventions), so nothing is changed. The embedding and the readout are found by their
shapes, and by their names where several matrices have the shape.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from elman.cells import LayerParameters
from elman.cells.cell import stored_name
from elman.checkpoint import Tensors
from elman.errors import ConfigError, ModelError

from .source import GATES, Mapped, Reference, Source, require_finite, require_one_shape_of_layers
from .weights import ENDINGS, Weights

Array = npt.NDArray[Any]

_RECURRENT = re.compile(
    r"(?P<prefix>|.*[._])(?P<kind>weight|bias)_(?P<half>ih|hh)(?:_l(?P<layer>\d+))?(?P<end>_reverse)?"
)
_PROJECTION = re.compile(r".*weight_hr(_l\d+)?(_reverse)?")
_EMBEDDING_NAMES = re.compile(r"emb|wte|lookup|encoder\.weight|src_", re.IGNORECASE)
_READOUT_NAMES = re.compile(r"out|fc|linear|decoder|head|proj|logit|classif|dense|lm_", re.IGNORECASE)
_STORED = {("weight", "ih"): "W", ("weight", "hh"): "U", ("bias", "ih"): "b_ih", ("bias", "hh"): "b_hh"}


class _Layer(NamedTuple):
    """The names of the tensors of one layer, by cell symbol, for each direction."""

    name: str
    directions: list[dict[str, str]]


def read_state_dict(
    tensors: Tensors,
    where: str,
    *,
    cell: str | None = None,
    activation: str | None = None,
    renamed: Mapping[str, str] | None = None,
    prefixes: Sequence[str] = (),
) -> Source:
    """Return the weights of a state dict.

    cell is the expected one; the number of gates decides. renamed: {name of elman: name in the file}. prefixes are the
    names of the recurrent modules that form the stack, in their order; by default all of them.
    """
    names = rename(list(tensors), renamed or {}, where)
    layers = _find_layers(names, prefixes, where)
    name = _cell_of(tensors, names, layers, cell, where)
    if activation not in (None, "tanh") and name != "elman":
        raise ConfigError(f"--activation {activation}: given for the cell {name}; expected the cell elman")
    arrays = {
        ours: require_finite(theirs, tensors[theirs], where)
        for ours, theirs in names.items()
        if tensors[theirs].dtype.kind == "f"
    }
    parameters = [
        [_parameters(arrays, direction, layer.name, where) for direction in layer.directions] for layer in layers
    ]
    sizes = [
        (layer.name, p[0].W.shape[1], p[0].hidden_size, len(p)) for layer, p in zip(layers, parameters, strict=True)
    ]
    require_one_shape_of_layers(sizes, where)
    used = {theirs for layer in layers for direction in layer.directions for theirs in direction.values()}
    others = {ours: array for ours, array in arrays.items() if ours not in used and array.ndim == 2}
    embedding = _choose("embedding.weight", others, sizes[0][1], _EMBEDDING_NAMES, _READOUT_NAMES, where)
    outputs = sizes[-1][2] * sizes[-1][3]
    rest = {ours: array for ours, array in others.items() if ours != embedding}
    readout = _choose("readout.weight", rest, outputs, _READOUT_NAMES, _EMBEDDING_NAMES, where)
    if readout is None and embedding is not None and any(f"{embedding[:-7]}.bias" == ours for ours in arrays):
        embedding, readout = None, embedding  # an embedding has no bias
    bias = None if readout is None else _bias_of(readout, arrays)
    weights = Weights(
        name,
        activation or "tanh",
        parameters,
        None if embedding is None else arrays[embedding],
        None if readout is None else arrays[readout],
        None if bias is None else arrays[bias],
    )
    ends = {"embedding.weight": embedding, "readout.weight": readout, "readout.bias": bias}
    mapping = [Mapped(ours, names[name]) for ours, name in ends.items() if name is not None]
    used |= {name for name in ends.values() if name is not None}
    notes = ["the activation is not in the file: tanh is assumed"] if name == "elman" and activation is None else []
    notes += ["the file has no biases: zeros take their place"] * any(p.b_ih is None for p in parameters[0])
    return Source(
        kind="PyTorch state dict",
        weights=weights,
        reference=_reference(weights, [layer.directions for layer in layers], arrays),
        mapping=(*_layer_mapping(layers, names), *mapping),
        notes=tuple(notes),
        ignored=tuple(names[ours] for ours in names if ours not in used),
    )


def rename(file_names: Sequence[str], renamed: Mapping[str, str], where: str) -> dict[str, str]:
    """Return {name after renaming: name in the file}."""
    theirs_to_ours = {theirs: ours for ours, theirs in renamed.items()}
    for ours, theirs in renamed.items():
        if theirs not in file_names:
            shown = ", ".join(sorted(file_names)[:12])
            raise ConfigError(f"--map {ours}={theirs}: the file has no {theirs!r}; it has {shown}", where=where)
    names: dict[str, str] = {}
    for theirs in file_names:
        ours = theirs_to_ours.get(theirs, theirs)
        if theirs in renamed and theirs not in theirs_to_ours:
            continue  # its name is given to another one
        names[ours] = theirs
    return names


def _find_layers(names: Mapping[str, str], prefixes: Sequence[str], where: str) -> list[_Layer]:
    by_prefix: dict[str, dict[int, list[dict[str, str]]]] = {}
    for ours in names:
        if _PROJECTION.fullmatch(ours):
            problem = f"{names[ours]!r} is the projection of an LSTM (proj_size); expected an LSTM without one"
            raise ModelError(problem, hint="No cell of elman has a projection", where=where)
        if match := _RECURRENT.fullmatch(ours):
            prefix, number = match["prefix"].rstrip("._"), int(match["layer"] or 0)
            directions = by_prefix.setdefault(prefix, {}).setdefault(number, [{}, {}])
            directions[bool(match["end"])][_STORED[match["kind"], match["half"]]] = ours
    if not by_prefix:
        hint = "Name them with --map, for example --map layers.0.weight_ih_l0=NAME"
        first_names = ", ".join(list(names)[:8])
        problem = (
            f"the file has the tensors {first_names}; expected a recurrent layer with names such as 'rnn.weight_ih_l0'"
        )
        raise ModelError(problem, hint=hint, where=where)
    lacking = [
        prefix for prefix, layers in by_prefix.items() if not all(directions[0] for directions in layers.values())
    ]
    if lacking:
        problem = f"{lacking[0] or 'the layer'} has a backward direction alone; expected a forward direction"
        raise ModelError(problem, where=where)
    unknown = [prefix for prefix in prefixes if prefix not in by_prefix]
    if unknown:
        raise ConfigError(
            f"--layers {unknown[0]}: the file has the recurrent layers {', '.join(sorted(by_prefix))}", where=where
        )
    return [
        _Layer(
            f"{prefix}[{number}]" if len(by_prefix[prefix]) > 1 else prefix or "the layer",
            [d for d in by_prefix[prefix][number] if d],
        )
        for prefix in prefixes or sorted(by_prefix, key=natural_order)
        for number in sorted(by_prefix[prefix])
    ]


def natural_order(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts `layers.10` after `layers.9`."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _cell_of(tensors: Tensors, names: Mapping[str, str], layers: Sequence[_Layer], cell: str | None, where: str) -> str:
    """Return the cell whose number of gates the weights have."""
    gates = set()
    for layer in layers:
        for direction in layer.directions:
            U = tensors[names[direction["U"]]] if "U" in direction else np.zeros(0)
            if U.ndim != 2 or not U.shape[1] or U.shape[0] % U.shape[1]:
                raise ModelError(
                    f"{layer.name} has recurrent weights of shape {U.shape}; expected (G*H, H)", where=where
                )
            gates.add(U.shape[0] // U.shape[1])
    by_gates = {number: name for name, number in GATES.items()}
    if len(gates) != 1 or not gates <= set(by_gates):
        shown = " and ".join(map(str, sorted(gates)))
        raise ModelError(
            f"the layers have {shown} gates; expected 1 (RNN), 3 (GRU) or 4 (LSTM) in all layers", where=where
        )
    cell_name = by_gates[gates.pop()]
    if cell == "reset_before_gru" and cell_name == "gru":
        problem = "torch.nn.GRU applies the reset gate after the product; expected --cell gru"
        raise ConfigError(problem, hint="A GRU of the other form has other names: see the page on weights", where=where)
    if cell not in (None, cell_name):
        raise ConfigError(
            f"--cell {cell}: the weights have {GATES[cell_name]} gates, those of {cell_name}", where=where
        )
    return cell_name


def _parameters(arrays: Mapping[str, Array], names: Mapping[str, str], layer: str, where: str) -> LayerParameters:
    """Return a layer in one direction; wrong shapes are a ModelError."""
    if not {"W", "U"} <= set(names):
        raise ModelError(f"{layer} lacks weight_ih or weight_hh; it has {', '.join(names.values())}", where=where)
    if ("b_ih" in names) != ("b_hh" in names):
        raise ModelError(f"{layer} has one of bias_ih and bias_hh; expected both or none", where=where)
    by_symbol = {symbol: arrays[ours] for symbol, ours in names.items()}
    rows = len(by_symbol["U"])
    for symbol, array in by_symbol.items():
        expected = (rows,) if symbol.startswith("b") else (rows, array.shape[-1])
        if array.shape != expected:
            raise ModelError(f"{names[symbol]!r} has shape {array.shape}; expected {expected}", where=where)
    return LayerParameters.from_arrays(by_symbol, by_symbol["U"].shape[1])


def _choose(
    ours: str, others: Mapping[str, Array], columns: int, names: re.Pattern[str], not_names: re.Pattern[str], where: str
) -> str | None:
    """Return the name of the matrix with this number of columns; of several, the one whose name says what it is."""
    if ours in others:
        return ours
    fitting = [name for name, array in others.items() if array.shape[1] == columns and name.endswith("weight")]
    likely = [name for name in fitting if names.search(name) and not not_names.search(name)]
    likely = likely or [name for name in fitting if names.search(name)]
    candidates = likely if likely else [name for name in fitting if not not_names.search(name)]
    if len(candidates) > 1:
        problem = f"{', '.join(candidates)} may each be {ours}; expected one matrix with {columns} columns"
        raise ModelError(problem, hint=f"Say which one it is: --map {ours}=NAME", where=where)
    return candidates[0] if candidates else None


def _bias_of(readout: str, arrays: Mapping[str, Array]) -> str | None:
    name = "readout.bias" if "readout.bias" in arrays else f"{readout.removesuffix('weight')}bias"
    return name if name in arrays and arrays[name].shape == (len(arrays[readout]),) else None


def _layer_mapping(layers: Sequence[_Layer], names: Mapping[str, str]) -> list[Mapped]:
    return [
        Mapped(f"layers.{number}.{stored_name(symbol, reverse=reverse)}", names[ours])
        for number, layer in enumerate(layers)
        for reverse, direction in zip(ENDINGS, layer.directions, strict=False)
        for symbol, ours in direction.items()
    ]


def _reference(
    weights: Weights, layers: Sequence[Sequence[Mapping[str, str]]], arrays: Mapping[str, Array]
) -> Reference:
    """Return what torch.nn's own modules compute with the tensors of the file; without torch, what NumPy computes."""
    try:
        import torch
    except ModuleNotFoundError:
        return Reference(
            "elman.cells by NumPy (PyTorch is not installed)",
            {"each": lambda x: weights.run_by_numpy(x)[0], "last": lambda x: weights.run_by_numpy(x)[1]},
        )
    kinds: dict[str, Any] = {"elman": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}
    extra = {"nonlinearity": weights.activation} if weights.cell == "elman" else {}
    modules = []
    for directions in layers:
        sizes = arrays[directions[0]["W"]].shape[1], arrays[directions[0]["U"]].shape[1]
        options = {"bias": "b_ih" in directions[0], "bidirectional": len(directions) == 2, **extra}
        module = kinds[weights.cell](*sizes, batch_first=True, **options)
        state = {
            stored_name(symbol, reverse=reverse): torch.from_numpy(arrays[ours])
            for reverse, direction in zip(ENDINGS, directions, strict=False)
            for symbol, ours in direction.items()
        }
        module.load_state_dict(state, strict=True)
        modules.append(module.eval())

    def read_out(h: torch.Tensor) -> Array:
        if weights.readout is not None:
            bias = None if weights.readout_bias is None else torch.from_numpy(weights.readout_bias)
            h = torch.nn.functional.linear(h, torch.from_numpy(weights.readout), bias)
        return np.asarray(h.numpy())

    def run(x: Array, *, last: bool) -> Array:
        with torch.no_grad():
            h: torch.Tensor = torch.from_numpy(x)
            if weights.embedding is not None:
                h = torch.nn.functional.embedding(h, torch.from_numpy(weights.embedding))
            final: Any = None
            for module in modules:
                h, final = module(h)
            if not last:
                return read_out(h)
            h_n: torch.Tensor = final[0] if weights.cell == "lstm" else final  # (D, B, H)
            return read_out(h_n.transpose(0, 1).flatten(1))

    version = torch.__version__.split("+")[0]
    return Reference(f"PyTorch, version {version}", {"each": partial(run, last=False), "last": partial(run, last=True)})
