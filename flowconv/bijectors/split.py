"""Half of the channels leave as latents."""

from typing import Literal

import tensorflow as tf

from flowconv.bijectors.bijector import Bijector, per_example, sum_per_example
from flowconv.bijectors.coupling_network import ScaledConvolution
from flowconv.bijectors.numerics import bounded


class Split(Bijector):
    """x = [x_a, z_b] in halves of the channels: x_a flows on, z_b is latent (Dinh et al. 2017, section 3.6).

    With prior "standard" z_b is the second half itself, N(0, I): the paper's choice. With "learned"
    (openai/glow) the second half x_b is N(μ(x_a), σ(x_a)²), written as one more bijector,
    z_b = (x_b − μ(x_a)) / σ(x_a): log N(x_b; μ, σ²) = log N(z_b; 0, 1) − Σ log σ, so that all latents of a
    flow are N(0, I) either way. μ and log σ are a 3×3 convolution of x_a, zero at first; log σ is kept within ±60.

    Forward: [B, H, W, C] → (x_a, z_b), [B, H, W, C/2] each. Inverse: x_b = μ + σ z_b, joined with x_a.
    Log-determinant: 0, or −Σ log σ. Cost: none, or one convolution.
    """

    def __init__(self, prior: Literal["standard", "learned"] = "standard", **kwargs):
        super().__init__(**kwargs)
        if prior not in ("standard", "learned"):
            raise ValueError(f"prior must be 'standard' or 'learned', got {prior!r}")
        self.prior = prior

    def build(self, input_shape):
        if input_shape[-1] % 2:
            raise ValueError(f"{self.name}: the number of channels must be even, got {input_shape[-1]}")
        if self.prior == "learned":
            half = input_shape[-1] // 2
            self.moments = ScaledConvolution(2 * half, 3, "zeros", dtype=self.dtype_policy, name="moments")
            self.moments.build((*input_shape[:-1], half))

    def compute_output_shape(self, input_shape):
        half = (*input_shape[:-1], input_shape[-1] // 2)
        return half, half

    def forward_and_log_det(self, x):
        x_a, x_b = tf.split(x, 2, axis=-1)
        if self.prior == "standard":
            return (x_a, x_b), per_example(0.0, x)
        mean, log_deviation = self._mean_and_log_deviation(x_a)
        return (x_a, (x_b - mean) * tf.exp(-log_deviation)), -sum_per_example(log_deviation)

    def inverse_and_log_det(self, y):
        x_a, z_b = y
        if self.prior == "standard":
            return tf.concat([x_a, z_b], axis=-1), per_example(0.0, x_a)
        mean, log_deviation = self._mean_and_log_deviation(x_a)
        return tf.concat([x_a, mean + tf.exp(log_deviation) * z_b], axis=-1), sum_per_example(log_deviation)

    def _mean_and_log_deviation(self, x_a):
        mean, log_deviation = tf.split(self.moments.call(x_a), 2, axis=-1)
        return mean, bounded(log_deviation)
