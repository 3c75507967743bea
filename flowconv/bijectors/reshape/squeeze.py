"""Space to channels."""

import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.core.inputs import NONE, Inputs
from flowconv.ops.shapes import per_example


class Squeeze(Bijector):
    """[H, W, C] → [H/2, W/2, 4C]: each 2×2 block of pixels becomes channels (Dinh et al. 2017, section 3.6).

    A permutation of the entries: the inverse puts them back, the log-determinant is 0.
    H and W must be even.
    """

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        height, width, channels = shape
        if height % 2 or width % 2:
            raise ValueError(f"{self.name}: height and width must be even, got {height}×{width}")
        return height // 2, width // 2, 4 * channels

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.nn.space_to_depth(x, 2), per_example(0.0, x)

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        if y.shape[-1] is not None and y.shape[-1] % 4:
            raise ValueError(f"{self.name}: the inverse takes channels in fours, got {y.shape[-1]}")
        return tf.nn.depth_to_space(y, 2), per_example(0.0, y)
