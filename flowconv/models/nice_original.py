"""NICE as it was published."""

from flowconv.bijectors import Additive, AlternatingMask, Bijector, Chain, Diagonal, MultiScale
from flowconv.core import arguments
from flowconv.models.flow import Flow
from flowconv.models.from_config import Parts
from flowconv.models.standard_logistic import StandardLogistic


def nice_original(image_shape: tuple[int, int, int], parts: Parts, *, depth: int = 32) -> Flow:
    """Builds the NICE of the paper (Dinh et al. 2015); model.name=nice is another one.

    K additive couplings change every other number of an image, by turns the even and the odd ones; a scale of each
    number comes last. Latents are logistic. It is the paper's model with model.network=mlp, model.depth=4 and
    model.preprocessing=centre; images are not whitened here. W must be even.

    Args:
      image_shape: (H, W, C).
      parts: network, preprocessing and dequantization.
      depth: K, even.

    Returns:
      A built `Flow`. Its data-dependent layers, if its networks have any, wait for `Flow.initialize`.

    Raises:
      ValueError: for another depth.

    Example:
      >>> from flowconv import models
      >>> flow = models.nice_original((8, 8, 1), depth=4, width=8, network="mlp", preprocessing="centre")
      >>> flow.latent_shapes
      [(8, 8, 1)]
    """
    arguments.number(depth, lambda k: k >= 2 and k % 2 == 0, "depth", "even, and at least 2")
    dtype = parts.dtype
    pair: list[Bijector] = [
        parts.coupling(AlternatingMask(parity), Additive(), name=f"coupling_{parity}") for parity in (0, 1)
    ]
    couplings = parts.repeated(Chain(pair, dtype=dtype, name="step"), depth // 2, "couplings")
    layers = [couplings, Diagonal(dtype=dtype, name="scale"), *parts.conditional_prior()]
    multiscale = MultiScale([Chain(layers, dtype=dtype, name="level_1")], dtype=dtype, name="multiscale")
    bijector = Chain([parts.preprocessing(), multiscale], dtype=dtype, name="bijector")
    base, name = StandardLogistic(), "nice_original"
    return Flow(parts.dequantization(), bijector, base, image_shape, parts.condition, dtype=dtype, name=name)
