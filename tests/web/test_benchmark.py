"""The benchmark of the kernels in WebAssembly runs in its smallest form."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .exchange import ROOT

pytestmark = pytest.mark.web


def test_the_kernels_are_timed_in_node() -> None:
    name = "web_kernels"
    script = ROOT / f"benchmarks/{name}.py"
    options = ["--cells", "gru", "--sizes", "3", "--rounds", "1", "--seconds", "0.01"]
    done = subprocess.run([sys.executable, script, *options], capture_output=True, text=True, check=True)
    rows = [line.split() for line in done.stdout.splitlines()[2:]]
    assert [row[:3] for row in rows] == [["gru", "3", "training"], ["gru", "3", "step"]]
    assert all(float(value) > 0 for row in rows for value in row[3:])
