"""Our convolution against TensorFlow's."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv.ops.conv2d import conv2d


@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize(("channels", "filters"), [(2, 6), (6, 2), (4, 4)])
@pytest.mark.parametrize("batch", [2, None])
@pytest.mark.parametrize("masked", [False, True])
def test_is_tensorflow_s_and_so_are_its_gradients(size, channels, filters, batch, masked):
    generator = np.random.default_rng(0)
    x = tf.constant(generator.standard_normal((2, 6, 5, channels)))
    mask = generator.integers(0, 2, (size, size)) if masked else np.ones((size, size))
    kernel = tf.constant(generator.standard_normal((size, size, channels, filters)))
    dy = tf.constant(generator.standard_normal((2, 6, 5, filters)))

    def with_gradients(function, x, kernel):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = function(x, kernel)
        return y, *tape.gradient(y, [x, kernel], dy)

    @tf.function(input_signature=[tf.TensorSpec((batch, *x.shape[1:]), x.dtype), tf.TensorSpec(kernel.shape, x.dtype)])
    def found(x, kernel):
        return with_gradients(lambda x, kernel: conv2d(x, kernel * mask[..., None, None], mask), x, kernel)

    expected = with_gradients(lambda x, kernel: tf.nn.conv2d(x, kernel * mask[..., None, None], 1, "SAME"), x, kernel)
    for ours, theirs in zip(found(x, kernel), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)
