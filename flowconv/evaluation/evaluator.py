"""Bits/dim and reconstruction error of a whole split, each image counted once."""

import math
from collections.abc import Callable, Iterator
from itertools import chain, repeat

import numpy as np
import tensorflow as tf

from flowconv.data import evaluation_batches
from flowconv.data.batches import Examples
from flowconv.models import Flow
from flowconv.ops.backends import compile_fn
from flowconv.utils.progress_bar import progress


def _of_noise(batch, number):
    """The same images, with another draw of noise."""
    return batch, 2 * number  # (stream 1 is that of flips)


class Evaluator:
    """Evaluates a flow; the result does not depend on the number of workers or the batch size.

    Args:
      flow: the model.
      batch_size: images a worker takes at a time.
      seed: of the dequantization noise, which depends on it and an image's number alone.
      rank, world_size: of this worker; each evaluates its part.
      total: returns a tensor's sum over all workers.
      maximum: returns a tensor's maximum over all workers.
      jit_compile: whether XLA compiles the flow.
      between: called before each batch, on all workers as often; it may raise.

    Example:
      >>> import numpy as np
      >>> from flowconv import models
      >>> from flowconv.evaluation import Evaluator
      >>> flow = models.nice_original((4, 4, 1), depth=2, width=8, network="mlp", preprocessing="centre")
      >>> drawn = flow.reset_weights(seed=0)
      >>> examples = {"image": np.zeros([3, 4, 4, 1], np.uint8)}
      >>> mean, deviation = Evaluator(flow, batch_size=2, seed=0).statistics(examples)
      >>> mean > 0.0
      True
    """

    def __init__(
        self,
        flow: Flow,
        *,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        total: Callable[[tf.Tensor], tf.Tensor] = tf.identity,
        maximum: Callable[[tf.Tensor], tf.Tensor] = tf.identity,
        jit_compile: bool = False,
        between: Callable[[], None] = lambda: None,
    ):
        self.flow = flow
        self.seed = seed
        self.part = {"batch_size": batch_size, "rank": rank, "world_size": world_size}
        self.total = total
        self.maximum = maximum
        self.between = between

        def bits_per_dim(batch, stream):
            return flow.bits_per_dim(batch["image"], seed, batch["position"], stream, flow.condition_of(batch))

        def reconstruct(x, condition):
            return flow.decode(flow.encode(x, condition), condition)

        self._bits_per_dim = compile_fn(bits_per_dim, jit_compile)
        self._reconstruct = compile_fn(reconstruct, jit_compile)

    @property
    def is_root(self) -> bool:
        """Whether this worker is the one that prints."""
        return self.part["rank"] == 0

    def bits_per_dim(self, examples: Examples, samples: int = 1, name: str = "evaluation") -> float:
        """Returns the mean bits/dim of examples; arguments and errors as of `statistics`."""
        return self.statistics(examples, samples, name)[0]

    def statistics(self, examples: Examples, samples: int = 1, name: str = "evaluation") -> tuple[float, float]:
        """Returns the mean and the standard deviation of the bits/dim of examples.

        Args:
          examples: images, and whatever else a batch shall have of them, by name.
          name: of the pass, for its progress.
          samples: draws of the dequantization noise an image. Of several the densities are averaged, before the
            logarithm is taken: a tighter upper bound (Burda et al. 2016; Ho et al. 2019, equation 12).

        Raises:
          ValueError: on every worker, if there are none.
        """
        summed = np.zeros(3)
        for _, draws in self._draws(examples, name, samples):
            values = _bits_of_mean_density(draws, self.flow.dimensions)
            summed += values.sum(), np.square(values).sum(), len(values)
        bits, squares, count = self._total_of(summed)
        mean = float(bits / count)
        return mean, _deviation(mean, float(squares / count))

    def estimate(self, examples: Examples, draws: int, name: str = "evaluation") -> tuple[float, float, float]:
        """As `statistics`, of a flow whose densities are estimates, and the mean's standard error over draws.

        A draw is one of the noise and of the log-determinants' random numbers. The bits/dim of draws are averaged, not
        the densities: the logarithm is what the estimates are unbiased of. The mean of densities would be too large.

        Args:
          examples: as of `statistics`.
          draws: of each image, at least 2.
          name: of the pass, for its progress.
        """
        summed = np.zeros(4)
        for _, values in self._draws(examples, name, draws):
            bits, variances = values.mean(axis=0), values.var(axis=0, ddof=1) / draws
            summed += bits.sum(), np.square(bits).sum(), variances.sum(), len(bits)
        bits, squares, variance, count = self._total_of(summed)
        mean = float(bits / count)
        return mean, _deviation(mean, float(squares / count)), math.sqrt(variance) / float(count)

    def classification(self, examples: Examples, name: str = "classification") -> dict[str, float]:
        """Takes the images of examples as if their labels weren't known, of a flow of images given their class.

        All classes count as equally likely, p(x) = mean_c p(x | c), and by Bayes' rule the most likely one of an image
        is that with the highest p(x | c). It takes a pass for each class.

        Args:
          examples: images and labels.
          name: of the pass, for its progress.

        Returns:
          bits_per_dim: the mean, without labels, from the same draws of noise as `statistics`;
          accuracy: the share of images whose most likely class is their own.
        """
        classes = self.flow.condition.classes
        summed = np.zeros(3)

        def given(batch, label):
            return {**batch, "label": tf.fill(batch["label"].shape, label)}, 0

        for batch, bits in self._draws(examples, name, classes, given):
            right = bits.argmin(0) == batch["label"].numpy()[: bits.shape[1]]
            summed += _bits_of_mean_density(bits, self.flow.dimensions).sum(), right.sum(), len(right)
        bits, right, count = self._total_of(summed)
        return {"bits_per_dim": float(bits / count), "accuracy": float(right / count)}

    def reconstruction(self, examples: Examples, name: str = "reconstruction") -> dict[str, float]:
        """Compares the images of examples with decode(encode(images)); `name` is that of the pass.

        Returns:
          max_reconstruction_error: max |x − decode(encode(x))| in pixel levels, with x in the middle of each level;
          changed_pixels: how many numbers differ after rounding to levels, or aren't finite.
        """
        error, changed = 0.0, 0
        for batch, _ in self._pass(examples, name):
            count = int(batch["count"])
            x = self.flow.dequantize_midpoint(batch["image"])
            reconstructed = self._reconstruct(x, self.flow.condition_of(batch))
            difference = tf.abs(tf.cast(reconstructed, tf.float64) - tf.cast(x, tf.float64))[:count]
            # A NaN must not pass as the smaller one.
            error = float(np.max(np.append(difference.numpy().ravel(), error)))
            levels, expected = (self.flow.dequantization.inverse(images) for images in (reconstructed, x))
            same = (levels == expected) & tf.math.is_finite(reconstructed)
            changed += int(np.sum(~same.numpy()[:count]))
        return {
            "max_reconstruction_error": float(self.maximum(tf.constant(error * 2.0**self.flow.n_bits, tf.float64))),
            "changed_pixels": int(self.total(tf.constant(changed, tf.int64))),
        }

    def _draws(self, examples: Examples, name: str, draws: int, given: Callable = _of_noise) -> Iterator:
        """Yields this worker's batches, each with the bits/dim of so many draws of its images, float64 `[draws, n]`.

        Args:
          examples, name: as of `statistics`.
          draws: at least 1.
          given: returns the batch and the stream of noise of a draw, by its number.
        """
        values = []
        for batch, number in self._pass(examples, name, draws):
            taken, stream = given(batch, number)
            of_draw = self._bits_per_dim(taken, tf.constant(stream, tf.int64)).numpy()
            values.append(of_draw[: int(batch["count"])].astype(np.float64))
            if len(values) == draws:
                yield batch, np.stack(values)
                values = []

    def _total_of(self, summed: np.ndarray) -> np.ndarray:
        """Returns sums over all workers' images, whose number is the last of them.

        Raises:
          ValueError: on every worker, if there are none.
        """
        total = self.total(tf.constant(summed)).numpy()
        if not total[-1]:
            raise ValueError("there are no images to evaluate")
        return total

    def _pass(self, examples: Examples, name: str, draws: int = 1) -> Iterator:
        """Yields this worker's batches, each so many times, with the number of the time."""
        batches = evaluation_batches(examples, **self.part)
        largest_part = math.ceil(len(examples["image"]) / self.part["world_size"])  # of any worker
        most = math.ceil(largest_part / self.part["batch_size"])
        own = ((batch, number) for batch in batches for number in range(draws))
        turns = chain(own, repeat(None, draws * (most - len(batches))))
        for turn in progress(turns, draws * most, name, "batches", visible=self.is_root):
            self.between()
            if turn is not None:
                yield turn


def _deviation(mean: float, squares: float) -> float:
    """The standard deviation of numbers, by their mean and that of their squares."""
    variance = squares - mean**2
    # Below that, rounding is all there is; a NaN stays one.
    return math.sqrt(variance) if variance > 1e-12 * mean**2 else 0.0 * variance


def _bits_of_mean_density(bits_per_dim, dimensions):
    """Of `[draws, N]`, each −log₂ p / dimensions, those of the draws' mean p, `[N]`."""
    with np.errstate(invalid="ignore"):  # a NaN stays one, without a warning
        log2_sum = np.logaddexp2.reduce(-dimensions * bits_per_dim, axis=0)
    return -(log2_sum - np.log2(len(bits_per_dim))) / dimensions
