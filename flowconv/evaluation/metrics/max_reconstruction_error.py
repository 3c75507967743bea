"""Largest error of a reconstruction."""

from flowconv.evaluation.metric import Metric


class MaxReconstructionError(Metric):
    """max |x − decode(encode(x))| over all images, with x in the middle of each level."""

    names = {"test": "max_reconstruction_error"}
    title, unit, format = "max reconstruction error, pixel levels", "pixel levels", ".2g"
    better = "lower"
    order = 20
    heading = "reconstruction error"

    def compute(self, measured):
        return measured.reconstruction["max_reconstruction_error"]
