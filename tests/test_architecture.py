"""The architecture: who may import whom, who may import torch, no import cycles, and a README that shows the tree."""

from __future__ import annotations

import ast
import functools
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "elman"

# A module may import from the lines below its own line, and from its own part. Parts on one line do not import each
# other. Imports inside functions and imports for type checking count too.
LAYERS = [
    {"__main__"},
    {"cli"},
    {"bench", "labs", "serve"},
    {"estimators"},
    {"export", "inspect"},
    {"experiment"},
    {"displays"},
    {"task training"},
    {"task network"},
    {"training", "nn"},
    {"task"},
    {"task spec"},
    {"models"},
    {"data", "decoding", "kernels", "figures"},
    {"training config"},
    {"options"},
    {"cells", "text", "config", "checkpoint", "metrics", "explanation"},
    {"errors", "shell", "translations", "version"},
]
LEVEL = {name: level for level, names in enumerate(reversed(LAYERS)) for name in names}
# Modules whose part is not their folder. The first pattern that matches counts.
PARTS = {
    "tasks.*.training": "task training",
    "tasks.*.network": "task network",
    "tasks.*.estimator": "estimators",
    "tasks.estimator": "estimators",
    "tasks.spec": "task spec",
    "tasks.loading": "task spec",
    "tasks.sizing": "task spec",
    "tasks.descriptions": "task spec",
    "tasks": "task spec",
    "tasks.*": "task",
    "training.config": "training config",
    "training.displays": "displays",
    "training.notebook_progress": "displays",
}
TORCH_USERS = {"nn", "training", "experiment", "task training", "task network"}
PEERS = {"torch", "jax", "keras", "onnx", "onnxruntime"}  # of bench
# What some parts import beside the packages of every installation; all but torch inside functions.
EXTRAS = {
    "bench": PEERS,
    "checkpoint": {"huggingface_hub"},
    "displays": {"IPython"},
    "estimators": {"sklearn"},
    "export": {"h5py", "onnx", "onnxruntime", "torch"},
    "figures": {"matplotlib", "cycler"},
    "inspect": {"anywidget", "traitlets"},
    "labs": {"IPython", "matplotlib", "torch"},
    "metrics": {"sacrebleu"},
    "serve": {"anyio", "fastapi", "fastapi_offline", "prometheus_client", "starlette", "uvicorn"},
    "text": {"tokenizers"},
}
RUNTIME_PACKAGES = {
    "numpy",
    "safetensors",
    "pydantic",
    "pydantic_core",
    "typer",
    "rich",
    "pooch",
    "tomli_w",
    "charset_normalizer",
    "dateutil",
}
HIDDEN = {"__pycache__", "py.typed", "__main__.py", "__init__.py"}  # not in the tree of the README
IMPORTED_INSIDE_FUNCTIONS = {"serve"}  # parts that the command line imports only where they are needed
FILES = sorted(SOURCE.rglob("*.py"))


def module_of(path: Path) -> str:
    """The dotted name of a file's module below elman: `cells.gru`; a package's is that of its folder."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {module_of(path): path for path in FILES}


def part_of(module: str) -> str:
    """The part of the tree that a module belongs to."""
    special = next((part for pattern, part in PARTS.items() if fnmatchcase(module, pattern)), None)
    return special or module.split(".")[0]


@functools.cache
def imported_modules(path: Path) -> frozenset[str]:
    """Absolute names of everything that a file imports, inside functions and for type checking too."""
    return frozenset(_imported(path, ast.parse(path.read_text("utf-8"))))


def _imported(path: Path, tree: ast.Module) -> Iterator[str]:
    package = ["elman", *path.relative_to(SOURCE).parent.parts]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{module}.{alias.name}" for alias in node.names]
            submodules = [name for name in names if name.removeprefix("elman.") in MODULES or name.endswith("_native")]
            yield from submodules or [module]
            yield from names if len(submodules) < len(names) else ()


def elman_modules(path: Path) -> set[str]:
    """The modules of elman that a file imports, without `elman.`."""
    names = {name.removeprefix("elman.") for name in imported_modules(path) if name.startswith("elman.")}
    return {name for name in names if name in MODULES}


def imported_at_once(path: Path) -> set[str]:
    """Absolute names of what a file imports when it is imported: not inside functions, not for type checking."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or (
            isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        ):
            node.body = [ast.Pass()]
    return set(_imported(path, tree))


