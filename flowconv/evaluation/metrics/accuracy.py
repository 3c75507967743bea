"""The accuracy of classification, of a flow of images given their class."""

from flowconv.evaluation.metric import Metric


class Accuracy(Metric):
    """The share of images whose most likely class, by Bayes' rule, is their own."""

    names = {"test": "test_accuracy"}
    title, format = "accuracy by Bayes' rule", ".4f"
    better = "higher"
    order = 18
    heading = ""

    def compute(self, measured):
        return measured.classification and measured.classification["accuracy"]
