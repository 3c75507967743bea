"""RealNVP as it was published."""

import math

from flowconv.bijectors import (
    ActNorm,
    Bijector,
    Chain,
    ChannelMask,
    CheckerboardMask,
    Coupling,
    Gaussian,
    Mask,
    MultiScale,
    Reorder,
    Squeeze,
    SwapHalves,
)
from flowconv.core import arguments
from flowconv.models.flow import Flow
from flowconv.models.from_config import Parts
from flowconv.models.standard_normal import StandardNormal
from flowconv.networks.layers.realnvp import RealNVPNetwork


def realnvp_original(
    image_shape: tuple[int, int, int],
    parts: Parts,
    *,
    levels: int = 3,
    residual_blocks: int = 2,
    l2: float = 5e-5,
) -> Flow:
    """Builds the RealNVP of the paper and its program (Dinh et al. 2017); model.name=realnvp is another one.

    A level has 3 couplings with checkerboard masks, a squeeze, 3 couplings of channels, and a split: of each 2×2 block
    the two pixels of the diagonal stay, the others leave. The last level has 4 couplings with checkerboard masks.
    Networks are residual and see the mask; a coupling is (x + t)·exp(c·tanh(h)), c one learned number that is 0 at
    first. Their width is doubled at each level, and once more for couplings of channels. A penalty keeps c and the
    magnitudes of weight-normed convolutions small.

    One thing differs: ActNorm stands for batch normalization, after each coupling and within networks. With statistics
    of a batch an image's density would depend on the others, and on how many workers share a batch. The mask goes
    through the network's first ActNorm, too. H and W must be divisible by 2^levels.

    Args:
      image_shape: (H, W, C).
      parts: split, preprocessing and dequantization; model.width is that of the first level.
      levels: scales; the published program has 4 for images of 32×32 and 5 for 64×64.
      residual_blocks: of each network.
      l2: of the penalty, in nats an image.

    Returns:
      A built `Flow`. Its data-dependent layers wait for `Flow.initialize`.

    Raises:
      ValueError: for no level, no residual block, or a penalty below 0.

    Example:
      >>> from flowconv import models
      >>> flow = models.realnvp_original((8, 8, 3), levels=2, residual_blocks=1, width=8)
      >>> flow.latent_shapes
      [(4, 4, 6), (4, 4, 6)]
    """
    arguments.whole(1, levels=levels, residual_blocks=residual_blocks)
    arguments.number(l2, lambda penalty: 0.0 <= penalty < math.inf, "l2", "a finite number of at least 0")
    dtype = parts.dtype

    def coupling(mask: Mask, width: int, number: int) -> list[Bijector]:
        network = RealNVPNetwork(
            width, residual_blocks, l2, condition=parts.condition, dtype=parts.network_dtype, name="network"
        )
        layer = Coupling(Gaussian(), network, mask, dtype=dtype, name=f"coupling_{number}")
        return [layer, ActNorm(dtype=dtype, name=f"actnorm_{number}")]

    def repeated(step: list[Bijector], times: int, name: str) -> Bijector:
        return parts.repeated(Chain(step, dtype=dtype, name="step"), times, name)

    def fields(colour: int, width: int) -> list[Bijector]:
        return coupling(CheckerboardMask(colour, shown=True), width, colour)

    def channels(width: int) -> list[Bijector]:
        """The second half changes, the first one, and the second one again."""
        step = [SwapHalves(dtype=dtype, name="swap"), *coupling(ChannelMask(), width, 0)]
        return [repeated(step, 3, "channels"), SwapHalves(dtype=dtype, name="swap_back")]

    def level(number: int) -> Bijector:
        width = parts.settings["width"] * 2 ** (number - 1)
        pair = fields(1, width) + fields(0, width)
        if number == levels:
            layers = [repeated(pair, 2, "fields"), *parts.conditional_prior()]
        else:
            depth = image_shape[-1] * 2 ** (number - 1)  # channels before the squeeze
            # Couplings see the four pixels of a channel side by side, the split all channels of a pixel.
            together = [pixel * depth + channel for channel in range(depth) for pixel in range(4)]
            diagonal_first = [channel * 4 + pixel for pixel in (0, 3, 1, 2) for channel in range(depth)]
            layers = [
                repeated(pair, 1, "fields"),
                repeated(fields(1, width), 1, "last_fields"),
                Squeeze(dtype=dtype, name="squeeze"),
                Reorder(together, dtype=dtype, name="together"),
                *channels(2 * width),
                Reorder(diagonal_first, dtype=dtype, name="diagonal_first"),
            ]
        return Chain(layers, dtype=dtype, name=f"level_{number}")

    multiscale = MultiScale(
        [level(number) for number in range(1, levels + 1)],
        [parts.split(f"split_{number}") for number in range(1, levels)],
        dtype=dtype,
        name="multiscale",
    )
    bijector = Chain([parts.preprocessing(), multiscale], dtype=dtype, name="bijector")
    base, name = StandardNormal(), "realnvp_original"
    return Flow(parts.dequantization(), bijector, base, image_shape, parts.condition, dtype=dtype, name=name)
