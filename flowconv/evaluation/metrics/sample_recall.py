"""Share of images that samples reach."""

from flowconv.evaluation.metric import Metric


class SampleRecall(Metric):
    """The share of images whose features lie among those of samples.

    It is not comparable with figures of Inception's features.
    """

    names = {"test": "sample_recall"}
    title, format = "recall of samples (random features)", ".4f"
    better = "higher"
    order = 27
    heading = ""

    def compute(self, measured):
        return measured.sample_quality and measured.sample_quality["recall"]
