"""Bits/dim of the raw weights."""

from flowconv.evaluation.metric import Metric


class BitsPerDim(Metric):
    """−log₂ of the density over the numbers of an image: an upper bound, of one draw of dequantization noise."""

    names = {"train": "bits_per_dim", "validation": "validation_bits_per_dim", "test": "test_bits_per_dim"}
    title, unit, format = "test bits/dim", "bits/dim", ".4f"
    better = "lower"
    weights = "raw"
    order = 10
    heading = ""  # in a column of its own

    def compute(self, measured):
        # Of noisy images they stand in a column of their own.
        return None if getattr(measured, "of_noisy_images", False) else measured.bits_per_dim
