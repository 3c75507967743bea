"""Training speed."""

from flowconv.evaluation.metric import Metric


class ImagesPerSecond(Metric):
    """Training images over the seconds of their steps, of all workers together."""

    names = {"train": "images_per_second"}
    title, unit, format = "training speed", "images/s", ",.0f"
    better = "higher"
    order = 30

    def compute(self, measured):
        return measured.images_per_second
