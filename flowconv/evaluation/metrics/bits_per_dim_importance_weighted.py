"""Bits/dim of several importance samples, of the raw weights."""

from flowconv.evaluation.metric import Metric


class ImportanceWeightedBitsPerDim(Metric):
    """The tighter bound of the mean density of several draws of dequantization noise, where these were asked for."""

    names = {"test": "test_bits_per_dim_importance_weighted"}
    title, unit, format = "  importance-weighted", "bits/dim", ".4f"
    better = "lower"
    weights = "raw"
    order = 13
    heading = ""

    def compute(self, measured):
        return measured.importance_weighted_bits_per_dim
