"""What the paper says of its shift, and what it leaves out."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv import bijectors
from flowconv.testing import perturb, perturbed


def built(layer, shape=(4, 6, 3)):
    layer.build((None, *shape))
    layer.reset_weights()
    return layer


def test_log_det_is_equation_10_not_algorithm_1():
    layer = built(bijectors.InvertibleShift(dtype="float64"))
    perturb(layer)
    log_alpha = layer.log_alpha.numpy()
    log_det = layer.forward_log_det_jacobian(tf.zeros((2, 4, 6, 3), tf.float64))
    np.testing.assert_allclose(log_det, 4 * 6 * np.sum(log_alpha), rtol=1e-12)
    assert abs(np.sum(log_alpha)) > 1e-3  # so that Algorithm 1's sum, without H·W, would be another number


def test_starts_as_the_identity():
    x = tf.random.stateless_normal((2, 4, 6, 3), [0, 0])
    for per in ("channel", "position"):
        np.testing.assert_array_equal(built(bijectors.InvertibleShift(per)).forward(x), x)


@pytest.mark.parametrize("raw", [1e3, -1e3, 1e30, -1e30, np.inf, -np.inf])
def test_alpha_never_reaches_0_or_infinity(raw):
    layer = built(bijectors.InvertibleShift())
    layer.log_alpha_unclipped.assign(np.full(3, raw))
    x = tf.random.stateless_normal((2, 4, 6, 3), [0, 0])
    alpha = np.exp(layer.log_alpha)
    assert np.all(np.isfinite(alpha)) and np.all(alpha >= 3e-4)
    np.testing.assert_allclose(layer.inverse(layer.forward(x)), x, rtol=1e-5)


def test_folds_into_actnorm_and_the_1x1_convolution():
    """actnorm → shift → 1×1 is actnorm → 1×1: the per-channel shift adds no expressiveness to Glow's step."""
    shape = (4, 4, 6)
    step = bijectors.Chain(
        [bijectors.ActNorm(dtype="float64"), bijectors.ShiftConvolution(dtype="float64")], dtype="float64"
    )
    perturbed(step, shape)
    actnorm, (shift, conv1x1) = step.layers[0], step.layers[1].layers
    folded = built(bijectors.ActNorm(dtype="float64"), shape)
    folded.log_scale.assign(actnorm.log_scale.value + shift.log_alpha)
    folded.bias.assign(actnorm.bias.value * tf.exp(shift.log_alpha) + shift.beta.value)
    x = tf.constant(np.random.default_rng(0).standard_normal((2, *shape)))
    y, log_det = step.forward_and_log_det(x)
    normalized, first = folded.forward_and_log_det(x)
    z, second = conv1x1.forward_and_log_det(normalized)
    np.testing.assert_allclose(z, y, atol=1e-12)
    np.testing.assert_allclose(first + second, log_det, atol=1e-10)


def test_the_paper_s_convolution_is_shift_then_1x1():
    layer = built(bijectors.ShiftConvolution(dtype="float64"), (4, 4, 6))
    perturb(layer)
    shift, conv1x1 = layer.layers
    x = np.random.default_rng(0).standard_normal((2, 4, 4, 6))
    alpha, beta, matrix = np.exp(shift.log_alpha), shift.beta.numpy(), conv1x1.weight.matrix().numpy()
    expected = np.einsum("dc,bhwc->bhwd", matrix, alpha * x + beta)
    np.testing.assert_allclose(layer.forward(tf.constant(x)), expected, atol=1e-12)
    log_det = 16 * (np.sum(np.log(alpha)) + np.log(abs(np.linalg.det(matrix))))
    np.testing.assert_allclose(layer.forward_log_det_jacobian(tf.constant(x)), log_det, rtol=1e-10)


def test_refuses():
    with pytest.raises(ValueError, match="per must be"):
        bijectors.InvertibleShift("pixel")
