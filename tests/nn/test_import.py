"""Importing elman.nn changes nothing in the process; the first call of a layer prepares the kernels."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .layer_pairs import needs_kernels

STATE = """
import locale, os, random, signal, sys, threading, warnings
import numpy, torch, torch.nn.utils.rnn
import elman.kernels
from elman.cells import unroll

def state():
    handlers = {n: signal.getsignal(n) for n in signal.valid_signals()}
    backends = torch.backends
    return {
        "torch's threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "kernel threads": elman.kernels.get_num_threads(),
        "threads of the process": len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 0,
        "warning filters": list(warnings.filters),
        "environment": dict(os.environ),
        "NumPy's errors": numpy.geterr(),
        "random states": (random.getstate(), str(numpy.random.get_state()), torch.get_rng_state().tolist()),
        "signal handlers": handlers,
        "default dtype": (torch.get_default_dtype(), str(torch.get_default_device())),
        "backends": (backends.mkldnn.enabled, backends.cudnn.enabled, backends.cuda.matmul.allow_tf32),
        "determinism": torch.are_deterministic_algorithms_enabled(),
        "gradients": torch.is_grad_enabled(),
        "locale": locale.setlocale(locale.LC_ALL),
        "hooks": (sys.excepthook, threading.excepthook, sys.displayhook, list(sys.meta_path), list(sys.path)),
        "folder": os.getcwd(),
    }

calls = []
for name in ("borrow_threads", "keep_freed_memory", "register_array_type", "set_num_threads"):
    def spy(*arguments, name=name, original=getattr(elman.kernels, name)):
        calls.append(name)
        return original(*arguments)
    setattr(elman.kernels, name, spy)
before = state()
import elman.nn
after = state()
print([name for name in before if before[name] != after[name]], calls)
"""


CALLS = [
    "elman.nn.GRU(2, 3)(torch.zeros(4, 1, 2))",
    "elman.nn.cross_entropy(torch.ones(1, 2), torch.ones(3, 2), None, torch.tensor([0]))",
]


@pytest.fixture(scope="module")
def output() -> list[str]:
    """What a process prints after the import, after the first call and after more calls."""
    code = "\n".join([STATE, CALLS[0], "print(calls)", *CALLS, "print(calls)"])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_importing_elman_nn_changes_nothing_in_the_process(output: list[str]) -> None:
    assert output[0] == "[] []"
    assert len(output) == 3


@needs_kernels
def test_the_first_call_prepares_the_kernels_and_later_ones_do_not(output: list[str]) -> None:
    once = ["register_array_type", "register_array_type", "borrow_threads", "keep_freed_memory"]
    assert output[1:] == [str(once), str(once)]


def test_torch_cells_are_torchs_own_classes() -> None:
    import torch

    import elman.nn

    for name in ("RNNCell", "GRUCell", "LSTMCell"):
        assert getattr(elman.nn, name) is getattr(torch.nn, name)
