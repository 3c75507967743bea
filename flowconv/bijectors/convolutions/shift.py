"""The paper's invertible n×n convolution."""

from typing import Literal

import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.bijectors.chain import Chain
from flowconv.bijectors.convolutions.conv1x1 import Conv1x1, matmul
from flowconv.bijectors.shift import InvertibleShift


class ShiftConvolution(Chain):
    """y = W (α ⊙ x + β): the invertible shift, then a 1×1 convolution (Truong et al. 2021, Algorithm 1).

    Inverse: x = (W⁻¹ y − β) / α. Log-determinant: H·W·(Σ_c log|α_c| + log|det W|), with equation 10's H·W,
    which Algorithm 1 omits for the shift. Cost: that of a 1×1 convolution, since with one α and β a channel the two are
    computed as one, y = (W diag α) x + W β. Invertibility: that of W.

    Args:
      shift: "channel" or "position": what has an α and a β of its own.
      parameterization: of W.
    """

    def __init__(self, shift: Literal["channel", "position"] = "channel", parameterization: str = "plu", **kwargs):
        dtype = kwargs.get("dtype")
        super().__init__(
            [
                InvertibleShift(shift, dtype=dtype, name="shift"),
                Conv1x1(parameterization, dtype=dtype, name="conv1x1"),
            ],
            **kwargs,
        )
        self.as_one = shift == "channel"

    def forward_and_log_det(self, x):
        if not self.as_one:
            return super().forward_and_log_det(x)
        shift, convolution = self.layers
        matrix = convolution.weight.matrix()
        y = matmul(x, matrix * tf.exp(shift.log_alpha), tf.linalg.matvec(matrix, shift.beta.value))
        return y, shift.log_det(x) + convolution.log_det(x)

    def inverse_and_log_det(self, y):
        if not self.as_one:
            return super().inverse_and_log_det(y)
        shift, convolution = self.layers
        matrix = convolution.weight.inverse_matrix()
        scale = tf.exp(-shift.log_alpha)
        x = matmul(y, scale[:, None] * matrix, -shift.beta.value * scale)
        return x, -shift.log_det(y) - convolution.log_det(y)

    inverse_and_gradients = Bijector.inverse_and_gradients  # of the two as one
