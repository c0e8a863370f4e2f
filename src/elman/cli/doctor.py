"""elman doctor: the installed versions, the state of the kernels, and the commands that install what is missing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
from typing import Any

from elman.translations import pad, translate

from .console import print_json
from .options import Json

_PACKAGES = ("numpy", "safetensors", "pydantic", "typer", "rich", "pooch", "tomli-w", "torch")
_EXTRAS = {"torch": ("train", "training")}  # package -> the extra that installs it, and its purpose
_COMPILE = "pip install --force-reinstall --no-deps elman  # needs g++ or clang++"


def doctor(as_json: Json = False) -> None:
    """Print versions, kernels, threads, and what is missing together with the command that installs it."""
    from elman.training.throughput import available_threads
    from elman.version import version

    versions = {"elman": version(), "python": platform.python_version()}
    missing = []
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            missing.append(_missing_package(package))
    kernels = _kernel_state()
    if not kernels["compiled"]:
        missing.append({"package": "elman.kernels", "needed_for": "speed", "mend": _COMPILE})
    report = {"versions": versions, "kernels": kernels, "threads": available_threads(), "missing": missing}
    if as_json:
        print_json(report)
    else:
        _print_report(report)


def _print_report(report: dict[str, Any]) -> None:
    for name, value in report["versions"].items():
        print(f"{name:<14}{value}")
    print(f"{pad(translate('threads', 'words'), 14)}{report['threads']}")
    print(f"{pad(translate('kernels', 'words'), 14)}{translate(_describe_kernels(report['kernels']))}")
    for item in report["missing"]:
        print(translate(f"missing: {item['package']} (needed for {item['needed_for']}). Install it: {item['mend']}"))
    if not report["missing"]:
        print(translate("Nothing is missing."))


def _missing_package(package: str) -> dict[str, str]:
    extra, purpose = _EXTRAS.get(package, (None, "everything"))
    command = f'pip install "elman[{extra}]"' if extra else "pip install elman"
    return {"package": package, "needed_for": purpose, "mend": command}


def _kernel_state() -> dict[str, Any]:
    from elman import kernels

    compiled = importlib.util.find_spec("elman.kernels._native") is not None
    return {
        "compiled": compiled,
        "instruction_set": kernels.instruction_set(),
        "instruction_sets": kernels.instruction_sets(),
        "reason": kernels.unavailable_reason(),
    }


def _describe_kernels(kernels: dict[str, Any]) -> str:
    selected = kernels["instruction_set"]
    if selected is None:
        return f"none ({kernels['reason']}); NumPy predicts and torch trains, which is slower"
    others = [name for name in kernels["instruction_sets"] if name != selected]
    return f"{selected} (also available: {', '.join(others)})" if others else str(selected)
