"""elman doctor: what is here, what is missing, and the command that mends it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform

from .console import print_json
from .train import Json

_PACKAGES = ("numpy", "safetensors", "pydantic", "typer", "rich", "pooch", "tomli-w", "torch")
_OPTIONAL = {"torch": ("train", "training")}


def doctor(as_json: Json = False) -> None:
    """Tell versions, threads, and what is missing with the command that mends it."""
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
    kernels = {"compiled": False, "arithmetic": "NumPy to predict, torch to train"}
    report = {"versions": versions, "kernels": kernels, "threads": available_threads(), "missing": missing}
    if as_json:
        print_json(report)
        return
    for name, value in versions.items():
        print(f"{name:<14}{value}")
    print(f"{'threads':<14}{report['threads']}")
    print(f"{'kernels':<14}{kernels['arithmetic']}")
    for item in missing:
        print(f"missing: {item['package']}, for {item['needed_for']}: {item['mend']}")
    if not missing:
        print("nothing is missing")
