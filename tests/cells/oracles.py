"""Torch as the oracle of the cells: it answers a Problem under the names of problems.py.

    torch_answer          one row, one document and one step at a time, by nn.RNNCell, nn.GRUCell or nn.LSTMCell
    torch_stack_answer    the whole batch, packed where it is ragged, by nn.RNN, nn.GRU or nn.LSTM

torch_answer never masks: a row is cut to its length and split into documents, and each document is read by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from elman.cells import LayerParameters, unroll
from elman.cells.activations import Array

from .problems import Answer, Problem, map_state, named_gradients, named_states

TORCH_WEIGHTS = {"W": "weight_ih", "U": "weight_hh", "b_ih": "bias_ih", "b_hh": "bias_hh"}


def torch_answer(problem: Problem) -> Answer:
    """Return outputs, final state and every gradient by torch, one row, one document and one step at a time."""
    B, T, _ = problem.x.shape
    modules = [[_torch_cell(problem.name, p) for p in layer] for layer in problem.params]
    x, state = _leaf(problem.x), map_state(_leaf, problem.state)
    lengths = [T] * B if problem.lengths is None else problem.lengths
    reset = [[False] * T] * B if problem.reset is None else problem.reset
    outputs = torch.zeros(B, T, problem.d_outputs.shape[-1], dtype=torch.float64)
    finals: list[list[list[Any]]] = [[[] for _ in layer] for layer in modules]
    for b in range(B):
        h = x[b, : lengths[b]]
        for layer, directions in enumerate(modules):
            read = []
            for d, module in enumerate(directions):
                first = tuple(s[b] for s in state[layer][d])
                y, last = _read_row(module, h, first, reset[b][: lengths[b]], backwards=d == 1)
                read.append(y)
                finals[layer][d].append(last)
            h = torch.cat(read, dim=-1)
        outputs[b, : lengths[b]] = h
    final = tuple(tuple(tuple(map(torch.stack, zip(*rows, strict=True))) for rows in layer) for layer in finals)
    _backward(problem, outputs, final)
    gradients = [
        [_torch_gradients(module, "", p) for module, p in zip(directions, layer, strict=True)]
        for directions, layer in zip(modules, problem.params, strict=True)
    ]
    return _torch_named(outputs, final, gradients, x, state)


def torch_stack_answer(problem: Problem) -> Answer:
    """Return the same by nn.RNN, nn.GRU or nn.LSTM: layers of one H, no resets, lengths from 1."""
    kinds = {"gru": nn.GRU, "lstm": nn.LSTM}
    kind = kinds.get(problem.name) or partial(nn.RNN, nonlinearity=problem.name)
    num_layers, num_directions, H = len(problem.params), len(problem.params[0]), problem.params[0][0].hidden_size
    stack = kind(
        problem.x.shape[-1], H, num_layers, bidirectional=num_directions == 2, batch_first=True, dtype=torch.float64
    )
    suffixes = [[f"_l{layer}", f"_l{layer}_reverse"][:num_directions] for layer in range(num_layers)]
    for layer, names in zip(problem.params, suffixes, strict=True):
        for p, suffix in zip(layer, names, strict=True):
            _place(stack, suffix, p)
    x, state = _leaf(problem.x), map_state(_leaf, problem.state)
    flat = [s for layer in state for s in layer]
    first = tuple(map(torch.stack, zip(*flat, strict=True)))
    inputs: torch.Tensor | PackedSequence = x
    if problem.lengths is not None:
        inputs = pack_padded_sequence(x, torch.tensor(problem.lengths), batch_first=True, enforce_sorted=False)
    outputs, last = stack(inputs, first if problem.name == "lstm" else first[0])
    if problem.lengths is not None:
        outputs, _ = pad_packed_sequence(outputs, batch_first=True, total_length=problem.x.shape[1])
    last = last if problem.name == "lstm" else (last,)
    final = tuple(
        tuple(tuple(s[layer * num_directions + d] for s in last) for d in range(num_directions))
        for layer in range(num_layers)
    )
    _backward(problem, outputs, final)
    gradients = [
        [_torch_gradients(stack, suffix, p) for suffix, p in zip(names, layer, strict=True)]
        for names, layer in zip(suffixes, problem.params, strict=True)
    ]
    return _torch_named(outputs, final, gradients, x, state)


class _FormulaCell(nn.RNNCellBase):
    """f(W x + b + U h + c) for the f that nn.RNNCell does not have."""

    def __init__(
        self, input_size: int, hidden_size: int, dtype: torch.dtype, f: Callable[[torch.Tensor], torch.Tensor]
    ) -> None:
        super().__init__(input_size, hidden_size, bias=True, num_chunks=1, dtype=dtype)
        self.f = f

    def forward(self, x: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
        return self.f(F.linear(x, self.weight_ih, self.bias_ih) + F.linear(h, self.weight_hh, self.bias_hh))


class _LayerNormLSTMCell(nn.Module):
    """The equations of the paper with torch's layer_norm; (f, i, o, g) of the paper are stored i, f, g, o."""

    gain_x: nn.Parameter
    bias_x: nn.Parameter
    gain_h: nn.Parameter
    bias_h: nn.Parameter
    gain_c: nn.Parameter
    bias_c: nn.Parameter

    def __init__(self, input_size: int, hidden_size: int, dtype: torch.dtype) -> None:
        super().__init__()
        H = hidden_size
        self.weight_ih = nn.Parameter(torch.empty(4 * H, input_size, dtype=dtype))
        self.weight_hh = nn.Parameter(torch.empty(4 * H, H, dtype=dtype))
        for name, size in {"x": 4 * H, "h": 4 * H, "c": H}.items():
            self.register_parameter(f"gain_{name}", nn.Parameter(torch.empty(size, dtype=dtype)))
            self.register_parameter(f"bias_{name}", nn.Parameter(torch.empty(size, dtype=dtype)))

    def forward(self, x: torch.Tensor, state: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        h, c = state
        sums = F.layer_norm(x @ self.weight_ih.T, self.gain_x.shape, self.gain_x, self.bias_x)
        sums = sums + F.layer_norm(h @ self.weight_hh.T, self.gain_h.shape, self.gain_h, self.bias_h)
        i, f, g, o = sums.chunk(4, dim=-1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * F.layer_norm(c, self.gain_c.shape, self.gain_c, self.bias_c).tanh(), c


class _MinGRUCell(nn.Module):
    """z = sigmoid(linear(x)), h~ = linear(x), h' = (1 - z) h + z h~: two linear layers in one."""

    def __init__(self, input_size: int, hidden_size: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.weight_ih = nn.Parameter(torch.empty(2 * hidden_size, input_size, dtype=dtype))
        self.bias_ih = nn.Parameter(torch.empty(2 * hidden_size, dtype=dtype))

    def forward(self, x: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
        z, candidate = F.linear(x, self.weight_ih, self.bias_ih).chunk(2, dim=-1)
        return torch.lerp(h, candidate, z.sigmoid())


class _ResetBeforeGRUCell(nn.Module):
    """The equations of Cho et al. (2014, section 2.3), with a product of its own for each matrix."""

    def __init__(self, input_size: int, hidden_size: int, dtype: torch.dtype) -> None:
        super().__init__()
        H = hidden_size
        self.weight_ih = nn.Parameter(torch.empty(3 * H, input_size, dtype=dtype))
        self.bias_ih = nn.Parameter(torch.empty(3 * H, dtype=dtype))
        self.U_rz = nn.Parameter(torch.empty(2 * H, H, dtype=dtype))
        self.U_n = nn.Parameter(torch.empty(H, H, dtype=dtype))

    def forward(self, x: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
        U_r, U_z = self.U_rz.chunk(2)
        a_r, a_z, a_n = F.linear(x, self.weight_ih, self.bias_ih).chunk(3, dim=-1)
        r, z = (a_r + F.linear(h, U_r)).sigmoid(), (a_z + F.linear(h, U_z)).sigmoid()
        return torch.lerp((a_n + F.linear(r * h, self.U_n)).tanh(), h, z)


# A new cell is written here once more, by torch's operations and independently of its file in cells/.
_TORCH_CELLS: dict[str, Callable[..., nn.Module]] = {
    "tanh": partial(nn.RNNCell, nonlinearity="tanh"),
    "relu": partial(nn.RNNCell, nonlinearity="relu"),
    "sigmoid": partial(_FormulaCell, f=torch.sigmoid),
    "identity": partial(_FormulaCell, f=lambda s: s),
    "gru": nn.GRUCell,
    "lstm": nn.LSTMCell,
    "layer_norm_lstm": _LayerNormLSTMCell,
    "min_gru": _MinGRUCell,
    "reset_before_gru": _ResetBeforeGRUCell,
}


def _torch_cell(name: str, p: LayerParameters) -> nn.Module:
    module = _TORCH_CELLS[name](p.W.shape[1], p.hidden_size, dtype=torch.float64)
    _place(module, "", p)
    return module


def _place(module: nn.Module, suffix: str, p: LayerParameters) -> None:
    """Copy the parameters into the module; biases that they lack are zero there."""
    arrays = {TORCH_WEIGHTS.get(name, name) + suffix: array for name, array in p.arrays().items()}
    with torch.no_grad():
        for name in (f"bias_ih{suffix}", f"bias_hh{suffix}"):
            if hasattr(module, name):
                getattr(module, name).zero_()
        for name, array in arrays.items():
            getattr(module, name).copy_(torch.from_numpy(array))


def _read_row(
    module: nn.Module, x: torch.Tensor, state: tuple[torch.Tensor, ...], starts: Sequence[bool], *, backwards: bool
) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    """Read one row (length, I) in one direction, each document by itself; only the first one read sees the state."""
    length = len(x)
    cuts = [0, *(t for t in range(1, length) if starts[t]), length] if length else []
    documents = [range(start, end) for start, end in pairwise(cuts)]
    zeros = tuple(map(torch.zeros_like, state))
    row_starts_anew = length > 0 and starts[0]
    outputs = list(x.new_zeros(length, len(state[0])))
    if row_starts_anew and not backwards:
        state = zeros
    for number, document in enumerate(reversed(documents) if backwards else documents):
        if number:
            state = zeros
        for t in reversed(document) if backwards else document:
            state = module(x[t], state) if len(state) == 2 else (module(x[t], state[0]),)
            outputs[t] = state[0]
    if row_starts_anew and backwards:
        state = zeros
    return torch.stack(outputs) if length else x.new_zeros(0, len(state[0])), state


def _backward(problem: Problem, outputs: torch.Tensor, final: Any) -> None:
    weighted = zip(named_states(final).values(), named_states(problem.d_state).values(), strict=True)
    loss = (outputs * torch.from_numpy(problem.d_outputs)).sum()
    (loss + sum((s * torch.from_numpy(d)).sum() for s, d in weighted)).backward()


def _torch_gradients(module: nn.Module, suffix: str, p: LayerParameters) -> LayerParameters:
    names = {name: TORCH_WEIGHTS.get(name, name) + suffix for name in p.arrays()}
    gradients = {name: _gradient(getattr(module, torch_name)) for name, torch_name in names.items()}
    return LayerParameters.from_arrays(gradients, p.hidden_size)


def _torch_named(outputs: torch.Tensor, final: Any, gradients: Any, x: torch.Tensor, state: Any) -> Answer:
    return {
        "outputs": outputs.detach().numpy(),
        **named_states(map_state(lambda s: s.detach().numpy(), final)),
        **named_gradients(unroll.Gradients(gradients, _gradient(x), map_state(_gradient, state))),
    }


def _leaf(array: Array) -> torch.Tensor:
    return torch.from_numpy(array.copy()).requires_grad_()


def _gradient(tensor: torch.Tensor) -> Array:
    return np.zeros(tensor.shape) if tensor.grad is None else np.asarray(tensor.grad.numpy())
