"""Glow with the convolution of one's choice."""

from flowconv.bijectors import ActNorm, Bijector, Chain, InvertibleShift, MultiScale, Squeeze
from flowconv.core import arguments
from flowconv.models.flow import Flow
from flowconv.models.from_config import Parts
from flowconv.models.standard_normal import StandardNormal

UNSEEN_HALVINGS = 0  # couplings see the result of each of the L


def glow(image_shape: tuple[int, int, int], parts: Parts, *, levels: int = 3, depth: int = 32) -> Flow:
    """Builds Glow (Kingma & Dhariwal 2018) of L levels × K steps: squeeze, K × (actnorm, convolution, coupling), split.

    With the convolution "shift" it is the model of Truong et al. 2021, with "conv1x1" Glow itself. H and W must be
    divisible by 2^levels.

    Args:
      image_shape: (H, W, C).
      parts: convolution, coupling, split, preprocessing and dequantization.
      levels: L.
      depth: K.

    Returns:
      A built `Flow`. Its data-dependent layers wait for `Flow.initialize`.

    Raises:
      ValueError: for no level, or no step.

    Example:
      >>> from flowconv import models
      >>> flow = models.glow((8, 8, 3), levels=2, depth=2, width=8, convolution="conv1x1")
      >>> flow.latent_shapes
      [(4, 4, 6), (2, 2, 24)]
    """
    arguments.whole(1, levels=levels, depth=depth)
    dtype = parts.dtype

    def step() -> Bijector:
        layers = [ActNorm(dtype=dtype, name="actnorm"), parts.convolution(), parts.coupling()]
        return Chain(layers, dtype=dtype, name="step")

    def unconditional_prior() -> list[Bijector]:
        # A mean and a deviation a channel.
        return [InvertibleShift(dtype=dtype, name="prior")] if parts.has_learned_prior else []

    def level(number: int) -> Bijector:
        layers = [Squeeze(dtype=dtype), parts.repeated(step(), depth, "steps")]
        if number == levels:
            layers += parts.conditional_prior() or unconditional_prior()
        return Chain(layers, dtype=dtype, name=f"level_{number}")

    multiscale = MultiScale(
        [level(number) for number in range(1, levels + 1)],
        [parts.split(f"split_{number}") for number in range(1, levels)],
        dtype=dtype,
        name="multiscale",
    )
    bijector = Chain([parts.preprocessing(), multiscale], dtype=dtype, name="bijector")
    base = StandardNormal()
    return Flow(parts.dequantization(), bijector, base, image_shape, parts.condition, dtype=dtype, name="glow")