def packages_of(path: Path) -> set[str]:
    """The top-level packages that a file imports."""
    return {name.split(".")[0] for name in imported_modules(path)}


def test_a_module_imports_only_from_the_layers_below_it() -> None:
    wrong = []
    for module, path in MODULES.items():
        part = part_of(module)
        if not module:
            continue
        assert part in LEVEL, f"{module} has no place in the import order: add it to LAYERS and to the design"
        others = (other for other in sorted(elman_modules(path)) if part_of(other) != part)
        wrong += [f"{module} may not import {other}" for other in others if LEVEL[part_of(other)] >= LEVEL[part]]
    assert wrong == []


def test_tasks_do_not_import_each_other() -> None:
    wrong = []
    for module, path in MODULES.items():
        if re.match(r"tasks\.\w+(\.|$)", module) and part_of(module) != "task spec" and module != "tasks.estimator":
            task = module.split(".")[1]
            others = {other.split(".")[1] for other in elman_modules(path) if re.match(r"tasks\.\w+\.", other)}
            wrong += [f"{module} imports {other}" for other in others - {task}]
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module: elman_modules(path) - {module} for module, path in MODULES.items() if module}
    while leaves := {module for module, imports in graph.items() if not imports & graph.keys()}:
        graph = {module: imports for module, imports in graph.items() if module not in leaves}
    while roots := {module for module in graph if not any(module in imports for imports in graph.values())}:
        graph = {module: imports for module, imports in graph.items() if module not in roots}
    assert {module: sorted(imports & graph.keys()) for module, imports in graph.items()} == {}


def test_every_task_folder_has_the_same_files() -> None:
    common = {"__init__", "config", "defaults", "readers", "corpus", "predictor", "evaluation", "report"}
    common |= {"network", "training", "estimator"}
    for folder in sorted(path.parent for path in SOURCE.glob("tasks/*/__init__.py")):
        assert common <= {path.stem for path in folder.glob("*.py")}, folder


def test_the_readme_shows_the_tree_as_it_is() -> None:
    for page in ("README.md", "README.zh-CN.md"):
        shown = tree_of((ROOT / page).read_text("utf-8"))
        entries = [path for path in SOURCE.iterdir() if path.name not in HIDDEN]
        top = {f"{path.name}/" if path.is_dir() else path.name for path in entries if not path.name.endswith(".so")}
        assert {name for name in shown if name.count("/") < 2 and (name[-1:] == "/" or "/" not in name)} == top, page
        tasks = {f"tasks/{path.parent.name}/" for path in SOURCE.glob("tasks/*/__init__.py")}
        assert tasks == {name for name in shown if re.fullmatch(r"tasks/\w+/", name)}, page


