"""Standard error of estimated bits/dim, of the weights' moving average."""

from flowconv.evaluation.metric import Metric


class BitsPerDimEMAStandardError(Metric):
    """As `bits_per_dim_standard_error`, of the moving average of the weights."""

    names = {"validation": "validation_bits_per_dim_ema_standard_error", "test": "test_bits_per_dim_ema_standard_error"}
    title, unit, format = "  standard error of the estimate, averaged weights", "bits/dim", ".2g"
    weights = "ema"
    order = 11
    heading = ""
    line = "standard error of it"

    def compute(self, measured):
        return measured.bits_per_dim_standard_error
