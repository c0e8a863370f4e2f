"""elman: small recurrent sequence models, from the equation on the page to a model that runs without PyTorch.

    import elman

    lm = elman.LanguageModel(cell="lstm", hidden_size=256)
    lm.fit("book.txt", minutes=5)
    print(lm.generate("time traveller", max_tokens=80, temperature=0.7))
    lm.save("models/book")
    lm = elman.load("models/book")          # needs no torch

Public names are looked up when they are used: `import elman` imports neither torch nor NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import ElmanError
    from .estimators import Classifier, Forecaster, LanguageModel, Seq2Seq, Tagger
    from .runtime import load

_HOME_OF = {
    "Classifier": "elman.estimators",
    "ElmanError": "elman.errors",
    "Forecaster": "elman.estimators",
    "LanguageModel": "elman.estimators",
    "Seq2Seq": "elman.estimators",
    "Tagger": "elman.estimators",
    "load": "elman.runtime",
}

_PACKAGES = frozenset({"cells", "nn"})

__all__ = ["Classifier", "ElmanError", "Forecaster", "LanguageModel", "Seq2Seq", "Tagger", "load"]


def __getattr__(name: str) -> Any:
    import importlib

    if name == "__version__":
        from .version import version

        return version()
    if name in _PACKAGES:
        return importlib.import_module(f"elman.{name}")
    if name in _HOME_OF:
        return getattr(importlib.import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module 'elman' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__, *_PACKAGES, "__version__"]
