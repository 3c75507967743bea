"""Our convolution against TensorFlow's."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv.bijectors.convolution import convolve


@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize(("channels", "filters"), [(2, 6), (6, 2), (4, 4)])
def test_is_conv2d_and_so_are_its_gradients(size, channels, filters):
    generator = np.random.default_rng(0)
    x = tf.constant(generator.standard_normal((2, 6, 5, channels)))
    kernel = tf.constant(generator.standard_normal((size, size, channels, filters)))
    dy = tf.constant(generator.standard_normal((2, 6, 5, filters)))
    results = []
    for function in (convolve, lambda x, kernel: tf.nn.conv2d(x, kernel, 1, "SAME")):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = function(x, kernel)
        results.append([y, *tape.gradient(y, [x, kernel], dy)])
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)
