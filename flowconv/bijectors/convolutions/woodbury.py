"""Woodbury transformations."""

from typing import Any

from flowconv.bijectors.chain import Chain
from flowconv.bijectors.convolutions.conv1x1 import Conv1x1
from flowconv.bijectors.low_rank import LowRank
from flowconv.core import arguments


class WoodburyConvolution(Chain):
    """A 1×1 convolution, then I + U V over the channels and I + U′V′ over the pixels (Lu & Huang 2020).

    Every number depends on every other one of the image. Strictly it is no convolution: places have weights of their
    own, 2·d·H·W of them, so that a model is tied to images of one size. Inverse and log-determinant are exact, of
    matrices d×d. Never singular, since U V and U′V′ are bounded: see `LowRank`. Cost: O(B·H·W·C·(C + d)), either way.

    Args:
      rank: d, of both.
      parameterization: of the 1×1 convolution's W.

    Example:
      >>> from flowconv.bijectors import WoodburyConvolution
      >>> layer = WoodburyConvolution(rank=2)
      >>> layer.build((None, 8, 8, 4))
      >>> [part.name for part in layer.layers]
      ['conv1x1', 'channels', 'pixels']

    References:
      Lu, Huang 2020, "Woodbury Transformations for Deep Generative Flows".
    """

    def __init__(self, rank: int = 16, parameterization: str = "plu", **kwargs: Any):
        dtype = kwargs.get("dtype")
        arguments.whole(1, rank=rank)
        super().__init__(
            [
                Conv1x1(parameterization, dtype=dtype, name="conv1x1"),
                LowRank("channels", rank, dtype=dtype, name="channels"),
                LowRank("pixels", rank, dtype=dtype, name="pixels"),
            ],
            **kwargs,
        )
