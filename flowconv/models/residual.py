"""Residual flow."""

from typing import cast

from flowconv.bijectors import ActNorm, Bijector, Chain, Flatten, MultiScale, Residual, Squeeze
from flowconv.core import arguments
from flowconv.core.lipschitz_network import LipschitzNetwork
from flowconv.core.network import Network
from flowconv.models.flow import Flow
from flowconv.models.from_config import Parts
from flowconv.models.standard_normal import StandardNormal

SLOW_INVERSE = "whose inverse takes as many evaluations of a network as its contraction needs"
UNSEEN_HALVINGS = 1  # of the L: the first level has none


def residual(
    image_shape: tuple[int, int, int],
    parts: Parts,
    *,
    levels: int = 3,
    depth: int = 32,
    dense_blocks: int = 4,
    dense_width: int = 128,
    training_terms: int = 2,
    evaluation_terms: int = 20,
    continuation: float = 0.5,
    exact_dims: int = 64,
) -> Flow:
    """Builds a residual flow (Chen et al. 2019): L levels × K × (residual layer, actnorm), then dense ones.

    Before each level but the first, 2×2 pixels become channels. No latents leave on the way. The very first layer has
    no activation before its convolutions. It is the paper's model with model.network=lipschitz_convolution, as
    configs/residual_cifar10.py has it; l2_attention goes, too. H and W must be divisible by 2^(levels − 1).

    Its log-determinant, and so its bits/dim, are estimates: right in expectation, with a deviation that is told.

    Args:
      image_shape: (H, W, C).
      parts: network, preprocessing and dequantization.
      levels: L.
      depth: K, the paper's 16 blocks.
      dense_blocks: residual layers of all numbers of an image, after the last level.
      dense_width: of their networks.
      training_terms: of the log-determinant's series that there always are, in training.
      evaluation_terms: the same, in evaluation.
      continuation: the probability that the series goes on after each further term.
      exact_dims: images of at most so many numbers have an exact log-determinant.

    Returns:
      A built `Flow`. Its data-dependent layers wait for `Flow.initialize`.

    Raises:
      ValueError: if the network is no contraction, or a number is out of range.

    Example:
      >>> from flowconv import models
      >>> sizes = {"levels": 2, "depth": 1, "width": 8, "dense_blocks": 1, "dense_width": 8}
      >>> flow = models.residual((8, 8, 3), network="lipschitz_convolution", **sizes)
      >>> flow.estimates_log_det
      True
    """
    arguments.whole(1, levels=levels, depth=depth)
    arguments.whole(0, dense_blocks=dense_blocks, exact_dims=exact_dims)
    arguments.whole(1, dense_width=dense_width, training_terms=training_terms, evaluation_terms=evaluation_terms)
    arguments.number(continuation, lambda q: 0.0 < q < 1.0, "continuation", "within (0, 1)")
    dtype = parts.dtype

    def block(network: Network, name: str = "step") -> Bijector:
        layer = Residual(
            cast(LipschitzNetwork, network),  # (or the layer refuses it)
            training_terms,
            evaluation_terms,
            continuation,
            exact_dims,
            dtype=dtype,
            name="residual",
        )
        return Chain([layer, ActNorm(dtype=dtype, name="actnorm")], dtype=dtype, name=name)

    def level(number: int) -> list[Bijector]:
        if number > 1:
            steps = parts.repeated(block(parts.network()), depth, f"steps_{number}")
            return [Squeeze(dtype=dtype, name=f"squeeze_{number}"), steps]
        first = block(parts.network({"preactivation": False}), "first")
        return [first, *([parts.repeated(block(parts.network()), depth - 1, "steps_1")] if depth > 1 else [])]

    layers = [layer for number in range(1, levels + 1) for layer in level(number)]
    if dense_blocks:
        # Of one pixel all of whose numbers are channels, a 1×1 convolution is a dense layer.
        dense = parts.network({"width": dense_width, "kernel_size": 1}, "lipschitz_convolution")
        layers += [Flatten(dtype=dtype, name="flatten"), parts.repeated(block(dense), dense_blocks, "dense")]
    level_1 = Chain([*layers, *parts.conditional_prior()], dtype=dtype, name="level_1")
    multiscale = MultiScale([level_1], dtype=dtype, name="multiscale")
    bijector = Chain([parts.preprocessing(), multiscale], dtype=dtype, name="bijector")
    base = StandardNormal()
    return Flow(parts.dequantization(), bijector, base, image_shape, parts.condition, dtype=dtype, name="residual")
