"""TarFlow."""

from flowconv.bijectors import Chain, Flip, MultiScale
from flowconv.models.flow import Flow
from flowconv.models.from_config import Parts
from flowconv.models.standard_normal import StandardNormal

IS_AUTOREGRESSIVE = True
SLOW_INVERSE = "whose inverse takes as many evaluations of a network as an image has patches"


def tarflow(image_shape: tuple[int, int, int], parts: Parts, *, depth: int = 32) -> Flow:
    """Builds TarFlow (Zhai et al. 2024): K × (autoregressive layer, flip), and nothing else.

    Each layer has a causal transformer over patches; after a flip the next one goes through them the other way. It is
    the paper's model with model.network=causal_transformer and model.coupling=gaussian, as
    configs/tarflow_imagenet64.py has them; any others go, too.

    Args:
      image_shape: (H, W, C).
      parts: coupling, network, preprocessing and dequantization.
      depth: K, the paper's 8 blocks.

    Returns:
      A built `Flow`. Its data-dependent layers, if its networks have any, wait for `Flow.initialize`.

    Raises:
      ValueError: if the network isn't autoregressive.

    Example:
      >>> from flowconv import models
      >>> sizes = {"depth": 2, "width": 8, "blocks": 1, "heads": 2, "patch_size": 2}
      >>> flow = models.tarflow((8, 8, 3), network="causal_transformer", coupling="gaussian", **sizes)
      >>> flow.latent_shapes
      [(8, 8, 3)]
    """
    dtype = parts.dtype
    step = Chain([parts.autoregressive(), Flip(dtype=dtype, name="flip")], dtype=dtype, name="step")
    level = Chain([parts.repeated(step, depth, "steps"), *parts.conditional_prior()], dtype=dtype, name="level_1")
    multiscale = MultiScale([level], dtype=dtype, name="multiscale")
    bijector = Chain([parts.preprocessing(), multiscale], dtype=dtype, name="bijector")
    base = StandardNormal()
    return Flow(parts.dequantization(), bijector, base, image_shape, parts.condition, dtype=dtype, name="tarflow")
