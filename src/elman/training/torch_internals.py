"""All that training uses of torch beside its public interface: optimizers without torch's compiler.

torch.optim imports torch._dynamo when an optimizer is created and when it makes its first step, even if nothing is ever
compiled. That takes a second or two: more than all else between the start of a program and the first update.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def without_compiler() -> Iterator[None]:
    """Create optimizers, and read and load their state, without importing the compiler.

    At its first call, each of these methods asks the compiler to leave it alone, and keeps what it has to call from
    then on in the attribute __dynamo_disable. In this context, that is the method itself.
    """
    if "torch._dynamo" in sys.modules:
        yield
        return
    optimizer = torch.optim.Optimizer
    methods = (optimizer.add_param_group, optimizer.state_dict, optimizer.load_state_dict)
    functions = [method.__wrapped__ for method in methods if hasattr(method, "__wrapped__")]
    for function in functions:
        function.__dynamo_disable = function
    try:
        yield
    finally:
        for function in functions:
            vars(function).pop("__dynamo_disable", None)  # another thread may have removed it; then torch imports more


def update_parameters(optimizer: torch.optim.Optimizer) -> None:
    """Do what optimizer.step() does, without importing the compiler."""
    if "torch._dynamo" in sys.modules:
        optimizer.step()
        return
    with torch.no_grad():
        inspect.unwrap(type(optimizer).step)(optimizer)
