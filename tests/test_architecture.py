"""The tree is the pipeline: who may import whom, who may import torch, and that public names are documented."""

from __future__ import annotations

import ast
import functools
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src" / "elman"

# A line may import from the lines below it; what stands on one line does not import each other.
LAYERS = [
    {"__main__"},
    {"cli"},
    {"estimators", "bench"},
    {"experiment"},
    {"experiment_config"},
    {"training", "tasks"},
    {"nn", "runtime"},
    {"data", "decoding", "kernels"},
    {"cells", "text", "config", "checkpoint", "metrics"},
    {"errors", "version"},
]
LEVEL = {name: level for level, names in enumerate(reversed(LAYERS)) for name in names}
TORCH_USERS = {"nn", "tasks", "training", "experiment"}
PEERS = {"torch", "jax", "keras", "onnx", "onnxruntime"}  # of bench
# What some parts import beside the packages of every installation; all but torch inside functions.
EXTRAS = {
    "bench": PEERS | {"matplotlib"},
    "estimators": {"sklearn"},
    "metrics": {"sacrebleu"},
    "runtime": {"matplotlib"},
    "text": {"tokenizers"},
}
RUNTIME_PACKAGES = {"numpy", "safetensors", "pydantic", "typer", "rich", "pooch", "tomli_w"}
FILES = sorted(SOURCE.rglob("*.py"))


def part_of(path: Path) -> str:
    """The part of the tree that a file belongs to: `cells` of cells/gru.py, `config` of config.py."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


@functools.cache
def imported_modules(path: Path) -> frozenset[str]:
    """Absolute names of all that a file imports, inside functions too, but not what is for type checkers only."""
    return frozenset(_imported(path, ast.parse(path.read_text("utf-8"))))


def _imported(path: Path, tree: ast.Module) -> Iterator[str]:
    for_types = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    package = ["elman", *path.relative_to(SOURCE).parent.parts]
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def imported_at_once(path: Path) -> set[str]:
    """Absolute names of what a file imports as it is imported: not what is inside functions."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [ast.Pass()]
    return set(_imported(path, tree))


def packages_of(path: Path) -> set[str]:
    """The top-level packages that a file imports."""
    return {name.split(".")[0] for name in imported_modules(path)}


def elman_parts(path: Path) -> set[str]:
    """The parts of elman that a file imports."""
    parts = {name.split(".")[1] for name in imported_modules(path) if name.startswith("elman.")}
    return {part for part in parts if part in LEVEL}


def test_a_file_imports_only_from_the_layers_below_it() -> None:
    wrong = []
    for path in FILES:
        part = part_of(path)
        if part == "__init__":
            continue
        assert part in LEVEL, f"{part} has no place in the import order: add it to LAYERS, and to the design"
        above = {other for other in elman_parts(path) if other != part and LEVEL[other] >= LEVEL[part]}
        wrong += [f"{path} may not import {other}" for other in above]
    assert wrong == []


def test_cells_import_numpy_and_nothing_else_of_ours() -> None:
    for path in (SOURCE / "cells").glob("*.py"):
        assert elman_parts(path) <= {"cells"}
        assert packages_of(path) - {"elman", *sys.stdlib_module_names} <= {"numpy"}


def test_torch_is_imported_only_where_models_are_trained() -> None:
    others = [path for path in FILES if part_of(path) not in TORCH_USERS | {"bench"}]
    assert [path for path in others if "torch" in packages_of(path)] == []


def test_only_declared_packages_are_imported() -> None:
    for path in FILES:
        outside = packages_of(path) - {"elman", *sys.stdlib_module_names}
        undeclared = outside - RUNTIME_PACKAGES - EXTRAS.get(part_of(path), {"torch"})
        assert not undeclared, path


def test_what_an_extra_brings_is_imported_inside_functions() -> None:
    for path in FILES:
        if part_of(path) in EXTRAS:
            at_once = imported_at_once(path)
            assert not {name.split(".")[0] for name in at_once} & EXTRAS[part_of(path)], path
            assert "elman.nn" not in at_once, f"{path}: it imports torch"


def test_every_module_and_public_name_has_a_docstring() -> None:
    for path in FILES:
        tree = ast.parse(path.read_text("utf-8"))
        assert ast.get_docstring(tree), f"{path} tells no story"
        definitions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        silent = [each.name for each in definitions if not each.name.startswith("_") and not ast.get_docstring(each)]
        assert silent == [], path


def test_nothing_is_called_utils() -> None:
    forbidden = {"utils", "helpers", "common", "manager", "handler", "misc", "core"}
    assert [path for path in FILES if forbidden & set(path.relative_to(SOURCE).with_suffix("").parts)] == []


def test_nothing_is_unpickled() -> None:
    for path in FILES:
        assert not packages_of(path) & {"pickle", "dill", "shelve", "marshal"}, path
        assert "torch.load" not in path.read_text("utf-8"), path


def imported_by(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after a statement."""
    code = f"import sys; {statement}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=os.environ)
    return set(done.stdout.split())


def test_importing_elman_imports_neither_torch_nor_numpy() -> None:
    assert not {"torch", "numpy", "pydantic", "rich"} & imported_by("import elman")


def test_the_command_line_and_the_runtime_need_no_torch() -> None:
    loaded = imported_by("import elman.cli, elman.runtime, elman.estimators, elman.bench.train, elman.bench.step")
    assert "numpy" in loaded
    assert "torch" not in loaded


def test_the_installed_torch_is_the_pinned_one() -> None:
    import torch

    pins = (SOURCE.parent.parent / "constraints.txt").read_text("utf-8").splitlines()
    assert f"torch=={torch.__version__.split('+')[0]}" in pins


def test_the_pinned_torch_is_within_the_declared_bounds() -> None:
    from packaging.requirements import Requirement

    extras = tomllib.loads((SOURCE.parent.parent / "pyproject.toml").read_text("utf-8"))["project"]
    (declared,) = extras["optional-dependencies"]["train"]
    pins = (SOURCE.parent.parent / "constraints.txt").read_text("utf-8").splitlines()
    (pinned,) = (line.removeprefix("torch==") for line in pins if line.startswith("torch=="))
    assert Requirement(declared).specifier.contains(pinned)
    assert any(bound.operator == "<" for bound in Requirement(declared).specifier)


def test_what_is_private_in_torch_is_used_in_one_file() -> None:
    # torch's documentation has pages for torch._foreach_...
    private = re.compile(r"torch\.(\w+\.)*_(?!_|foreach_)\w+|\bforward_ad\._|\._parameters\b|\._flat_weights")
    users = [path for path in FILES if private.search(path.read_text("utf-8"))]
    assert users == [SOURCE / "nn" / "torch_internals.py"]


def test_every_declared_dependency_is_pinned() -> None:
    project = tomllib.loads((SOURCE.parent.parent / "pyproject.toml").read_text("utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    fetched = ["cmake", "ninja", "packaging", "pathspec"]  # by the build, where the machine has none
    needs = [*project["project"]["dependencies"], *project["build-system"]["requires"], *fetched, *chain(*extras)]
    pins = (SOURCE.parent.parent / "constraints.txt").read_text("utf-8").lower().replace("_", "-")
    pinned = {line.split("==")[0] for line in pins.splitlines()}
    assert {need.split(">")[0].split("=")[0].lower() for need in needs} <= pinned


def test_every_c_plus_plus_source_is_compiled() -> None:
    build = (SOURCE.parent.parent / "CMakeLists.txt").read_text("utf-8")
    assert [path.name for path in (SOURCE / "kernels").rglob("*.cpp") if f"/{path.name}" not in build] == []
