"""Recurrent layers of any cell of elman.cells, with torch.nn.LSTM's interface, by NumPy.

    layers = elman.nn.Recurrent("min_gru", 8, 16, num_layers=2)
    outputs, h = layers(x)                                          x (T, B, 8) or a packed sequence

The parameters have torch.nn's names, weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0 and so on, except those that
the cell lacks; the cell's own parameters are named likewise: gain_c_l0, gain_c_l0_reverse. `reset` and `from_ids` are
those of layers.py. float32 and float64, on the CPU, first derivatives only.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from elman.cells import Cell, create, require_cell
from elman.cells.cell import initial_parameters, parameter_shapes, stored_name

from .layout import reset_time_first, results_in_layout
from .numpy_function import CellCall, run_by_numpy
from .symbolic import is_symbolic, record_call

_DTYPES = (torch.float32, torch.float64)


class Recurrent(nn.Module):
    """Layers of a cell, by its name in CELLS or a cell itself."""

    def __init__(
        self,
        cell: str | Cell,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.cell = create(cell) if isinstance(cell, str) else cell
        self.cell_name = require_cell(cell) if isinstance(cell, str) else type(cell).__name__
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout, self.bidirectional = bias, batch_first, dropout, bidirectional
        shapes = parameter_shapes(self.cell, input_size, hidden_size)
        self._names = tuple(name for name in shapes if bias or name not in ("b_ih", "b_hh"))
        for layer in range(num_layers):
            inputs = input_size if layer == 0 else hidden_size * self.num_directions
            shapes = parameter_shapes(self.cell, inputs, hidden_size)
            for name, stored in self._layer_names(layer):
                weight = torch.empty(shapes[name], device=device, dtype=dtype)
                self.register_parameter(stored, nn.Parameter(weight))
        self.reset_parameters()

    @property
    def num_directions(self) -> int:
        """D."""
        return 2 if self.bidirectional else 1

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw weights and biases uniformly within 1 / sqrt(H), as torch.nn does; set the cell's own parameters."""
        bound = self.hidden_size**-0.5
        initial = initial_parameters(self.cell, self.hidden_size)
        for name, stored in chain.from_iterable(map(self._layer_names, range(self.num_layers))):
            if name in initial:
                getattr(self, stored).copy_(torch.from_numpy(initial[name]))
            else:
                nn.init.uniform_(getattr(self, stored), -bound, bound)

    def extra_repr(self) -> str:
        options = [f"{self.cell_name}, {self.input_size}, {self.hidden_size}"]
        options += [f"num_layers={self.num_layers}"] * (self.num_layers != 1) + ["bias=False"] * (not self.bias)
        options += ["batch_first=True"] * self.batch_first + [f"dropout={self.dropout}"] * (self.dropout != 0)
        return ", ".join(options + ["bidirectional=True"] * self.bidirectional)

    def forward(self, input: Any, hx: Any = None, reset: Tensor | None = None) -> Any:  # noqa: A002
        if is_symbolic(arguments := (input, hx, reset)):
            return record_call(self, arguments)
        if isinstance(input, PackedSequence):
            if reset is not None:
                raise ValueError("reset: not with a packed sequence; pad its rows, or cut them into their documents")
            return self._forward_packed(input, hx)
        if input.dim() not in (2, 3) or input.shape[-1] != self.input_size:
            expected = f"(T, B, {self.input_size}), or (B, T, {self.input_size}) with batch_first"
            raise ValueError(f"input: shape {tuple(input.shape)}; expected {expected}")
        unbatched = input.dim() == 2
        x = input.unsqueeze(0) if unbatched else input if self.batch_first else input.transpose(0, 1)
        states = self._states(hx, len(x), x, unbatched=unbatched)
        time_first = reset_time_first(self, reset, (x.shape[1], x.shape[0]), unbatched=unbatched)
        y, final = self._run(x, states, None, None if time_first is None else time_first.t().numpy())
        return results_in_layout(self, y.transpose(0, 1), final, unbatched=unbatched)

    def from_ids(self, ids: Tensor, embedding: Tensor, hx: Any = None, reset: Tensor | None = None) -> Any:
        """Return forward's results for the rows `ids` (T, B), (B, T) or (T,) of an embedding (V, I)."""
        return self(F.embedding(ids, embedding), hx, reset)

    def __prepare_scriptable__(self) -> Any:
        problem = f"torch.jit.script: cell {self.cell_name!r} runs by NumPy; expected a cell that torch.nn has"
        raise RuntimeError(f"{problem}. Use elman.nn.RNN, GRU or LSTM")

    def _forward_packed(self, inputs: PackedSequence, hx: Any) -> tuple[PackedSequence, Any]:
        data, batch_sizes, sorted_indices, unsorted_indices = inputs
        if data.dim() != 2 or data.shape[-1] != self.input_size:
            raise ValueError(f"input: packed shape {tuple(data.shape)}; expected (N, {self.input_size})")
        x, lengths = pad_packed_sequence(PackedSequence(data, batch_sizes), batch_first=True)
        states = self._states(hx, len(x), x, unbatched=False)
        if sorted_indices is not None:
            states = [s.index_select(1, sorted_indices) for s in states]
        y, final = self._run(x, states, lengths.numpy(), None)
        if unsorted_indices is not None:
            final = [s.index_select(1, unsorted_indices) for s in final]
        outputs = pack_padded_sequence(y, lengths, batch_first=True)._replace(
            sorted_indices=sorted_indices, unsorted_indices=unsorted_indices
        )
        return outputs, final[0] if len(final) == 1 else tuple(final)

    def _run(self, x: Tensor, states: list[Tensor], lengths: Any, reset: Any) -> tuple[Tensor, list[Tensor]]:
        """Return the outputs (B, T, D*H) and the final states (L*D, B, H), layer by layer."""
        self._require_cpu(x)
        D = self.num_directions
        call = CellCall(self.cell, self.hidden_size, D, self._names, lengths, reset)
        finals = []
        for layer in range(self.num_layers):
            weights = [getattr(self, stored) for _, stored in self._layer_names(layer)]
            x, *final = run_by_numpy(call, x, [s[layer * D : (layer + 1) * D] for s in states], weights)
            finals.append(final)
            if layer + 1 < self.num_layers and self.dropout and self.training:
                x = F.dropout(x, self.dropout)
        return x, [torch.cat(parts) for parts in zip(*finals, strict=True)]

    def _states(self, hx: Any, batch_size: int, x: Tensor, *, unbatched: bool) -> list[Tensor]:
        """Return hx as a list of (L*D, B, H), zeros for None."""
        names = self.cell.states
        shape = (self.num_layers * self.num_directions, batch_size, self.hidden_size)
        if hx is None:
            return [x.new_zeros(shape)] * len(names)
        states = [hx] if isinstance(hx, Tensor) else list(hx)
        if unbatched:
            states = [s.unsqueeze(1) for s in states]
        shapes = [tuple(s.shape) for s in states]
        if shapes != [shape] * len(names):
            raise ValueError(f"hx: shapes {shapes}; expected {', '.join(names)} of {shape} each")
        return states

    def _require_cpu(self, x: Tensor) -> None:
        if x.device.type != "cpu":
            raise RuntimeError(
                f"cell {self.cell_name!r} runs by NumPy, and the input is on {x.device}; expected the CPU. "
                "Move the model and its inputs with .to('cpu')"
            )
        if x.dtype not in _DTYPES:
            raise TypeError(f"cell {self.cell_name!r} runs by NumPy: input {x.dtype}; expected float32 or float64")
        if x.dtype != (dtype := next(self.parameters()).dtype):
            raise TypeError(f"input: {x.dtype}; expected {dtype}, the type of the weights")

    def _layer_names(self, layer: int) -> list[tuple[str, str]]:
        """Return the cell's name and the module's name of each parameter of a layer, in order."""
        directions = (False, True)[: self.num_directions]
        return [(name, stored_name(name, layer, reverse=reverse)) for reverse in directions for name in self._names]
