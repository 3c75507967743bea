"""MaCow's masked convolutions."""

from typing import Any

from flowconv.bijectors.chain import Chain
from flowconv.bijectors.convolutions.conv1x1 import Conv1x1
from flowconv.bijectors.row_autoregressive import RowAutoregressive


class MacowConvolution(Chain):
    """A 1×1 convolution, then four masked convolutions: rows down, up, columns right, left (Ma et al. 2019).

    Each is an affine map of a row, given a network of the rows before it: see `RowAutoregressive`. They are nonlinear.
    Inverse: 2·(H + W) steps, one after the other; exact but for rounding, which each
    step may enlarge, so that training doesn't invert it in float32. Log-determinant: the sum of the five. Cost: four
    networks with 4C hidden channels. For images of any size. MaCow's normalizations between them are left out.

    Args:
      kernel_size: k, odd: a masked convolution sees k//2 + 1 rows, k columns wide.
      parameterization: of the 1×1 convolution's W.

    Example:
      >>> from flowconv.bijectors import MacowConvolution
      >>> layer = MacowConvolution(kernel_size=3)
      >>> layer.build((None, 8, 8, 4))
      >>> [part.name for part in layer.layers]
      ['conv1x1', 'down', 'up', 'right', 'left']

    References:
      Ma, Kong, Zhang, Hovy 2019, "MaCow: Masked Convolutional Generative Flow".
    """

    unsafe_inverse = "its masked convolutions are inverted row by row, and each row enlarges the errors of those before"

    def __init__(self, kernel_size: int = 3, parameterization: str = "plu", **kwargs: Any):
        dtype = kwargs.get("dtype")
        super().__init__(
            [
                Conv1x1(parameterization, dtype=dtype, name="conv1x1"),
                RowAutoregressive(kernel_size, "down", dtype=dtype, name="down"),
                RowAutoregressive(kernel_size, "up", dtype=dtype, name="up"),
                RowAutoregressive(kernel_size, "right", dtype=dtype, name="right"),
                RowAutoregressive(kernel_size, "left", dtype=dtype, name="left"),
            ],
            **kwargs,
        )
