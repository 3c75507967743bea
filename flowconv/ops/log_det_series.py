"""Log-determinants of I + J, J the Jacobian of a function: from all of it, or estimated by products with vectors."""

from collections.abc import Callable

import tensorflow as tf

from flowconv.ops.linalg import log_abs_det
from flowconv.ops.shapes import batch_size, sum_per_example


def exact_log_det(function: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns y = function(x), and log |det (I + ∂y/∂x)| `[B]`.

    Args:
      function: of each x `[B, …]` as many times in a row as an example has numbers, D: `[B·D, …]`.
      x: images; D must be small.
    """
    images, numbers = batch_size(x), int(x.shape[1:].num_elements())
    rows = tf.tile(tf.eye(numbers, dtype=x.dtype), [images, 1])
    repeated = tf.repeat(x, numbers, axis=0)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(repeated)
        y = function(repeated)
    jacobian = tape.gradient(y, repeated, tf.reshape(rows, tf.shape(y)), unconnected_gradients="zero")
    jacobian = tf.reshape(jacobian, [images, numbers, numbers])
    return tf.ensure_shape(y[::numbers], x.shape), log_abs_det(tf.eye(numbers, dtype=x.dtype) + jacobian)


def estimated_log_det(
    function: Callable[[tf.Tensor], tf.Tensor],
    x: tf.Tensor,
    probe: tf.Tensor,
    goes_on: Callable[[tf.Tensor], tf.Tensor],
    terms: int,
    continuation: float,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns y = function(x), and an unbiased estimate of log |det (I + J)| `[B]`, J = ∂y/∂x of a norm below 1.

    log |det (I + J)| = Σ_k (−1)^(k+1)/k · tr J^k. A trace is estimated by vᵀJ^k v (Hutchinson), and the sum ended at
    random: after the first terms it goes on with probability q each time, and what follows counts 1/q times as much
    (Russian roulette). The expectation is the whole sum. Where q > ‖J‖², its variance is finite.

    Its gradient is another unbiased estimate, that of tr((I + J)⁻¹ ∂J) = Σ_k (−1)^k tr(J^k ∂J): wᵀ ∂J v, where w is
    the sum of the products (−1)^k (Jᵀ)^k v, a constant. To differentiate the terms themselves would be simpler, but
    keeps what each product was made of. Here memory is that of one product, however many there are.

    Args:
      function: of x; its result for an example depends on that example alone.
      x: images `[B, …]`.
      probe: v, of a distribution with E[vvᵀ] = I, like x.
      goes_on: returns for a number of a term, beyond the first ones, whether an example has it `[B]`, if it has the one
        before: with probability q.
      terms: how many there are at least.
      continuation: q.
    """
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(x)
        y = function(x)

    def product(w: tf.Tensor) -> tf.Tensor:
        return tape.gradient(y, x, w, unconnected_gradients="zero")

    def add_term(
        k: tf.Tensor, w: tf.Tensor, weight: tf.Tensor, series: tf.Tensor, total: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        w = tf.ensure_shape(product(w), w.shape)
        number, sign = tf.cast(k, x.dtype), tf.cast(1 - 2 * (k % 2), x.dtype)
        series -= sign / number * weight * sum_per_example(w * probe)
        total += sign * tf.reshape(weight, [-1] + [1] * (x.shape.rank - 1)) * w
        further = tf.where(goes_on(k + 1), weight / continuation, tf.zeros_like(weight))
        return k + 1, w, tf.where(k < terms, weight, further), series, total

    weight = tf.ones([batch_size(x)], x.dtype)
    start = tf.constant(1), probe, weight, tf.zeros_like(weight), probe
    _, _, _, series, total = tf.while_loop(
        lambda k, w, weight, *_: tf.reduce_any(weight > 0.0), add_term, start, parallel_iterations=1
    )
    tangent = sum_per_example(product(tf.stop_gradient(total)) * probe)  # of which the gradient alone is of use
    return y, tf.stop_gradient(series - tangent) + tangent
