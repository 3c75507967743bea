"""Share of samples that are like images."""

from flowconv.evaluation.metric import Metric


class SamplePrecision(Metric):
    """The share of samples whose features lie among those of images.

    It is not comparable with figures of Inception's features.
    """

    names = {"test": "sample_precision"}
    title, format = "precision of samples (random features)", ".4f"
    better = "higher"
    order = 26
    heading = ""

    def compute(self, measured):
        return measured.sample_quality and measured.sample_quality["precision"]
