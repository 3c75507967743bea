"""Masked autoregressive flow."""

from flowconv.bijectors import ActNorm, Bijector, Chain, Flip, MultiScale
from flowconv.models.flow import Flow
from flowconv.models.from_config import Parts
from flowconv.models.standard_normal import StandardNormal

IS_AUTOREGRESSIVE = True
SLOW_INVERSE = "whose inverse takes as many evaluations of a network as its order has steps"


def maf(image_shape: tuple[int, int, int], parts: Parts, *, depth: int = 32) -> Flow:
    """Builds MAF for images (Papamakarios et al. 2017): K × (actnorm, convolution, autoregressive layer, flip).

    A pixel's numbers are transformed given all pixels before it, so that a convolution between the layers mixes them;
    the flip lets the next layer see what this one doesn't. The density of an image takes one evaluation of each
    network, sampling as many as its order has steps. It is the paper's model with model.network=made and
    model.coupling=gaussian; with masked_convolution or causal_transformer it is for larger images.

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
      >>> flow = models.maf((4, 4, 3), depth=2, width=32, network="made", coupling="gaussian")
      >>> flow.latent_shapes
      [(4, 4, 3)]
    """
    dtype = parts.dtype
    step: list[Bijector] = [ActNorm(dtype=dtype, name="actnorm"), parts.convolution(), parts.autoregressive()]
    step.append(Flip(dtype=dtype, name="flip"))
    steps = parts.repeated(Chain(step, dtype=dtype, name="step"), depth, "steps")
    level = Chain([steps, *parts.conditional_prior()], dtype=dtype, name="level_1")
    multiscale = MultiScale([level], dtype=dtype, name="multiscale")
    bijector = Chain([parts.preprocessing(), multiscale], dtype=dtype, name="bijector")
    base = StandardNormal()
    return Flow(parts.dequantization(), bijector, base, image_shape, parts.condition, dtype=dtype, name="maf")
