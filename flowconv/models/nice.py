"""NICE."""

from typing import Literal

from flowconv.bijectors import Bijector, Chain, InvertibleShift, Repeated, Reverse, Squeeze
from flowconv.models.flow import Flow
from flowconv.models.parts import build_coupling, build_preprocessing, flow_dtype


def nice(
    image_shape: tuple[int, int, int],
    *,
    n_bits: int = 8,
    levels: int = 3,
    depth: int = 32,
    width: int = 512,
    preprocessing: Literal["logit", "centre"] = "logit",
    backward: Literal["store", "recompute", "invert"] = "invert",
    precision: Literal["float32", "float64", "bfloat16"] = "float32",
) -> Flow:
    """Builds NICE (Dinh et al. 2015) for images: L times a squeeze and K × (additive coupling, reversed channels).

    All couplings keep volumes; nothing is normalized between them and no latents leave on the way. At the end a
    scale and a shift of each number (NICE's diagonal S) are the only layer with a log-determinant. The networks are
    convolutional, as Glow's. The arguments are explained in `flowconv.configuration`; H and W must be divisible by
    2^levels.

    Returns:
      A built `Flow`. Its data-dependent layers wait for `Flow.initialize`.
    """
    dtype = flow_dtype(precision)

    def steps(number: int) -> Bijector:
        step = [build_coupling("additive", width, precision), Reverse(dtype=dtype, name="reverse")]
        return Repeated(Chain(step, dtype=dtype, name="step"), depth, backward, dtype=dtype, name=f"steps_{number}")

    layers = []
    for number in range(1, levels + 1):
        layers += [Squeeze(dtype=dtype, name=f"squeeze_{number}"), steps(number)]
    layers.append(InvertibleShift("position", dtype=dtype, name="scale"))
    level = Chain(layers, dtype=dtype, name="level_1")
    return Flow(
        build_preprocessing(preprocessing, precision), [level], [], image_shape, n_bits, dtype=dtype, name="nice"
    )
