"""Distances between samples and images, as sets of features: kernel distance, precision and recall."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from flowconv.data.batches import Examples
from flowconv.evaluation.features import random_features
from flowconv.models import Flow
from flowconv.utils.progress_bar import progress, working

AT_ONCE = 64  # samples; by a fixed number they are the same whatever an evaluation's batch
NEIGHBOURS = 3  # as Kynkäänniemi et al. have it


def kernel_distance(x: np.ndarray, y: np.ndarray) -> float:
    """Returns the unbiased estimate of the squared maximum mean discrepancy between sets of features `[N, D]`.

    Its kernel is (x·y / D + 1)³, its expectation 0 for two sets of one distribution. With Inception's features it is
    the Kernel Inception Distance, KID.

    References:
      Bińkowski et al. 2018, "Demystifying MMD GANs", section 4.
    """
    within_x, within_y, between = (_kernel(a, b) for a, b in ((x, x), (y, y), (x, y)))
    return float(_mean_of_pairs(within_x) + _mean_of_pairs(within_y) - 2.0 * between.mean())


def _kernel(x, y):
    return (x @ y.T / x.shape[1] + 1.0) ** 3


def _mean_of_pairs(kernel):
    """The mean over pairs of two different ones."""
    return (kernel.sum() - np.trace(kernel)) / (len(kernel) * (len(kernel) - 1))


def precision_and_recall(images: np.ndarray, samples: np.ndarray) -> tuple[float, float]:
    """Returns the share of samples that lie among the images, and the share of images that lie among the samples.

    One lies among a set if it is in one of the balls around that set's features, each as large as the distance to the
    third nearest other one. Precision is low if samples are unlike images, recall if they lack the images' variety.

    References:
      Kynkäänniemi et al. 2019, "Improved Precision and Recall Metric for Assessing Generative Models", section 2.
    """
    between = _squared_distances(images, samples)
    precision = np.mean(np.any(between <= _radii(images)[:, None], axis=0))
    recall = np.mean(np.any(between <= _radii(samples)[None, :], axis=1))
    return float(precision), float(recall)


def _squared_distances(x, y):
    products = x @ y.T
    return np.maximum(np.square(x).sum(1)[:, None] + np.square(y).sum(1)[None, :] - 2.0 * products, 0.0)


def _radii(x):
    """The squared distance of each to its third nearest other one."""
    distances = _squared_distances(x, x)
    np.fill_diagonal(distances, np.inf)
    return np.partition(distances, NEIGHBOURS - 1, axis=1)[:, NEIGHBOURS - 1]


def sample_quality(
    flow: Flow,
    examples: Examples,
    count: int,
    seed: int,
    between: Callable[[], None] = lambda: None,
    visible: bool = True,
) -> dict[str, float] | None:
    """Compares samples at temperature 1 with as many images of a split; every worker computes the same.

    A conditional flow is given the images' conditions. Features are `random_features`, each shifted and scaled to mean
    0 and standard deviation 1 over the images.

    Args:
      flow: the model.
      examples: of the split, of which `count` are drawn, or all if there are fewer.
      count: how many.
      seed: of the draws.
      between: called before each batch.
      visible: whether progress is shown.

    Returns:
      kernel_distance, precision and recall; None if there are too few images.
    """
    there = len(examples["image"])
    count = min(count, there)
    if count <= NEIGHBOURS + 1:
        return None
    chosen = np.sort(np.random.default_rng(seed).choice(there, count, replace=False))
    examples = {name: np.asarray(each[chosen]) for name, each in examples.items()}
    samples = _samples(flow, examples, seed, between, visible)
    with working("features of samples and images", visible):
        real, drawn = random_features(examples["image"]), random_features(samples)
        centre, scale = real.mean(axis=0), real.std(axis=0)
        real, drawn = ((each - centre) / np.where(scale > 0.0, scale, 1.0) for each in (real, drawn))
        precision, recall = precision_and_recall(real, drawn)
        return {"kernel_distance": kernel_distance(real, drawn), "precision": precision, "recall": recall}


def _samples(flow, examples, seed, between, visible):
    """As many samples as there are examples, uint8."""
    draw = tf.function(lambda seed, condition: flow.sample(AT_ONCE, 1.0, seed, condition), autograph=False)
    count = len(examples["image"])
    seeds = np.random.SeedSequence(seed).generate_state(-(-count // AT_ONCE)) >> 1  # within int32
    parts = []
    for number, each in enumerate(progress(seeds, len(seeds), "sampling", "batches", visible)):
        between()
        part = np.arange(number * AT_ONCE, (number + 1) * AT_ONCE) % count  # the last one is filled up
        condition = flow.condition_of({name: tf.constant(values[part]) for name, values in examples.items()})
        parts.append(flow.to_images(draw(tf.constant(int(each), tf.int32), condition)).numpy())
    return np.concatenate(parts)[:count]
