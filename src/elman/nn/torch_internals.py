"""All that the layers use of torch beside its public interface; constraints.txt and pyproject.toml bound its version.

A new version of torch may move any of these names: then this file is what changes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

# What the layers of torch.nn call themselves, by their `mode`.
LAYER_FUNCTIONS: dict[str, Any] = {
    "RNN_TANH": torch._VF.rnn_tanh,
    "RNN_RELU": torch._VF.rnn_relu,
    "GRU": torch._VF.gru,
    "LSTM": torch._VF.lstm,
}
LIBRARY: str = torch._C.__file__  # the extension module, which brings torch's OpenMP with it

# Whether the backward that is running keeps its graph for another one (retain_graph=True).
backward_keeps_graph = torch._C._autograd._get_current_graph_task_keep_graph

_func_transforms_are_active = torch._C._are_functorch_transforms_active
_dispatch_modes = torch._C._len_torch_dispatch_stack
_is_batched = torch._C._functorch.is_batchedtensor
_is_legacy_batched = torch._C._functorch.is_legacy_batchedtensor


def operations_are_observed() -> bool:
    """Return whether something must see every operation: torch.func, fake tensors, make_fx or forward-mode AD."""
    return _func_transforms_are_active() or _dispatch_modes() > 0 or forward_ad._current_level >= 0


def is_batched(t: Tensor) -> bool:
    """Return whether one of torch's two vmaps has added an axis to the tensor that its shape does not show.

    is_grads_batched and jacobian(vectorize=True) use the old one, torch.func the new one.
    """
    return bool(_is_legacy_batched(t) or _is_batched(t))


def has_hooks(module: nn.Module) -> bool:
    """Return whether the module's calls run hooks of their own before or after its forward."""
    return bool(module._forward_hooks or module._forward_pre_hooks)


def layer_weights(layer: nn.Module) -> list[Tensor]:
    """Return the weights of a layer of torch.nn in torch's order, as they are now.

    Parametrizations and functional_call replace attributes; where none does, _parameters is the quicker way.
    """
    own = layer._parameters
    return [own[name] if name in own else getattr(layer, name) for name in layer._flat_weights_names]  # type: ignore[misc, union-attr]
