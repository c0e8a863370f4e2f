"""Files of tensors: .safetensors, and .pt and .pth by torch's restricted reader, which runs no code of the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.checkpoint import Tensors
from elman.errors import ElmanError, ModelError

Array = npt.NDArray[Any]
STATE_DICT_KEYS = ("state_dict", "model_state_dict", "model", "module", "network")  # of checkpoints
HALF_PRECISION = "Convert the weights to float32 first"


def read_safetensors(path: Path) -> tuple[Tensors, dict[str, str]]:
    """Return the tensors and the metadata of a .safetensors file; anything else is a ModelError."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            names = list(file.keys())
            for name in names:
                if (dtype := file.get_slice(name).get_dtype()) not in ("F64", "F32", "F16") and dtype[0] in "BF":
                    raise ModelError(f"{name!r} is {dtype}; expected float32", hint=HALF_PRECISION, where=str(path))
            return {name: file.get_tensor(name) for name in names}, dict(file.metadata() or {})
    except (SafetensorError, KeyError, ValueError, TypeError, OverflowError, OSError) as error:
        problem = f"the file is not in the safetensors format ({error})"
        raise ModelError(problem, hint="Save the weights again", where=str(path)) from None


def read_torch_file(path: Path) -> Tensors:
    """Return the tensors of a .pt or .pth file by name, nested names joined by dots.

    It must hold a state dict, or a checkpoint with one. A whole module, whose reading would run its code, is a
    ModelError.
    """
    try:
        import torch
    except ModuleNotFoundError:
        hint = 'Install it: pip install "elman[train]"; or save the weights as .safetensors'
        raise ElmanError("a file .pt or .pth needs PyTorch, which is not installed", hint=hint) from None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # torch documents no classes of errors here, and its messages explain how to run the file's code
        problem = "the file is damaged, or has Python objects beside tensors; expected a state dict"
        hint = "Save the weights alone: torch.save(model.state_dict(), FILE)"
        raise ModelError(problem, hint=hint, where=str(path)) from None
    if isinstance(content, Mapping):
        inner = [content[key] for key in STATE_DICT_KEYS if isinstance(content.get(key), Mapping)]
        content = inner[0] if inner else content
    tensors = dict(_named_tensors("", content))
    if not tensors:
        problem = f"the file holds a {type(content).__name__} without tensors; expected a state dict"
        raise ModelError(problem, hint="Save it: torch.save(model.state_dict(), FILE)", where=str(path))
    return tensors


def _named_tensors(name: str, value: Any) -> Iterator[tuple[str, Array]]:
    """Yield the tensors in nested mappings; floating point numbers as float32 or float64."""
    import torch

    if isinstance(value, torch.Tensor):
        tensor = value.detach()
        if tensor.is_floating_point() and tensor.dtype not in (torch.float32, torch.float64):
            tensor = tensor.float()
        yield name, np.asarray(tensor.contiguous().numpy())
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _named_tensors(f"{name}.{key}" if name else str(key), inner)
