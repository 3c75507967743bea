"""Bits/dim of the weights' moving average."""

from flowconv.evaluation.metric import Metric


class BitsPerDimEMA(Metric):
    """As `bits_per_dim`, of the moving average of the weights."""

    names = {"validation": "validation_bits_per_dim_ema", "test": "test_bits_per_dim_ema"}
    title, unit, format = "  with averaged weights", "bits/dim", ".4f"
    better = "lower"
    weights = "ema"
    order = 11
    heading = ""  # in a column of its own
    line = "with averaged weights"

    def compute(self, measured):
        return measured.bits_per_dim
