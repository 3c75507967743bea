"""Jet."""

from flowconv.bijectors import (
    Chain,
    CheckerboardMask,
    Mask,
    MultiScale,
    PackedMask,
    Rearranged,
    ShuffledChannelMask,
    Squeeze,
    StripeMask,
)
from flowconv.core import arguments
from flowconv.models.flow import Flow
from flowconv.models.from_config import Parts
from flowconv.models.standard_normal import StandardNormal

OF_CHANNELS = 4  # couplings, before each one of tokens
TOKENS: list[Mask] = [  # what changes: the others of those that the paper counts first
    CheckerboardMask(1),
    CheckerboardMask(0),
    StripeMask(1),
    StripeMask(0),
    StripeMask(1, "rows"),
    StripeMask(0, "rows"),
]


def jet(image_shape: tuple[int, int, int], parts: Parts, *, squeeze: int = 4, depth: int = 32) -> Flow:
    """Builds Jet (Kolesnikov et al. 2024): patches become tokens, then come K couplings with nothing between them.

    Four couplings are of channels, each in a random order of its own, and one is of tokens, by turns: checkerboard,
    stripes of columns, stripes of rows, and each of these the other way round. A network always sees all tokens, of
    half the channels: of couplings of tokens, each token is cut in two. No latents leave on the way, nothing is
    normalized, and no matrix mixes channels.

    It is the paper's model with model.network=transformer, model.coupling=bounded_affine and
    model.preprocessing=symmetric, as configs/jet_imagenet64.py has them; any others go, too. The random orders are the
    same in every model.

    Args:
      image_shape: (H, W, C).
      parts: coupling, preprocessing and dequantization.
      squeeze: p; a token is a patch of p×p pixels.
      depth: K.

    Returns:
      A built `Flow`. Its data-dependent layers, if its networks have any, wait for `Flow.initialize`.

    Raises:
      ValueError: for patches of no pixel, or no coupling.

    Example:
      >>> from flowconv import models
      >>> sizes = {"squeeze": 2, "depth": 5, "width": 8, "blocks": 1, "heads": 2}
      >>> flow = models.jet((8, 8, 3), network="transformer", coupling="bounded_affine", **sizes)
      >>> flow.latent_shapes
      [(4, 4, 12)]
    """
    arguments.whole(1, squeeze=squeeze, depth=depth)
    dtype = parts.dtype

    def mask(number: int) -> Mask:
        cycle, place = divmod(number, OF_CHANNELS + 1)
        return ShuffledChannelMask(number) if place < OF_CHANNELS else PackedMask(TOKENS[cycle % len(TOKENS)])

    step = Rearranged(parts.coupling(), [mask(number) for number in range(depth)], dtype=dtype, name="step")
    layers = [Squeeze(squeeze, dtype=dtype, name="squeeze"), parts.repeated(step, depth, "couplings")]
    level = Chain([*layers, *parts.conditional_prior()], dtype=dtype, name="level_1")
    multiscale = MultiScale([level], dtype=dtype, name="multiscale")
    bijector = Chain([parts.preprocessing(), multiscale], dtype=dtype, name="bijector")
    base = StandardNormal()
    return Flow(parts.dequantization(), bijector, base, image_shape, parts.condition, dtype=dtype, name="jet")
