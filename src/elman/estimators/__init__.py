"""One class a task: fit, generate or predict, evaluate, save, over experiment (to learn) and runtime (to use)."""

from elman.tasks.classifier.estimator import Classifier
from elman.tasks.forecaster.estimator import Forecaster
from elman.tasks.language_model.estimator import LanguageModel
from elman.tasks.seq2seq.estimator import Seq2Seq
from elman.tasks.tagger.estimator import Tagger

__all__ = ["Classifier", "Forecaster", "LanguageModel", "Seq2Seq", "Tagger"]
