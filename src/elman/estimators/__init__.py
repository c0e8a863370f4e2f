"""One class a task: fit, generate or predict, evaluate, save, over experiment (to learn) and runtime (to use)."""

from .classifier import Classifier
from .language_model import LanguageModel
from .seq2seq import Seq2Seq
from .tagger import Tagger

__all__ = ["Classifier", "LanguageModel", "Seq2Seq", "Tagger"]
