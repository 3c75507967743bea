"""What labels are worth, of a flow of images given their class."""

from flowconv.evaluation.metric import Metric


class BitsPerDimOfLabels(Metric):
    """Bits/dim without labels minus those with them: what not to know an image's class costs.

    By Bayes' rule it is the mean of log₂(n·p(label | image)) over the numbers of an image: of n classes at most log₂ n
    over these.
    """

    names = {"test": "test_bits_per_dim_of_labels"}
    title, unit, format = "  what labels are worth", "bits/dim", ".6f"
    order = 17
    heading = ""

    def compute(self, measured):
        return measured.classification and measured.classification["bits_per_dim"] - measured.bits_per_dim
