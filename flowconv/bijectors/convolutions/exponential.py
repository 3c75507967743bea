"""Convolution exponentials."""

from typing import Any

from flowconv.bijectors.chain import Chain
from flowconv.bijectors.convolution_exponential import ConvolutionExponential
from flowconv.bijectors.convolutions.conv1x1 import Conv1x1


class ExponentialConvolution(Chain):
    """A 1×1 convolution, then the exponential of a k×k convolution (Hoogeboom et al. 2020).

    Inverse: the exponential of −K, then the inverse 1×1. Log-determinant: the 1×1's, and the trace of K. Invertible
    whatever the weights. Truncated, to less than 2e-8 of an image's norm: see `ConvolutionExponential`. Cost: ten k×k
    convolutions, either way. For images of any size.

    Args:
      kernel_size: k, odd.
      parameterization: of the 1×1 convolution's W.

    Example:
      >>> from flowconv.bijectors import ExponentialConvolution
      >>> layer = ExponentialConvolution(kernel_size=3)
      >>> layer.build((None, 8, 8, 4))
      >>> [part.name for part in layer.layers]
      ['conv1x1', 'exponential']

    References:
      Hoogeboom, Garcia Satorras, Tomczak, Welling 2020, "The Convolution Exponential and Generalized Sylvester Flows".
    """

    def __init__(self, kernel_size: int = 3, parameterization: str = "plu", **kwargs: Any):
        dtype = kwargs.get("dtype")
        super().__init__(
            [
                Conv1x1(parameterization, dtype=dtype, name="conv1x1"),
                ConvolutionExponential(kernel_size, dtype=dtype, name="exponential"),
            ],
            **kwargs,
        )
