"""The machine in a few words, and whether it is busy with something else."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from dataclasses import dataclass
from pathlib import Path

from elman import kernels
from elman.training.machine import available_threads
from elman.version import version

BUSY = 0.5  # load average: above it somebody else has a good part of a core

_PACKAGES = ("numpy", "torch", "jax", "keras", "onnxruntime")


@dataclass(frozen=True, slots=True)
class Machine:
    """What a figure needs beside it to mean something."""

    processor: str
    threads: int  # that this process may use
    load: float | None  # average number of busy threads in the last minute, before measuring
    kernels: str  # their instruction set, or why there are none
    wait_policy: str  # of OpenMP's idle threads, which keep looking for work for a while unless it is passive
    versions: dict[str, str]

    @property
    def busy(self) -> bool:
        """Whether another job is running."""
        return self.load is not None and self.load > BUSY


def this_machine() -> Machine:
    """Look at this machine."""
    versions = {"elman": version(), "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    name = kernels.instruction_set() or f"none: {kernels.unavailable_reason()}"
    wait_policy = os.environ.get("OMP_WAIT_POLICY", "default").lower()
    return Machine(_processor(), available_threads(), load, name, wait_policy, versions)


def _processor() -> str:
    """Return the processor's name."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
