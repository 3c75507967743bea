"""Emerging convolutions the other way round."""

from typing import Any

from flowconv.bijectors.autoregressive_convolution import AutoregressivePair
from flowconv.bijectors.chain import Chain
from flowconv.bijectors.convolutions.conv1x1 import Conv1x1
from flowconv.bijectors.invert import Invert


class InverseEmergingConvolution(Chain):
    """A 1×1 convolution, then the inverse of two autoregressive k×k convolutions, so that sampling is fast.

    Forward solves the two triangular systems that `emerging` solves to decode; inverse is two ordinary convolutions,
    and the inverse 1×1. The receptive field is the whole image. Log-determinant: the 1×1's, less that of the two.
    Exact, but for rounding: an example that it has spoilt comes back as NaN (see `AutoregressiveConvolution`).
    Cost: training pays for the substitution, once in the forward pass and twice in the gradient, decoding doesn't. For
    images of any size.

    Args:
      kernel_size: k, odd.
      parameterization: of the 1×1 convolution's W.

    Example:
      >>> from flowconv.bijectors import build_convolution
      >>> layer = build_convolution("inverse_emerging", {"kernel_size": 5})
      >>> layer.build((None, 4, 4, 2))

    References:
      Hoogeboom, van den Berg, Welling 2019, "Emerging Convolutions for Generative Normalizing Flows".
      Nagar, Varma 2024, "Parallel Backpropagation for Inverse of a Convolution with Application to Normalizing
      Flows".
    """

    def __init__(self, kernel_size: int = 3, parameterization: str = "plu", **kwargs: Any):
        dtype = kwargs.get("dtype")
        pair = AutoregressivePair(kernel_size, dtype=dtype, name="autoregressive")
        super().__init__(
            [Conv1x1(parameterization, dtype=dtype, name="conv1x1"), Invert(pair, dtype=dtype, name="inverse")],
            **kwargs,
        )
