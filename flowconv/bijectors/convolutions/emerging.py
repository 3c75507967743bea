"""Emerging convolutions."""

from typing import Any

from flowconv.bijectors.autoregressive_convolution import AutoregressivePair
from flowconv.bijectors.chain import Chain
from flowconv.bijectors.convolutions.conv1x1 import Conv1x1


class EmergingConvolution(Chain):
    """A 1×1 convolution, then two autoregressive k×k convolutions of opposite order (Hoogeboom et al. 2019).

    Inverse: of the second, of the first, of the 1×1. Log-determinant: the sum of the three. Cost and invertibility:
    see the parts.

    Args:
      kernel_size: k, odd.
      parameterization: of the 1×1 convolution's W.

    Example:
      >>> from flowconv.bijectors import EmergingConvolution
      >>> layer = EmergingConvolution(kernel_size=5)
      >>> layer.build((None, 8, 8, 4))
      >>> [part.name for part in layer.layers]
      ['conv1x1', 'autoregressive']
    """

    def __init__(self, kernel_size: int = 3, parameterization: str = "plu", **kwargs: Any):
        dtype = kwargs.get("dtype")
        super().__init__(
            [
                Conv1x1(parameterization, dtype=dtype, name="conv1x1"),
                AutoregressivePair(kernel_size, dtype=dtype, name="autoregressive"),
            ],
            **kwargs,
        )
