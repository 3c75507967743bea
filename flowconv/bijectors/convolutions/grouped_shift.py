"""1×1 convolutions of shifted channels, shifted back."""

from typing import Any, Literal

from flowconv.bijectors.chain import Chain
from flowconv.bijectors.convolutions.conv1x1 import Conv1x1
from flowconv.bijectors.grouped_shift_rounds import GroupedShiftRounds
from flowconv.core import arguments


class GroupedShiftConvolution(Chain):
    """A 1×1 convolution, then rounds of y = R⁻¹ W R x: groups of channels shifted, mixed by a 1×1, and shifted back.

    R shifts each group of channels by an offset of its own. So R⁻¹ W R is a convolution with one tap for each pair of
    channels, at the difference of their offsets: y_c[i] = Σ_d W_cd x_d[i + o_d − o_c]. Channels of one place stay
    together, which `rolled_shift` lacks. The offsets of the first round run over the window from (0, 0) to
    (k//2, k//2), those of the next are negative, and so on in turn.

    Inverse: R⁻¹ W⁻¹ R, exact, at the cost of forward. Log-determinant: H·W·Σ log |det W|. Cost: `rounds` + 1 1×1
    convolutions, and copies. Invertible as long as the W are: those of the rounds are W = LU with a diagonal that can't
    be 0.

    Args:
      kernel_size: k, odd; with border=periodic a round sees a k×k window, with conveyor (2k−1)×(2k−1).
      rounds: how many.
      border: what becomes of that which leaves an image, as of `reshape.grouped_shift`.
      grouping: of channels, neighbouring ones in every round or, alternating, every n-th one in each second round: so
        channels of one group are parted in the next.
      parameterization: of the first 1×1 convolution's W.

    Example:
      >>> from flowconv.bijectors import GroupedShiftConvolution
      >>> layer = GroupedShiftConvolution(rounds=1)
      >>> layer.build((None, 8, 8, 4))
      >>> [part.name for part in layer.layers]
      ['conv1x1', 'rounds']
    """

    def __init__(
        self,
        kernel_size: int = 3,
        rounds: int = 3,
        border: Literal["periodic", "conveyor"] = "conveyor",
        grouping: Literal["neighbouring", "alternating"] = "alternating",
        parameterization: str = "plu",
        **kwargs: Any,
    ):
        dtype = kwargs.get("dtype")
        arguments.whole(1, rounds=rounds)
        grouping = arguments.choice({name: name for name in ("neighbouring", "alternating")}, grouping, "grouping")
        reach = arguments.kernel_size(kernel_size) // 2 + 1
        window = [(a, b) for a in range(reach) for b in range(reach)]
        offsets = [[((-1) ** number * a, (-1) ** number * b) for a, b in window] for number in range(rounds)]
        interleaved = [grouping == "alternating" and number % 2 == 1 for number in range(rounds)]
        layers = [
            Conv1x1(parameterization, dtype=dtype, name="conv1x1"),
            GroupedShiftRounds(offsets, border, interleaved, dtype=dtype, name="rounds"),
        ]
        super().__init__(layers, **kwargs)
