"""elman doctor: what is here, what is missing, and the command that mends it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
from typing import Any

from .console import print_json
from .options import Json

_PACKAGES = ("numpy", "safetensors", "pydantic", "typer", "rich", "pooch", "tomli-w", "torch")
_OPTIONAL = {"torch": ("train", "training")}
_COMPILE = "pip install --force-reinstall --no-deps elman  # where there is g++ or clang++"


def doctor(as_json: Json = False) -> None:
    """Tell versions, kernels, threads, and what is missing with the command that mends it."""
    from elman.training.machine import available_threads
    from elman.version import version

    versions = {"elman": version(), "python": platform.python_version()}
    missing = []
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            extra, what = _OPTIONAL.get(package, (None, "everything"))
            command = f'pip install "elman[{extra}]"' if extra else "pip install elman"
            missing.append({"package": package, "needed_for": what, "mend": command})
    kernels = _kernels()
    if not kernels["compiled"]:
        missing.append({"package": "elman.kernels", "needed_for": "speed", "mend": _COMPILE})
    report = {"versions": versions, "kernels": kernels, "threads": available_threads(), "missing": missing}
    if as_json:
        print_json(report)
        return
    for name, value in versions.items():
        print(f"{name:<14}{value}")
    print(f"{'threads':<14}{report['threads']}")
    print(f"{'kernels':<14}{_told(kernels)}")
    for item in missing:
        print(f"missing: {item['package']}, for {item['needed_for']}: {item['mend']}")
    if not missing:
        print("nothing is missing")


def _kernels() -> dict[str, Any]:
    from elman import kernels

    compiled = importlib.util.find_spec("elman.kernels._native") is not None
    return {
        "compiled": compiled,
        "instruction_set": kernels.instruction_set(),
        "instruction_sets": kernels.instruction_sets(),
        "reason": kernels.unavailable_reason(),
    }


def _told(kernels: dict[str, Any]) -> str:
    used = kernels["instruction_set"]
    if used is None:
        return f"none: {kernels['reason']}; NumPy predicts and torch trains, slower"
    others = [name for name in kernels["instruction_sets"] if name != used]
    return f"{used} (also {', '.join(others)})" if others else str(used)
