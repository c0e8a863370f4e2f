"""Metrics as sums and counts, divided last, so that padding, batches and several processes give the same result."""

from .calibration import (
    BINS,
    ReliabilityBins,
    ThresholdScores,
    brier_score,
    threshold_for_precision,
    threshold_for_recall,
    wilson_lower_bound,
)
from .decisions import ConfusionMatrix, LabelCounts, SpanScores, auc
from .forecasts import FORECAST_METRICS, ForecastScores
from .means import Mean, bits_per_character, perplexity
from .sequences import SequenceScores, edit_distance, sequence_scores, translation_scores

__all__ = [
    "BINS",
    "FORECAST_METRICS",
    "ConfusionMatrix",
    "ForecastScores",
    "LabelCounts",
    "Mean",
    "ReliabilityBins",
    "SequenceScores",
    "SpanScores",
    "ThresholdScores",
    "auc",
    "bits_per_character",
    "brier_score",
    "edit_distance",
    "perplexity",
    "sequence_scores",
    "threshold_for_precision",
    "threshold_for_recall",
    "translation_scores",
    "wilson_lower_bound",
]
