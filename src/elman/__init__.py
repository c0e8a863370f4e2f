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
    from .inspect.widget import widget
    from .models.streams import Streams
    from .tasks.classifier.estimator import Classifier
    from .tasks.forecaster.estimator import Forecaster
    from .tasks.language_model.estimator import LanguageModel
    from .tasks.loading import load
    from .tasks.seq2seq.estimator import Seq2Seq
    from .tasks.tagger.estimator import Tagger

_HOME_OF = {
    "Classifier": "elman.tasks.classifier.estimator",
    "ElmanError": "elman.errors",
    "Forecaster": "elman.tasks.forecaster.estimator",
    "LanguageModel": "elman.tasks.language_model.estimator",
    "Seq2Seq": "elman.tasks.seq2seq.estimator",
    "Streams": "elman.models.streams",
    "Tagger": "elman.tasks.tagger.estimator",
    "load": "elman.tasks.loading",
    "widget": "elman.inspect.widget",
}

_PACKAGES = frozenset({"cells", "export", "inspect", "nn"})

__all__ = ["Classifier", "ElmanError", "Forecaster", "LanguageModel", "Seq2Seq", "Streams", "Tagger", "load", "widget"]


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
