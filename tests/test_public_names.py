"""The public names of elman, and what importing it does not import."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import elman


def test_public_names_exist_and_other_names_are_an_error() -> None:
    assert {"LanguageModel", "load", "ElmanError", "__version__"} <= set(dir(elman))
    assert elman.__version__
    with pytest.raises(AttributeError, match="module 'elman' has no attribute 'LanguageModle'"):
        _ = elman.LanguageModle


def test_importing_elman_imports_neither_torch_nor_numpy() -> None:
    code = "import sys, elman; print([name for name in ('torch', 'numpy', 'pydantic') if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


USE_SUBMODULES = """
import sys
import elman
assert "torch" not in sys.modules and "numpy" not in sys.modules, "import elman is light"
assert {"cells", "nn"} <= set(dir(elman))
print(elman.cells.CELLS["gru"].__name__)
"""


def test_cells_and_nn_are_attributes_of_elman(monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-W", "error", "-c", USE_SUBMODULES]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "GRU\n"
    imported = importlib.import_module("elman.nn")  # here, because a new process takes two seconds to import torch
    monkeypatch.delattr(elman, "nn")
    assert elman.nn is imported
    assert elman.nn.LSTM.__name__ == "LSTM"
