"""Kernel distance between samples and images."""

from flowconv.evaluation.metric import Metric


class KernelDistance(Metric):
    """Squared maximum mean discrepancy between features of samples and of images: KID, but of a random network.

    It is not comparable with figures of Inception's features.
    """

    names = {"test": "kernel_distance"}
    title, format = "kernel distance of samples (random features)", ".5f"
    better = "lower"
    order = 25
    heading = ""

    def compute(self, measured):
        return measured.sample_quality and measured.sample_quality["kernel_distance"]
