"""Inverse autoregressive flow."""

from flowconv.bijectors import ActNorm, Bijector, Chain, Flip, Invert, MultiScale
from flowconv.models.flow import Flow
from flowconv.models.from_config import Parts
from flowconv.models.standard_normal import StandardNormal

IS_AUTOREGRESSIVE = True


def iaf(image_shape: tuple[int, int, int], parts: Parts, *, depth: int = 32) -> Flow:
    """Builds an IAF of images (Kingma et al. 2016): K × (actnorm, convolution, inverse autoregressive layer, flip).

    It is `maf` with each autoregressive layer the other way round. Sampling takes one evaluation of each network; the
    density of an image, and with it training, as many as the order has steps. So for images it is a model to compare
    with, no more.

    Args:
      image_shape: (H, W, C).
      parts: convolution, coupling, network, preprocessing and dequantization.
      depth: K.

    Returns:
      A built `Flow`. Its data-dependent layers wait for `Flow.initialize`.

    Raises:
      ValueError: if the network isn't autoregressive.

    Example:
      >>> from flowconv import models
      >>> flow = models.iaf((8, 8, 3), depth=2, width=8, network="masked_convolution")
      >>> flow.latent_shapes
      [(8, 8, 3)]
    """
    dtype = parts.dtype
    step: list[Bijector] = [ActNorm(dtype=dtype, name="actnorm"), parts.convolution()]
    step += [Invert(parts.autoregressive(), dtype=dtype, name="invert"), Flip(dtype=dtype, name="flip")]
    steps = parts.repeated(Chain(step, dtype=dtype, name="step"), depth, "steps")
    level = Chain([steps, *parts.conditional_prior()], dtype=dtype, name="level_1")
    multiscale = MultiScale([level], dtype=dtype, name="multiscale")
    bijector = Chain([parts.preprocessing(), multiscale], dtype=dtype, name="bijector")
    base = StandardNormal()
    return Flow(parts.dequantization(), bijector, base, image_shape, parts.condition, dtype=dtype, name="iaf")
