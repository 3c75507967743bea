"""RealNVP."""

from flowconv.bijectors import ActNorm, Bijector, Chain, CheckerboardMask, MultiScale, Reverse, Squeeze
from flowconv.core import arguments
from flowconv.models.flow import Flow
from flowconv.models.from_config import Parts
from flowconv.models.standard_normal import StandardNormal

UNSEEN_HALVINGS = 1  # of the L: the last level has none


def realnvp(image_shape: tuple[int, int, int], parts: Parts, *, levels: int = 3, depth: int = 32) -> Flow:
    """Builds RealNVP (Dinh et al. 2017) of L levels × K couplings, in its multi-scale order.

    A level has K/2 couplings with alternating checkerboard masks, a squeeze, K/2 couplings with alternating channel
    masks (halves of the channels, whose order is reversed after each), and a split; the last level has K couplings
    with checkerboard masks alone. There is nothing else that mixes channels. As in Glow, actnorm stands for batch
    normalization, and the coupling networks and their scale are Glow's rather than residual networks, so that
    a comparison with it is one of what stands between the couplings. H and W must be divisible by 2^levels.

    Args:
      image_shape: (H, W, C).
      parts: coupling, split, preprocessing and dequantization.
      levels: L.
      depth: K, a multiple of 4.

    Returns:
      A built `Flow`. Its data-dependent layers wait for `Flow.initialize`.

    Raises:
      ValueError: for no level, or another depth.

    Example:
      >>> from flowconv import models
      >>> flow = models.realnvp((8, 8, 3), levels=2, depth=4, width=8)
      >>> flow.latent_shapes
      [(4, 4, 6), (4, 4, 6)]
    """
    arguments.whole(1, levels=levels)
    arguments.number(depth, lambda k: k >= 4 and k % 4 == 0, "depth", "a multiple of 4")
    dtype = parts.dtype

    def couplings(step: list[Bijector], times: int, name: str) -> Bijector:
        return parts.repeated(Chain(step, dtype=dtype, name="step"), times, name)

    def checkerboard(times: int) -> Bijector:
        step = []
        for colour in (0, 1):
            step.append(ActNorm(dtype=dtype, name=f"actnorm_{colour}"))
            step.append(parts.coupling(CheckerboardMask(colour), name=f"coupling_{colour}"))
        return couplings(step, times // 2, "checkerboard")

    def channels(times: int) -> Bijector:
        step = [
            ActNorm(dtype=dtype, name="actnorm"),
            parts.coupling(),
            Reverse(dtype=dtype, name="reverse"),
        ]
        return couplings(step, times, "channels")

    def level(number: int) -> Bijector:
        if number == levels:
            layers = [checkerboard(depth), *parts.conditional_prior()]
        else:
            layers = [checkerboard(depth // 2), Squeeze(dtype=dtype), channels(depth // 2)]
        return Chain(layers, dtype=dtype, name=f"level_{number}")

    multiscale = MultiScale(
        [level(number) for number in range(1, levels + 1)],
        [parts.split(f"split_{number}") for number in range(1, levels)],
        dtype=dtype,
        name="multiscale",
    )
    bijector = Chain([parts.preprocessing(), multiscale], dtype=dtype, name="bijector")
    base = StandardNormal()
    return Flow(parts.dequantization(), bijector, base, image_shape, parts.condition, dtype=dtype, name="realnvp")
