"""Distances between sets of features, against their definitions in loops."""

import numpy as np
import pytest

from flowconv.evaluation import Evaluator, Measurement, compute_metrics
from flowconv.evaluation.features import WIDTHS, random_features
from flowconv.evaluation.sample_quality import kernel_distance, precision_and_recall, sample_quality
from flowconv.models import glow

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(13, 5)), RANDOM.normal(0.3, 1.3, size=(9, 5))


def kernel_distance_in_loops(x, y):
    def k(a, b):
        return (float(np.dot(a, b)) / len(a) + 1.0) ** 3

    m, n = len(x), len(y)
    within_x = sum(k(x[i], x[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    within_y = sum(k(y[i], y[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    return within_x + within_y - 2.0 * sum(k(a, b) for a in x for b in y) / (m * n)


def share_among(points, centres):
    """Of points, those that are at most as far from one of the centres as its third nearest other one."""

    def radius(i):
        return sorted(np.linalg.norm(centres[i] - centres[j]) for j in range(len(centres)) if j != i)[2]

    radii = [radius(i) for i in range(len(centres))]
    return np.mean([any(np.linalg.norm(p - c) <= r for c, r in zip(centres, radii, strict=True)) for p in points])


def test_the_kernel_distance_is_its_definition():
    assert kernel_distance(X, Y) == pytest.approx(kernel_distance_in_loops(X, Y), rel=1e-12)
    biased = kernel_distance_in_loops(np.concatenate([X, X]), Y)  # pairs of one with itself count there
    assert kernel_distance(X, Y) != pytest.approx(biased, rel=1e-3)


def test_precision_and_recall_are_their_definitions():
    precision, recall = precision_and_recall(X, Y)
    assert (precision, recall) == (share_among(Y, X), share_among(X, Y))
    assert 0.0 < precision < recall <= 1.0  # samples spread wider than images


def test_samples_of_the_same_distribution_are_as_good_as_images():
    x, y = np.random.default_rng(1).normal(size=(2, 400, 3))
    assert abs(kernel_distance(x, y)) < 0.1 < kernel_distance(x, y + 0.5)
    assert min(precision_and_recall(x, y)) > 0.9
    precision, recall = precision_and_recall(x, 0.1 * y)  # no variety
    assert precision > 0.99 and recall < 0.2
    assert max(precision_and_recall(x, y + 50.0)) == 0.0


def images(shift=0, shape=(12, 8, 8, 3)):
    return np.random.default_rng(2).integers(shift, 200 + shift, shape, np.uint8)


@pytest.mark.parametrize("shape", [(5, 8, 8, 3), (5, 7, 12, 1)])
def test_features_are_the_network_s_means(shape):
    """As a loop over positions has them, of the first two layers; the same for any batch size."""
    x = images(shape=shape)
    features = random_features(x)
    assert features.shape == (5, sum(WIDTHS)) and features.dtype == np.float64
    np.testing.assert_allclose(features, random_features(x, batch_size=2), rtol=1e-5, atol=1e-6)
    random = np.random.default_rng(0)
    kernel = random.normal(0.0, np.sqrt(2.0 / (9 * shape[-1])), (3, 3, shape[-1], WIDTHS[0]))
    padded = np.pad(x / 127.5 - 1.0, ((0, 0), (1, 1), (1, 1), (0, 0)))
    means = np.zeros((5, WIDTHS[0]))
    for i in range(shape[1]):
        for j in range(shape[2]):
            means += np.maximum(np.einsum("bijc,ijcf->bf", padded[:, i : i + 3, j : j + 3], kernel), 0.0)
    np.testing.assert_allclose(features[:, : WIDTHS[0]], means / (shape[1] * shape[2]), rtol=1e-4)


def test_features_tell_other_images_apart():
    x, dark = random_features(images()), random_features(images(shift=55))
    assert kernel_distance(x, dark) > 10.0 * abs(kernel_distance(x[::2], x[1::2]))


def test_a_flow_is_measured_when_it_is_asked_for():
    flow = glow((8, 8, 3), levels=1, depth=1, width=4)
    evaluator, passes = Evaluator(flow, batch_size=5, seed=0), []
    evaluator.between = lambda: passes.append(1)
    examples = {"image": images()}
    names = {"kernel_distance", "sample_precision", "sample_recall"}
    assert not names & compute_metrics("test", Measurement(evaluator, examples, "test"), "better").keys()
    passes.clear()
    asked = Measurement(evaluator, examples, "test", compared=100)  # all 12
    found = asked.sample_quality
    assert len(passes) == 1 and found == sample_quality(flow, examples, 12, 0)
    figures = compute_metrics("test", asked, "better")
    assert [figures[name] for name in sorted(names)] == list(found.values())
    assert sample_quality(flow, {"image": images()[:4]}, 4, 0) is None
