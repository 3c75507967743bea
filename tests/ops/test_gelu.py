"""Our GELU against TensorFlow's."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv.ops.gelu import gelu
from tests.ops.derivatives import derivatives


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-7), ("float32", 1e-4)])
def test_is_tensorflow_s_and_so_are_its_derivatives(dtype, tolerance):
    x = tf.cast(tf.linspace(-12.0, 12.0, 999), dtype)
    expected = derivatives(lambda x: tf.nn.gelu(x, approximate=True), x)
    for ours, theirs in zip(derivatives(gelu, x), expected, strict=True):
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours, theirs, atol=tolerance)


def test_is_finite_with_its_gradient_far_out():
    x = tf.constant([-1e4, 1e4])
    y, slope, _ = derivatives(gelu, x)
    np.testing.assert_array_equal(y, [0, 1e4])
    np.testing.assert_array_equal(slope, [0, 1])
