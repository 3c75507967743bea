"""Bits/dim without labels, of a flow of images given their class."""

from flowconv.evaluation.metric import Metric


class BitsPerDimWithoutLabels(Metric):
    """Those of p(x) = mean over classes of p(x | class), which compare with an unconditional flow's."""

    names = {"test": "test_bits_per_dim_without_labels"}
    title, unit, format = "  without labels", "bits/dim", ".4f"
    better = "lower"
    order = 16
    heading = ""

    def compute(self, measured):
        return measured.classification and measured.classification["bits_per_dim"]
