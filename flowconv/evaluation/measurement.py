"""What metrics are computed of: a flow with certain weights, and a split."""

from functools import cached_property

from flowconv.data.batches import Examples
from flowconv.evaluation.evaluator import Evaluator
from flowconv.evaluation.sample_quality import sample_quality
from flowconv.models import Flow


class Measurement:
    """A flow at the images of a split; passes over all images are made when a metric asks, once each.

    Args:
      evaluator: of the flow, which has the weights in question while a metric is computed.
      examples: of the whole split.
      name: of the split, for the progress of a pass.
      samples: importance samples an image; of a flow whose densities are estimates, draws of these.
      classify: whether classes are told from each other, if the flow has any.
      compared: samples that are compared with as many images; 0: none are.

    Attributes:
      evaluator, examples, name, samples, classify, compared: the arguments.

    Example:
      >>> import numpy as np
      >>> from flowconv import models
      >>> from flowconv.evaluation import Evaluator, Measurement
      >>> flow = models.nice_original((4, 4, 1), depth=2, width=8, network="mlp", preprocessing="centre")
      >>> drawn = flow.reset_weights(seed=0)
      >>> examples = {"image": np.zeros([3, 4, 4, 1], np.uint8)}
      >>> measurement = Measurement(Evaluator(flow, batch_size=3, seed=0), examples, "test")
      >>> measurement.bits_per_dim > 0.0, measurement.draws
      (True, 0)
    """

    def __init__(
        self,
        evaluator: Evaluator,
        examples: Examples,
        name: str,
        samples: int = 1,
        classify: bool = False,
        compared: int = 0,
    ):
        self.evaluator = evaluator
        self.examples = examples
        self.name = name
        self.samples = samples
        self.classify = classify
        self.compared = compared

    @property
    def flow(self) -> Flow:
        """The flow."""
        return self.evaluator.flow

    @property
    def bits_per_dim(self) -> float:
        """The mean over all images."""
        return self._statistics[0]

    @property
    def bits_per_dim_deviation(self) -> float:
        """The standard deviation between images."""
        return self._statistics[1]

    @property
    def bits_per_dim_standard_error(self) -> float | None:
        """That of the mean over draws, where densities are estimates; None where they aren't."""
        return self._statistics[2] if self.draws else None

    @property
    def draws(self) -> int:
        """Of each image, where densities are estimates; 0 where they aren't."""
        return max(2, self.samples) if self.flow.estimates_log_det else 0

    @cached_property
    def _statistics(self):
        if self.draws:
            return self.evaluator.estimate(self.examples, self.draws, self.name)
        return self.evaluator.statistics(self.examples, name=self.name)

    @cached_property
    def importance_weighted_bits_per_dim(self) -> float | None:
        """The tighter bound of several importance samples an image; None if there is but one, or it is no bound.

        The mean of densities that are estimates, as of residual flows, is too large by their noise.
        """
        if self.samples == 1 or self.draws:
            return None
        first, comma, rest = self.name.partition(", ")
        name = f"{first}, {self.samples} importance samples{comma}{rest}"
        return self.evaluator.bits_per_dim(self.examples, self.samples, name)

    @cached_property
    def reconstruction(self) -> dict[str, float]:
        """As `Evaluator.reconstruction`."""
        return self.evaluator.reconstruction(self.examples, f"{self.name.partition(', ')[0]}, reconstruction")

    @cached_property
    def classification(self) -> dict[str, float] | None:
        """As `Evaluator.classification`; None unless it was asked for, and the flow is one of images given a class."""
        if not self.classify or not self.flow.condition.classes:
            return None
        return self.evaluator.classification(self.examples, f"{self.name}, classification")

    @cached_property
    def sample_quality(self) -> dict[str, float] | None:
        """As `sample_quality.sample_quality`; None unless it was asked for."""
        if not self.compared:
            return None
        return sample_quality(
            self.flow,
            self.examples,
            self.compared,
            self.evaluator.seed,
            self.evaluator.between,
            self.evaluator.is_root,
        )
