"""Share of clipped numbers in samples."""

import numpy as np

from flowconv.evaluation import Metric


class ClippedSamples(Metric):
    """The share of bytes that are 0 or 255 in samples at temperature 1: of a flow that leaves [0, 1) it is high."""

    names = {"validation": "validation_clipped_samples", "test": "clipped_samples"}
    title, format = "clipped numbers of samples", ".2%"
    better = "lower"

    def compute(self, measured):
        images = measured.flow.to_images(measured.flow.sample(16, seed=0)).numpy()
        return float(np.mean((images == 0) | (images == 255)))
