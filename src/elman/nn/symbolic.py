"""Calls of elman.nn's layers under torch.fx, whose tracer passes proxies in the place of tensors.

The tracer takes every layer of torch.nn as a leaf: one node that calls the module. It looks into all other modules, so
elman.nn's layers record that node themselves.
"""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.fx import Proxy
from torch.fx.proxy import TraceError

from .torch_internals import has_hooks


def is_symbolic(arguments: tuple[Any, ...]) -> bool:
    """Return whether an argument, or a member of a tuple among them, is a proxy of torch.fx."""
    return any(isinstance(a, Proxy) or (isinstance(a, tuple | list) and is_symbolic(tuple(a))) for a in arguments)


def record_call(layer: nn.Module, arguments: tuple[Any, ...]) -> Proxy:
    """Record a node that calls the layer with these arguments, of which one is symbolic; return its proxy."""
    if has_hooks(layer):  # they were recorded, too, and would run twice
        problem = f"torch.fx: {type(layer).__name__} of elman.nn has forward hooks; expected a layer without hooks"
        raise RuntimeError(f"{problem}. Trace elman.nn.to_torch(model), in which torch.fx takes the layers as leaves")
    tracer = _tracer(arguments)
    while arguments[-1] is None:
        arguments = arguments[:-1]
    path = tracer.path_of_module(layer)
    if not path:
        problem = (
            f"torch.fx: {type(layer).__name__} of elman.nn is the root of the trace; expected a module that holds it"
        )
        raise TraceError(f"{problem}. Trace torch.nn.Sequential(layer)")
    recorded: Proxy = tracer.create_proxy("call_module", path, arguments, {})
    return recorded


def _tracer(arguments: tuple[Any, ...]) -> Any:
    for a in arguments:
        if isinstance(a, Proxy):
            return a.tracer
        if isinstance(a, tuple | list) and is_symbolic(tuple(a)):
            return _tracer(tuple(a))
    raise ValueError("arguments: none is symbolic; expected a proxy of torch.fx")
