"""The pages of the API reference: every public name, with its docstring.

A package's public names are those of its `__all__`. Modules that no `__all__` names but that users need are in MODULES.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import elman
from elman.labs.lab import Language, Text

PREDICTORS = "predictor"  # the module of a task's folder with what elman.load returns
MODULES = ("elman.cells.unroll", "elman.cells.readout", "elman.cells.gradcheck", "elman.tasks.spec", "elman.labs.lab")
TITLE = Text("API reference: every public class and function", "API 参考：全部公开的类与函数")
INTRODUCTION = Text(
    "The names are grouped by package. `elman` has the estimators, which train, predict and save; "
    "`elman.load` reads a model folder; `elman.nn` has the torch modules that replace RNN, LSTM and GRU of `torch.nn`; "
    "`elman.cells` has the equations in NumPy.",
    "按包分组。`elman` 提供估计器，用来训练、预测和保存；`elman.load` 读取模型文件夹；`elman.nn` 是可以替换 "
    "`torch.nn` 中 RNN、LSTM、GRU 的 torch 模块；`elman.cells` 是用 NumPy 写成的公式。"
    "以下各页的说明来自源代码的文档字符串，为英文。",
)


def modules() -> list[str]:
    """Return the names of the modules that have a page."""
    tops = [f"elman.{module.name}" for module in pkgutil.iter_modules(elman.__path__) if module.ispkg]
    packages = [name for name in tops if hasattr(importlib.import_module(name), "__all__")]
    tasks = importlib.import_module("elman.tasks")
    predictors = [
        f"elman.tasks.{module.name}.{PREDICTORS}" for module in pkgutil.iter_modules(tasks.__path__) if module.ispkg
    ]
    return ["elman", *packages, *predictors, *MODULES]


def public_names(module: ModuleType) -> list[str]:
    """Return the names of `__all__`, or those that the module itself defines."""
    names = getattr(module, "__all__", None)
    if names is not None:
        return list(names)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__ and callable(value)
    ]


def pages(language: Language) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each page of the reference."""
    names = modules()
    entries = "\n".join(f"{name} <api/{name}>" for name in names)
    yield (
        "api",
        f"# {TITLE.in_language(language)}\n\n{INTRODUCTION.in_language(language)}\n\n"
        f"```{{toctree}}\n:maxdepth: 1\n\n{entries}\n```\n",
    )
    for name in names:
        yield f"api/{name}", module_page(importlib.import_module(name))


def module_page(module: ModuleType) -> str:
    """Return the page of a module, as reStructuredText."""
    name = module.__name__
    parts = [f"{name}\n{'=' * len(name)}", f".. automodule:: {name}\n   :no-members:"]
    parts += [_directive(name, member, getattr(module, member)) for member in public_names(module)]
    return "\n\n".join(parts) + "\n"


def _directive(module: str, name: str, value: Any) -> str:
    home = getattr(value, "__module__", None) or ""
    if home.split(".")[0] == "torch":  # whose docstrings are written for torch's own site
        return f".. py:class:: {module}.{name}\n   :no-index-entry:\n\n   The class of this name in ``torch.nn``."
    if inspect.isclass(value):
        if module == "elman":
            return f".. autoclass:: {module}.{name}\n   :members:\n   :inherited-members: object"
        return f".. autoclass:: {module}.{name}\n   :members:"
    if inspect.ismodule(value):
        return f".. automodule:: {value.__name__}\n   :no-members:\n   :no-index:"
    if callable(value):
        return f".. autofunction:: {module}.{name}"
    return f".. autodata:: {module}.{name}\n   :no-value:"
