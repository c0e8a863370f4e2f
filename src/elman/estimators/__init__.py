"""One class a task: fit, generate or predict, evaluate, save, over experiment (to learn) and runtime (to use)."""

from .classifier import Classifier
from .forecaster import Forecaster
from .language_model import LanguageModel
from .seq2seq import Seq2Seq
from .tagger import Tagger

__all__ = ["Classifier", "Forecaster", "LanguageModel", "Seq2Seq", "Tagger"]
