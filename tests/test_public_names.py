"""The names that `import elman` offers, without the cost of numpy or torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

import elman


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert {"LanguageModel", "load", "ElmanError", "__version__"} <= set(dir(elman))
    assert elman.__version__
    with pytest.raises(AttributeError, match="module 'elman' has no attribute 'LanguageModle'"):
        _ = elman.LanguageModle


REACHABLE = """
import sys
import elman
assert "torch" not in sys.modules and "numpy" not in sys.modules, "import elman is light"
assert {"cells", "nn"} <= set(dir(elman))
print(sorted(elman.cells.CELLS), elman.nn.LSTM.__name__)
"""


def test_cells_and_nn_are_attributes_of_elman() -> None:
    command = [sys.executable, "-W", "error", "-c", REACHABLE]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "['elman', 'gru', 'layer_norm_lstm', 'lstm', 'min_gru'] LSTM\n"
