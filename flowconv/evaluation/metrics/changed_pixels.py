"""Numbers that a reconstruction changes."""

from flowconv.evaluation.metric import Metric


class ChangedPixels(Metric):
    """The number of bytes of all images that differ after decode(encode(x)) and rounding, or aren't finite."""

    names = {"test": "changed_pixels"}
    title, format = "numbers changed by it", ","
    better = "lower"
    order = 21
    heading = ""

    def compute(self, measured):
        return measured.reconstruction["changed_pixels"]
