"""Glow with the convolution of one's choice."""

from typing import Literal

from flowconv.bijectors import ActNorm, Bijector, Chain, InvertibleShift, Repeated, Squeeze, build_convolution
from flowconv.models.flow import Flow
from flowconv.models.parts import build_coupling, build_multiscale, flow_dtype


def glow(
    image_shape: tuple[int, int, int],
    *,
    n_bits: int = 8,
    levels: int = 3,
    depth: int = 32,
    width: int = 512,
    convolution: str = "shift",
    kernel_size: int = 3,
    shift: Literal["channel", "position"] = "channel",
    parameterization: str = "plu",
    coupling: Literal["affine", "additive"] = "affine",
    prior: Literal["standard", "learned"] = "standard",
    preprocessing: Literal["logit", "centre"] = "logit",
    backward: Literal["store", "recompute", "invert"] = "invert",
    precision: Literal["float32", "float64", "bfloat16"] = "float32",
) -> Flow:
    """Builds Glow (Kingma & Dhariwal 2018) of L levels × K steps: squeeze, K × (actnorm, convolution, coupling), split.

    With convolution "shift" it is the model of Truong et al. 2021, with "conv1x1" Glow itself. The other
    arguments are explained in `flowconv.configuration`; H and W must be divisible by 2^levels.

    Returns:
      A built `Flow`. Its data-dependent layers wait for `Flow.initialize`.
    """
    dtype = flow_dtype(precision)
    fields = {"kernel_size": kernel_size, "shift": shift, "parameterization": parameterization}

    def step() -> Bijector:
        layers = [
            ActNorm(dtype=dtype, name="actnorm"),
            build_convolution(convolution, fields, dtype=dtype, name="convolution"),
            build_coupling(coupling, width, precision),
        ]
        return Chain(layers, dtype=dtype, name="step")

    def level(number: int) -> Bijector:
        layers = [Squeeze(dtype=dtype), Repeated(step(), depth, backward, dtype=dtype, name="steps")]
        if prior == "learned" and number == levels:
            layers.append(InvertibleShift(dtype=dtype, name="prior"))  # a mean and a deviation a channel
        return Chain(layers, dtype=dtype, name=f"level_{number}")

    return build_multiscale(
        level,
        levels,
        prior=prior,
        preprocessing=preprocessing,
        precision=precision,
        image_shape=image_shape,
        n_bits=n_bits,
        name="glow",
    )
