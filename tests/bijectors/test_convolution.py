"""Our convolution against TensorFlow's."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv.bijectors.convolution import convolve


@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize(("channels", "filters"), [(2, 6), (6, 2), (4, 4)])
def test_is_conv2d_and_so_are_its_gradients(size, channels, filters):
    compare_with_conv2d((size, size, channels, filters), channels)


@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("batch", [2, None])
def test_a_channel_more_sees_ones(size, batch):
    compare_with_conv2d((size, size, 4, 6), 3, batch)


def compare_with_conv2d(shape, channels, batch=2):
    generator = np.random.default_rng(0)
    x = tf.constant(generator.standard_normal((2, 6, 5, channels)))
    kernel = tf.constant(generator.standard_normal(shape))
    dy = tf.constant(generator.standard_normal((2, 6, 5, shape[3])))

    def conv2d(x, kernel):
        ones = tf.ones((2, 6, 5, kernel.shape[2] - channels), x.dtype)
        return tf.nn.conv2d(tf.concat([x, ones], -1), kernel, 1, "SAME")

    def with_gradients(function, x, kernel):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = function(x, kernel)
        return y, *tape.gradient(y, [x, kernel], dy)

    @tf.function(input_signature=[tf.TensorSpec((batch, *x.shape[1:]), x.dtype), tf.TensorSpec(kernel.shape, x.dtype)])
    def found(x, kernel):
        return with_gradients(convolve, x, kernel)

    for ours, theirs in zip(found(x, kernel), with_gradients(conv2d, x, kernel), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)
