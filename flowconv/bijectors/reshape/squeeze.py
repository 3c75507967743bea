"""Space to channels."""

from typing import Any

import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.core import arguments
from flowconv.core.inputs import NONE, Inputs
from flowconv.ops.shapes import per_example


class Squeeze(Bijector):
    """[H, W, C] → [H/p, W/p, p²C]: each p×p block of pixels becomes channels (Dinh et al. 2017, section 3.6).

    A permutation of the entries: the inverse puts them back, the log-determinant is 0.
    H and W must be divisible by p.

    Args:
      size: p; 2 in RealNVP and Glow, the side of a patch in Jet.

    Example:
      >>> from flowconv.bijectors import Squeeze
      >>> Squeeze().forward_shape((8, 8, 3))
      (4, 4, 12)
    """

    def __init__(self, size: int = 2, **kwargs: Any):
        super().__init__(**kwargs)
        arguments.whole(1, size=size)
        self.size = size

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        height, width, channels = shape
        if height % self.size or width % self.size:
            right = "even" if self.size == 2 else f"divisible by {self.size}"
            raise ValueError(f"{self.name}: height and width must be {right}, got {height}×{width}")
        return height // self.size, width // self.size, self.size**2 * channels

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return (x if self.size == 1 else tf.nn.space_to_depth(x, self.size)), per_example(0.0, x)

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        if y.shape[-1] is not None and y.shape[-1] % self.size**2:
            each = "fours" if self.size == 2 else f"{self.size**2}s"
            raise ValueError(f"{self.name}: the inverse takes channels in {each}, got {y.shape[-1]}")
        return (y if self.size == 1 else tf.nn.depth_to_space(y, self.size)), per_example(0.0, y)
