"""Bits/dim of several importance samples, of the weights' moving average."""

from flowconv.evaluation.metric import Metric


class ImportanceWeightedBitsPerDimEMA(Metric):
    """As `bits_per_dim_importance_weighted`, of the moving average of the weights."""

    names = {"test": "test_bits_per_dim_ema_importance_weighted"}
    title, unit, format = "  importance-weighted, with averaged weights", "bits/dim", ".4f"
    better = "lower"
    weights = "ema"
    order = 14
    heading = ""

    def compute(self, measured):
        return measured.importance_weighted_bits_per_dim
