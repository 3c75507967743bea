"""The exponential of a convolution."""

from typing import Any

import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.core import arguments
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.weights import Normal
from flowconv.ops.conv2d import conv2d
from flowconv.ops.shapes import per_example, pixels

TERMS = {"float32": 10, "float64": 18}  # of the series: 0.95¹¹ / 11! is 1.4e-8, 0.95¹⁹ / 19! is 3e-18
NORM = 0.95  # of the convolution, at most


class ConvolutionExponential(Bijector):
    """y = exp(K⋆) x = Σ_n K⋆ⁿ x / n!, K⋆ a k×k convolution with zeros around the image (Hoogeboom et al. 2020).

    Inverse: exp(−K⋆) y. Log-determinant: the trace of K⋆, H·W·Σ_c K_cc at the centre of the kernel. Cost: ten k×k
    convolutions, either way. The receptive field reaches ten times as far as a convolution's, with taps that fade like
    1/n!.

    The series is truncated after the term n = 10, in float64 18. K is scaled down so that the norm of K⋆ is at most
    0.95. So what is left out is less than 2e-8 of the norm of x, in float64 1e-17: no more than rounding.

    The norm is bounded, not iterated for, so that a result depends on nothing but the weights. A convolution with all
    taps in a row, T `[C, k²C]`, has norm ‖K⋆‖ ≤ k·‖T‖, since at each frequency it is T times k² phases. And ‖T‖⁸ is at
    most the trace of (T Tᵀ)⁴. For random taps the bound is 2 to 3 times the norm.

    Args:
      kernel_size: k, odd.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import ConvolutionExponential
      >>> layer = ConvolutionExponential(kernel_size=3)
      >>> layer.build((None, 4, 4, 2))
      >>> layer.reset_weights(seed=0)
      >>> x = tf.ones([1, 4, 4, 2])
      >>> bool(tf.reduce_all(tf.abs(layer.inverse(layer.forward(x)) - x) < 1e-5))
      True

    References:
      Hoogeboom, Garcia Satorras, Tomczak, Welling 2020, "The Convolution Exponential and Generalized Sylvester Flows".
    """

    def __init__(self, kernel_size: int = 3, **kwargs: Any):
        super().__init__(**kwargs)
        self.kernel_size = arguments.kernel_size(kernel_size)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        shape = (self.kernel_size, self.kernel_size, input_shape[-1], input_shape[-1])  # [tap, tap, in, out]
        self.taps = self.add_weight(shape=shape, initializer=Normal(1e-3), name="taps")

    def kernel(self) -> tf.Tensor:
        """Returns K, `[k, k, C, C]` = [tap, tap, in, out], of norm 0.95 at most."""
        taps = self.taps.value
        rows = tf.reshape(tf.transpose(taps, [3, 0, 1, 2]), [taps.shape[3], -1])
        square = tf.matmul(rows, rows, transpose_b=True)
        fourth = square @ square
        bound = self.kernel_size**8 * tf.reduce_sum(fourth**2)  # of the norm, to the power of 8
        return taps * tf.maximum(bound / NORM**8, 1.0) ** (-1 / 8)

    def _exponential(self, x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        total = term = x
        for n in range(1, TERMS[x.dtype.name] + 1):
            term = conv2d(term, kernel / n)
            total += term
        return total

    def _log_det(self, x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        centre = kernel[self.kernel_size // 2, self.kernel_size // 2]
        return per_example(pixels(x) * tf.linalg.trace(centre), x)

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        kernel = inputs.once(self.kernel)
        return self._exponential(x, kernel), self._log_det(x, kernel)

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        kernel = inputs.once(self.kernel)
        return self._exponential(y, -kernel), -self._log_det(y, kernel)
