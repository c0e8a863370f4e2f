"""One class a task: fit, generate or predict, evaluate, save, over experiment (to learn) and runtime (to use)."""

from .language_model import LanguageModel
from .seq2seq import Seq2Seq

__all__ = ["LanguageModel", "Seq2Seq"]
