"""What every bijector must satisfy, as functions, so that negative controls can fail them."""

import numpy as np
import tensorflow as tf


def perturb(layer, scale=0.1, seed=0):
    """Moves every trainable weight: with the last convolution of a coupling at zero most checks are vacuous."""
    generator = np.random.default_rng(seed)
    for variable in layer.trainable_variables:
        variable.assign(variable.value + scale * generator.standard_normal(variable.shape))


def flat(tensors):
    """Joins a tensor, or a nest of tensors `[B, …]`, to one `[B, D]`."""
    return tf.concat([tf.reshape(t, [tf.shape(t)[0], -1]) for t in tf.nest.flatten(tensors)], axis=1)


def jacobian(function, x):
    """Returns ∂function/∂x, `[D, D]`, of one example x `[1, …]`, by automatic differentiation."""

    @tf.function(autograph=False)
    def compute(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = flat(function(x))[0]
        return tape.jacobian(y, x, experimental_use_pfor=False)

    rows = compute(x).numpy()
    return rows.reshape(rows.shape[0], -1)


def check_round_trip(layer, x, tolerance):
    """x → y → x, and the two log-determinants cancel."""
    y, log_det = layer.forward_and_log_det(x)
    back, inverse_log_det = layer.inverse_and_log_det(y)
    assert back.shape == x.shape and back.dtype == x.dtype
    assert log_det.shape == inverse_log_det.shape == (x.shape[0],)
    assert flat(y).shape == flat(x).shape
    np.testing.assert_allclose(back, x, rtol=0, atol=tolerance)
    scale = max(1.0, float(tf.reduce_max(tf.abs(log_det))))
    np.testing.assert_allclose(log_det, -inverse_log_det, rtol=0, atol=tolerance * scale)


def check_log_det(layer, x, tolerance):
    """The forward log-determinant is that of the Jacobian, for each example."""
    claimed = layer.forward_log_det_jacobian(x).numpy()
    for number in range(x.shape[0]):
        matrix = jacobian(layer.forward, x[number : number + 1])
        _, true = np.linalg.slogdet(matrix)
        np.testing.assert_allclose(claimed[number], true, rtol=0, atol=tolerance)
