"""Standard error of estimated bits/dim."""

from flowconv.evaluation.metric import Metric


class BitsPerDimStandardError(Metric):
    """That of `bits_per_dim` over draws, of a flow whose log-determinants are estimates."""

    names = {"validation": "validation_bits_per_dim_standard_error", "test": "test_bits_per_dim_standard_error"}
    title, unit, format = "  standard error of the estimate", "bits/dim", ".2g"
    weights = "raw"
    order = 10
    heading = ""
    line = "standard error of the estimate"

    def compute(self, measured):
        return measured.bits_per_dim_standard_error
