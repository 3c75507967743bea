"""RealNVP."""

from typing import Literal

from flowconv.bijectors import ActNorm, Bijector, Chain, Repeated, Reverse, Squeeze
from flowconv.bijectors.partitions import Checkerboard
from flowconv.models.flow import Flow
from flowconv.models.parts import build_coupling, build_multiscale, flow_dtype


def realnvp(
    image_shape: tuple[int, int, int],
    *,
    n_bits: int = 8,
    levels: int = 3,
    depth: int = 32,
    width: int = 512,
    coupling: Literal["affine", "additive"] = "affine",
    prior: Literal["standard", "learned"] = "standard",
    preprocessing: Literal["logit", "centre"] = "logit",
    backward: Literal["store", "recompute", "invert"] = "invert",
    precision: Literal["float32", "float64", "bfloat16"] = "float32",
) -> Flow:
    """Builds RealNVP (Dinh et al. 2017) of L levels × K couplings, in its multi-scale order.

    A level has K/2 couplings with alternating checkerboard masks, a squeeze, K/2 couplings with alternating channel
    masks (halves of the channels, whose order is reversed after each), and a split; the last level has K couplings
    with checkerboard masks alone. There is nothing else that mixes channels. As in Glow, actnorm stands for batch
    normalization, and the coupling networks and their scale are Glow's rather than residual networks, so that
    a comparison with it is one of what stands between the couplings.

    Args:
      depth: K, a multiple of 4.

    The other arguments are explained in `flowconv.configuration`; H and W must be divisible by 2^levels.

    Returns:
      A built `Flow`. Its data-dependent layers wait for `Flow.initialize`.
    """
    dtype = flow_dtype(precision)

    def couplings(step: list[Bijector], times: int, name: str) -> Bijector:
        return Repeated(Chain(step, dtype=dtype, name="step"), times, backward, dtype=dtype, name=name)

    def checkerboard(times: int) -> Bijector:
        step = []
        for colour in (0, 1):
            step.append(ActNorm(dtype=dtype, name=f"actnorm_{colour}"))
            step.append(build_coupling(coupling, width, precision, Checkerboard(colour), f"coupling_{colour}"))
        return couplings(step, times // 2, "checkerboard")

    def channels(times: int) -> Bijector:
        step = [
            ActNorm(dtype=dtype, name="actnorm"),
            build_coupling(coupling, width, precision),
            Reverse(dtype=dtype, name="reverse"),
        ]
        return couplings(step, times, "channels")

    def level(number: int) -> Bijector:
        if number == levels:
            layers = [checkerboard(depth)]
        else:
            layers = [checkerboard(depth // 2), Squeeze(dtype=dtype), channels(depth // 2)]
        return Chain(layers, dtype=dtype, name=f"level_{number}")

    return build_multiscale(
        level,
        levels,
        prior=prior,
        preprocessing=preprocessing,
        precision=precision,
        image_shape=image_shape,
        n_bits=n_bits,
        name="realnvp",
    )
