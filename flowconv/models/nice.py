"""NICE."""

from flowconv.bijectors import Additive, Bijector, Chain, InvertibleShift, MultiScale, Reverse, Squeeze
from flowconv.core import arguments
from flowconv.models.flow import Flow
from flowconv.models.from_config import Parts
from flowconv.models.standard_normal import StandardNormal

UNSEEN_HALVINGS = 0  # couplings see the result of each of the L


def nice(image_shape: tuple[int, int, int], parts: Parts, *, levels: int = 3, depth: int = 32) -> Flow:
    """Builds NICE (Dinh et al. 2015) for images: L times a squeeze and K × (additive coupling, reversed channels).

    All couplings keep volumes; nothing is normalized between them and no latents leave on the way. At the end a
    scale and a shift of each number (NICE's diagonal S) are the only layer with a log-determinant. The networks are
    convolutional, as Glow's. H and W must be divisible by 2^levels.

    Args:
      image_shape: (H, W, C).
      parts: network, preprocessing and dequantization.
      levels: L.
      depth: K.

    Returns:
      A built `Flow`. Its data-dependent layers wait for `Flow.initialize`.

    Raises:
      ValueError: for no level, or no step.

    Example:
      >>> from flowconv import models
      >>> flow = models.nice((8, 8, 3), levels=2, depth=2, width=8)
      >>> flow.latent_shapes
      [(2, 2, 48)]
    """
    arguments.whole(1, levels=levels, depth=depth)
    dtype = parts.dtype

    def steps(number: int) -> Bijector:
        step = [parts.coupling(transform=Additive()), Reverse(dtype=dtype, name="reverse")]
        return parts.repeated(Chain(step, dtype=dtype, name="step"), depth, f"steps_{number}")

    layers = []
    for number in range(1, levels + 1):
        layers += [Squeeze(dtype=dtype, name=f"squeeze_{number}"), steps(number)]
    layers += [InvertibleShift("position", dtype=dtype, name="scale"), *parts.conditional_prior()]
    multiscale = MultiScale([Chain(layers, dtype=dtype, name="level_1")], dtype=dtype, name="multiscale")
    bijector = Chain([parts.preprocessing(), multiscale], dtype=dtype, name="bijector")
    base = StandardNormal()
    return Flow(parts.dequantization(), bijector, base, image_shape, parts.condition, dtype=dtype, name="nice")
