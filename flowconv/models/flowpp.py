"""Flow++."""

from flowconv.bijectors import (
    ActNorm,
    Bijector,
    Chain,
    ChannelMask,
    Halves,
    Mask,
    MultiScale,
    Squeeze,
    StripeMask,
    SwapHalves,
)
from flowconv.config.layer_list import SQUEEZE, layer_list
from flowconv.models.flow import Flow
from flowconv.models.from_config import Parts
from flowconv.models.standard_normal import StandardNormal

MASKS: dict[str, type[Mask]] = {"stripes": StripeMask, "channels": ChannelMask}


def flowpp(
    image_shape: tuple[int, int, int],
    parts: Parts,
    *,
    layers: str = "4 stripes, squeeze, 2 channels, 3 stripes",
    pointwise: bool = True,
) -> Flow:
    """Builds Flow++ (Ho et al. 2019): couplings on stripes and on channels, with squeezes between, one after the other.

    Before each coupling stand a normalization of each number and a convolution of each half; after it the halves
    change places. No latents leave on the way. It is the paper's model with model.coupling=mixture,
    model.network=attention, model.dequantization=variational, model.convolution=conv1x1 and
    model.parameterization=near_identity, as configs/flowpp_cifar10.py has them; any others go, too.

    Args:
      image_shape: (H, W, C).
      parts: convolution, coupling, preprocessing and dequantization.
      layers: couplings and squeezes in their order; the default is the paper's for CIFAR-10.
      pointwise: whether halves have convolutions; the paper's models of ImageNet have none.

    Returns:
      A built `Flow`. Its data-dependent layers wait for `Flow.initialize`.

    Example:
      >>> from flowconv import models
      >>> sizes = {"layers": "1 stripes, squeeze, 1 channels", "width": 8, "blocks": 1, "heads": 2}
      >>> flow = models.flowpp((8, 8, 3), network="attention", coupling="mixture", **sizes)
      >>> flow.latent_shapes
      [(4, 4, 12)]
    """
    dtype = parts.dtype

    def step(mask: Mask) -> Bijector:
        layers: list[Bijector] = [ActNorm("position", dtype=dtype, name="norm")]
        if pointwise:
            first, second = parts.convolution("first"), parts.convolution("second")
            layers.append(Halves(first, second, mask, dtype=dtype, name="pointwise"))
        layers += [parts.coupling(mask), SwapHalves(mask, dtype=dtype, name="swap")]
        return Chain(layers, dtype=dtype, name="step")

    def layer(number: int, kind: str, count: int) -> Bijector:
        if kind == SQUEEZE:
            return Squeeze(dtype=dtype, name=f"squeeze_{number}")
        return parts.repeated(step(MASKS[kind]()), count, f"{kind}_{number}")

    made = [layer(number, *each) for number, each in enumerate(layer_list(layers), 1)]
    level = Chain([*made, *parts.conditional_prior()], dtype=dtype, name="level_1")
    multiscale = MultiScale([level], dtype=dtype, name="multiscale")
    bijector = Chain([parts.preprocessing(), multiscale], dtype=dtype, name="bijector")
    base = StandardNormal()
    return Flow(parts.dequantization(), bijector, base, image_shape, parts.condition, dtype=dtype, name="flowpp")
