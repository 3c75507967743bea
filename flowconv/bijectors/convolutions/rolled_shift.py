"""The "shifted input" of the paper's equation 5, taken literally."""

from typing import Any

from flowconv.bijectors.chain import Chain
from flowconv.bijectors.convolutions.conv1x1 import Conv1x1
from flowconv.bijectors.reshape.roll import Roll


class RolledShiftConvolution(Chain):
    """y = W x̃ with x̃_c[i, j] = x_c[i + a_c, j + b_c]: each channel rolled by its own offset, then a 1×1 convolution.

    Equation 5 of Truong et al. 2021 writes an n×n convolution as 1×1 convolutions of shifted inputs. Here each
    channel has one of the k×k shifts, with periodic boundary, so the convolution looks at a k×k window and stays
    exactly invertible: the inverse is W⁻¹, then the rolls back; log-determinant H·W·log|det W|; no more parameters
    and hardly more cost than a 1×1 convolution.

    Args:
      kernel_size: k, odd.
      parameterization: of W.

    Example:
      >>> from flowconv.bijectors import RolledShiftConvolution
      >>> layer = RolledShiftConvolution(kernel_size=3)
      >>> layer.build((None, 8, 8, 4))
      >>> [part.name for part in layer.layers]
      ['roll', 'conv1x1']
    """

    def __init__(self, kernel_size: int = 3, parameterization: str = "plu", **kwargs: Any):
        dtype = kwargs.get("dtype")
        super().__init__(
            [
                Roll(kernel_size, dtype=dtype, name="roll"),
                Conv1x1(parameterization, dtype=dtype, name="conv1x1"),
            ],
            **kwargs,
        )
