"""Learning rate."""

from flowconv.evaluation.metric import Metric


class LearningRate(Metric):
    """The mean learning rate of the steps, with warm-up, schedule, and the factor of a run that went back."""

    names = {"train": "learning_rate"}
    title = "learning rate"
    order = 31

    def compute(self, measured):
        return measured.mean("learning_rate")
