"""Norm of the gradient."""

from flowconv.evaluation.metric import Metric


class GradientNorm(Metric):
    """The mean global norm of the steps' gradients, before clipping."""

    names = {"train": "gradient_norm"}
    title, unit = "gradient norm", "bits/dim"
    order = 32

    def compute(self, measured):
        return measured.mean("gradient_norm")