def tree_of(page: str) -> set[str]:
    """The files and folders that the tree of a README names, as paths below src/elman."""
    block = re.search(r"^src/elman/\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert block is not None
    names: set[str] = set()
    folder = ""
    for line in block[1].splitlines():
        entry = re.match(r"( {2,4})((?:[\w.]+/? ?)+?)(?: {2,}|$)", line)
        if entry is None or not re.search(r"[/.]", entry[2]):
            continue
        if len(entry[1]) == 2:
            folder = entry[2].strip() if entry[2].strip().endswith("/") else ""
            names.add(entry[2].strip())
        else:
            names |= {f"{folder}{name}" for name in entry[2].split()}
    return names


def test_cells_import_numpy_and_nothing_else_of_ours() -> None:
    for path in (SOURCE / "cells").glob("*.py"):
        assert {part_of(module) for module in elman_modules(path)} <= {"cells"}
        assert packages_of(path) - {"elman", *sys.stdlib_module_names} <= {"numpy"}


def test_torch_is_imported_only_where_models_are_trained() -> None:
    others = [
        path for module, path in MODULES.items() if part_of(module) not in TORCH_USERS | {"bench", "export", "labs"}
    ]
    assert [path for path in others if "torch" in packages_of(path)] == []


def test_only_declared_packages_are_imported() -> None:
    for module, path in MODULES.items():
        outside = packages_of(path) - {"elman", *sys.stdlib_module_names}
        undeclared = outside - RUNTIME_PACKAGES - EXTRAS.get(part_of(module), {"torch"})
        assert not undeclared, path


def test_what_an_extra_brings_is_imported_inside_functions() -> None:
    for module, path in MODULES.items():
        above = {name.split(".")[1] for name in imported_at_once(path) if name.startswith("elman.")}
        assert part_of(module) in IMPORTED_INSIDE_FUNCTIONS or not above & IMPORTED_INSIDE_FUNCTIONS, path
        if part_of(module) in EXTRAS.keys() - IMPORTED_INSIDE_FUNCTIONS:
            at_once = imported_at_once(path)
            assert not {name.split(".")[0] for name in at_once} & EXTRAS[part_of(module)], path
            assert "elman.nn" not in at_once, f"{path}: it imports torch"


def test_every_module_and_public_name_has_a_docstring() -> None:
    for path in FILES:
        tree = ast.parse(path.read_text("utf-8"))
        assert ast.get_docstring(tree), f"{path} has no docstring"
        definitions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        silent = [each.name for each in definitions if not each.name.startswith("_") and not ast.get_docstring(each)]
        assert silent == [], path


def test_nothing_is_called_utils() -> None:
    forbidden = {"utils", "helpers", "common", "manager", "handler", "misc", "core"}
    assert [path for path in FILES if forbidden & set(path.relative_to(SOURCE).with_suffix("").parts)] == []


def test_nothing_is_unpickled() -> None:
    for path in FILES:
        assert not packages_of(path) & {"pickle", "dill", "shelve", "marshal"}, path
        calls = re.findall(r"torch\.load\b[^\n]*", path.read_text("utf-8"))
        of_import = (
            path == SOURCE / "export" / "weights" / "tensor_files.py"
        )  # state dicts, by torch's restricted reader
        assert all(of_import and "weights_only=True" in call for call in calls), path


def imported_by(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after a statement."""
    code = f"import sys; {statement}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=os.environ, timeout=60
    )
    return set(done.stdout.split())


def test_importing_elman_imports_neither_torch_nor_numpy() -> None:
    assert not {"torch", "numpy", "pydantic", "rich"} & imported_by("import elman")


def test_the_command_line_and_the_predictors_need_no_torch() -> None:
    loaded = imported_by(
        "import elman.cli, elman.bench.train, elman.bench.step; from elman.tasks.spec import TASKS, task_spec; "
        "[task_spec(name) for name in TASKS]; [getattr(elman, name) for name in elman.__all__]"
    )
    assert "numpy" in loaded
    assert "torch" not in loaded


def test_the_installed_torch_is_the_pinned_one() -> None:
    import torch

    pins = (SOURCE.parent.parent / "constraints.txt").read_text("utf-8").splitlines()
    assert f"torch=={torch.__version__.split('+')[0]}" in pins


def test_the_pinned_torch_is_within_the_declared_bounds() -> None:
    from packaging.requirements import Requirement

    extras = tomllib.loads((SOURCE.parent.parent / "pyproject.toml").read_text("utf-8"))["project"]
    (declared,) = (need for need in extras["optional-dependencies"]["train"] if need.startswith("torch"))
    pins = (SOURCE.parent.parent / "constraints.txt").read_text("utf-8").splitlines()
    (pinned,) = (line.removeprefix("torch==") for line in pins if line.startswith("torch=="))
    assert Requirement(declared).specifier.contains(pinned)
    assert any(bound.operator == "<" for bound in Requirement(declared).specifier)


def test_what_is_private_in_torch_is_used_in_a_file_of_its_own() -> None:
    # torch's documentation has pages for torch._foreach_...
    private = re.compile(r"torch\.(\w+\.)*_(?!_|foreach_)\w+|\bforward_ad\._|\._parameters\b|\._flat_weights")
    users = [path for path in FILES if private.search(path.read_text("utf-8"))]
    assert users == [SOURCE / folder / "torch_internals.py" for folder in ("nn", "training")]


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
