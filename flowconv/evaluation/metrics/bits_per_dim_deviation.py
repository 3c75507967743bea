"""Deviation of bits/dim between images."""

from flowconv.evaluation.metric import Metric


class BitsPerDimDeviation(Metric):
    """The standard deviation of bits/dim between the images of the split: of how typical an image is."""

    names = {"test": "test_bits_per_dim_deviation"}
    title, unit, format = "  deviation between images", "bits/dim", ".4f"
    order = 12
    heading = ""

    def compute(self, measured):
        return measured.bits_per_dim_deviation
