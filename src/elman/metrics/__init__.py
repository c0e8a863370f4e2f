"""Metrics as sums and counts, divided last, so that padding, batches and several processes give the same result."""

from .decisions import ConfusionMatrix, LabelCounts, SpanScores, auc
from .forecasts import FORECAST_METRICS, ForecastScores
from .means import Mean, bits_per_character, perplexity
from .sequences import SequenceScores, edit_distance, sequence_scores, translation_scores

__all__ = [
    "FORECAST_METRICS",
    "ConfusionMatrix",
    "ForecastScores",
    "LabelCounts",
    "Mean",
    "SequenceScores",
    "SpanScores",
    "auc",
    "bits_per_character",
    "edit_distance",
    "perplexity",
    "sequence_scores",
    "translation_scores",
]
