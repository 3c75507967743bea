"""The paper's invertible n×n convolution."""

from typing import Any, Literal

from flowconv.bijectors.chain import Chain
from flowconv.bijectors.convolutions.conv1x1 import Conv1x1
from flowconv.bijectors.invertible_shift import InvertibleShift
from flowconv.core.arguments import choice


class ShiftConvolution(Chain):
    """y = W (α ⊙ x + β): the invertible shift, then a 1×1 convolution (Truong et al. 2021, Algorithm 1).

    Inverse: x = (W⁻¹ y − β) / α. Log-determinant: H·W·(Σ_c log|α_c| + log|det W|), with equation 10's H·W,
    which Algorithm 1 omits for the shift. Cost: that of a 1×1 convolution, since with one α and β a channel the two are
    computed as one, y = (W diag α) x + W β. Invertibility: that of W.

    Args:
      shift: "channel" or "position": what has an α and a β of its own.
      parameterization: of W.

    Example:
      >>> from flowconv.bijectors import ShiftConvolution
      >>> layer = ShiftConvolution("position", parameterization="qr")
      >>> layer.build((None, 8, 8, 4))
      >>> [part.name for part in layer.layers]
      ['shift', 'conv1x1']
    """

    def __init__(self, shift: Literal["channel", "position"] = "channel", parameterization: str = "plu", **kwargs: Any):
        choice({"channel": None, "position": None}, shift, "shift")  # (which InvertibleShift calls by another name)
        dtype = kwargs.get("dtype")
        super().__init__(
            [
                InvertibleShift(shift, dtype=dtype, name="shift"),
                Conv1x1(parameterization, dtype=dtype, name="conv1x1"),
            ],
            **kwargs,
        )
