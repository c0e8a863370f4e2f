"""Metrics as sums and counts until the last line, so that padding, chunks and several processes agree. NumPy alone."""

from .decisions import Confusion, LabelCounts, SpanScores
from .forecasts import FORECAST_ERRORS, ForecastScores
from .means import Mean, bits_per_character, perplexity
from .sequences import SequenceScores, edit_distance, sequence_scores, translation_scores

__all__ = [
    "FORECAST_ERRORS",
    "Confusion",
    "ForecastScores",
    "LabelCounts",
    "Mean",
    "SequenceScores",
    "SpanScores",
    "bits_per_character",
    "edit_distance",
    "perplexity",
    "sequence_scores",
    "translation_scores",
]
