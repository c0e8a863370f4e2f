"""A short description of the machine, and whether it is busy with other work."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from dataclasses import dataclass

from elman import kernels
from elman.training.throughput import available_threads, processor_name
from elman.version import version

BUSY_LOAD = 0.5  # load average above which another process uses a considerable part of a core

_PACKAGES = ("numpy", "torch", "jax", "keras", "onnxruntime")


@dataclass(frozen=True, slots=True)
class Machine:
    """The facts without which a measured speed has no meaning."""

    processor: str
    threads: int  # number that this process may use
    load: float | None  # average number of busy threads during the last minute before the measurement
    kernels: str  # instruction set of the compiled kernels, or the reason why there are none
    wait_policy: str  # OMP_WAIT_POLICY: idle threads of OpenMP keep spinning for a while unless it is passive
    versions: dict[str, str]

    @property
    def busy(self) -> bool:
        """Whether another process is running."""
        return self.load is not None and self.load > BUSY_LOAD


def describe_machine() -> Machine:
    """Return the description of this machine."""
    versions = {"elman": version(), "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    instruction_set = kernels.instruction_set() or f"none: {kernels.unavailable_reason()}"
    wait_policy = os.environ.get("OMP_WAIT_POLICY", "default").lower()
    return Machine(processor_name(), available_threads(), load, instruction_set, wait_policy, versions)
