"""What a training imports: nothing that it does not need, because imports take most of the time to the first update."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
import elman

words = ["good day", "bad day", "good film", "bad film", "fine", "poor"] * 4
options = {"hidden_size": 8, "steps": 2, "threads": 1, "verbose": False}
elman.LanguageModel(**options).fit([" ".join(words) * 10])
elman.Classifier(**options).fit(words, ["p", "n", "p", "n", "p", "n"] * 4)
elman.Tagger(**options).fit([word.split() for word in words], [list("XY"[: len(word.split())]) for word in words])
elman.Seq2Seq(**options).fit(words, [word[::-1] for word in words])
elman.Forecaster(horizon=2, **options).fit([float(i % 7) for i in range(100)])
heavy = ["torch._dynamo", "torch.distributed.fsdp", "sympy", "sklearn", "pandas", "matplotlib", "IPython"]
print([name for name in heavy if name in sys.modules])
"""


@pytest.mark.integration
def test_a_training_imports_neither_torchs_compiler_nor_other_large_packages() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
