"""Variational dequantization."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from flowconv.bijectors import ActNorm, Bijector, Chain, Conv1x1, Coupling, Halves, Repeated, StripeMask, SwapHalves
from flowconv.config.parts import NETWORKS, TRANSFORMS
from flowconv.core import arguments
from flowconv.core.dequantization import Dequantization
from flowconv.core.inputs import Inputs
from flowconv.core.network import Average
from flowconv.networks.layers.context import Context, ContextNetwork
from flowconv.ops.scan import Backward
from flowconv.ops.shapes import batch_size, sum_per_example

EDGE = 2.0**-24  # float32 rounds a σ that is nearer to 0 or 1 than half of this


class VariationalDequantization(Dequantization):
    """x = (level + u) / 2^n_bits with u = σ(g(ε | h(levels))), ε ~ N(0, I): noise of a flow (Ho et al. 2019).

    log q(u | image) = log N(ε; 0, I) − log |det ∂g/∂ε| − Σ log σ'(g). The flow g is K steps on stripes: a
    normalization of each number, a 1×1 convolution of each half, a coupling that sees the features h, halves swapped.
    Its couplings have the transform and the network of the model's, smaller. h are gated convolutions.

    The model is trained by E_q[log p(x) − log q(u | image)], a lower bound on the log-likelihood, and both flows
    together: the gradient passes through u. The bound is as tight as q is near to p(u | image); several draws of u
    tighten it. Cost: K evaluations of the smaller network, of half an image each.

    Args:
      n_bits: bits that are kept of each uint8 number.
      coupling: the transform of g's couplings, or it with settings of its own {"name": "mixture", ...}.
      network: of g's couplings, or it with settings of its own.
      backward: how the depth of g is differentiated (default: by inverting, if float32 bears it with these couplings).
      dequantizer_depth: K.
      dequantizer_width: channels of the networks' hidden layers.
      dequantizer_blocks: of these networks, if they have any.
      dequantizer_heads: of their attention, if they have any.
      dequantizer_pointwise: whether steps have 1×1 convolutions.
      context_width: channels of h.
      context_blocks: gated convolutions of h.
      context_heads: of a gated attention after each, which divide context_width; 0: none.
      context_norm: whether layer norms follow these.
      dropout: the rate in h, in training.
      weight_norm: of the convolutions of h.
      network_dtype: of all networks (default: the layer's).

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import Inputs, Seed
      >>> from flowconv.surjections.variational import VariationalDequantization
      >>> layer = VariationalDequantization(dequantizer_depth=2, dequantizer_width=8)
      >>> layer.build((None, 8, 8, 3))
      >>> x, log_density = layer.forward_and_log_density(tf.zeros([2, 8, 8, 3], tf.uint8), Inputs(seed=Seed(0)))
      >>> bool(tf.reduce_all((x >= 0) & (x < 1 / 256)))
      True

    References:
      Ho, Chen, Srinivas, Duan, Abbeel 2019, "Flow++: Improving Flow-Based Generative Models with Variational
      Dequantization and Architecture Design".
    """

    noise = "variational"

    def __init__(
        self,
        n_bits: int = 8,
        coupling: str | Mapping[str, Any] = "affine",
        network: str | Mapping[str, Any] = "glow",
        backward: Backward | None = None,
        dequantizer_depth: int = 4,
        dequantizer_width: int = 32,
        dequantizer_blocks: int = 1,
        dequantizer_heads: int = 4,
        dequantizer_pointwise: bool = True,
        context_width: int = 32,
        context_blocks: int = 1,
        context_heads: int = 0,
        context_norm: bool = False,
        dropout: float = 0.0,
        weight_norm: bool = False,
        network_dtype: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(n_bits, **kwargs)
        arguments.whole(
            1, dequantizer_depth=dequantizer_depth, dequantizer_width=dequantizer_width, context_width=context_width
        )
        arguments.whole(0, dequantizer_blocks=dequantizer_blocks, dequantizer_heads=dequantizer_heads)
        arguments.whole(0, context_blocks=context_blocks, context_heads=context_heads)
        arguments.number(dropout, lambda rate: 0.0 <= rate < 1.0, "dropout", "within [0, 1)")
        self._network_dtype = network_dtype or self.dtype_policy
        self.mask = StripeMask()
        self.context = ContextNetwork(
            context_width,
            context_blocks,
            context_heads,
            context_norm,
            dropout,
            weight_norm,
            dtype=self._network_dtype,
            name="context",
        )
        self._coupling, self._network = _named(coupling), _named(network)
        self._sizes = {"width": dequantizer_width, "blocks": dequantizer_blocks, "heads": dequantizer_heads}
        self.pointwise = dequantizer_pointwise
        self.depth = dequantizer_depth
        # As `model.backward` has it of the model itself.
        is_unsafe = TRANSFORMS.part(self._coupling["name"]).unsafe_inverse and self.compute_dtype != "float64"
        self.backward: Backward = backward or ("recompute" if is_unsafe else "invert")

    def build(self, input_shape: tuple[Any, ...]) -> None:
        height, width, channels = self.mask.half_shape(tuple(input_shape[-3:]))
        self.context.build((None, height, width, 2 * channels))
        step = self._step(Context((height, width, self.context.width), self.context.weight_norm))
        self.flow = Repeated(step, self.depth, self.backward, dtype=self.dtype_policy, name="flow")
        self.flow.build(input_shape)

    def _step(self, condition: Context) -> Chain:
        """A step of g."""
        kwargs = {"dtype": self.dtype_policy}
        transform = TRANSFORMS.make(self._coupling["name"], _settings(self._coupling))
        own = NETWORKS.part(self._network["name"]).keywords
        sizes = {name: size for name, size in self._sizes.items() if name in own}
        settings = _settings(self._network) | sizes
        network = NETWORKS.make(
            self._network["name"], settings, condition=condition, dtype=self._network_dtype, name="network"
        )
        layers: list[Bijector] = [ActNorm("position", name="norm", **kwargs)]
        if self.pointwise:
            first, second = (Conv1x1("near_identity", name=name, **kwargs) for name in ("first", "second"))
            layers.append(Halves(first, second, self.mask, name="pointwise", **kwargs))
        layers.append(Coupling(transform, network, self.mask, name="coupling", **kwargs))
        return Chain([*layers, SwapHalves(self.mask, name="swap", **kwargs)], name="step", **kwargs)

    def forward_and_log_density(self, images: tf.Tensor, inputs: Inputs) -> tuple[tf.Tensor, tf.Tensor]:
        flow, noise, given = self.flow_of_noise(images, inputs)
        logits, log_det = flow.forward_and_log_det(noise, given)
        # log σ'(a) = log σ(a) + log σ(−a)
        log_det += sum_per_example(tf.math.log_sigmoid(logits) + tf.math.log_sigmoid(-logits))
        log_normal = -0.5 * sum_per_example(noise**2 + math.log(2.0 * math.pi))
        return self._dequantized(images, logits), log_normal - log_det

    def initialize(self, images: tf.Tensor, inputs: Inputs, average: Average) -> tf.Tensor:
        context = self.context.initialize(self._seen(images), inputs.fold_in(1), average)
        logits = self.flow.initialize(self._noise(images, inputs), self._given(context, inputs), average)
        return self._dequantized(images, logits)

    def flow_of_noise(self, images: tf.Tensor, inputs: Inputs) -> tuple[Repeated, tf.Tensor, Inputs]:
        noise = self._noise(images, inputs)
        context = self.context.call(self._seen(images), inputs.fold_in(1))
        return self.flow, noise, self._given(context, inputs)

    def singular_values(self) -> dict[str, np.ndarray]:
        return self.flow.singular_values()

    def _noise(self, images: tf.Tensor, inputs: Inputs) -> tf.Tensor:
        """ε."""
        return tf.cast(self.seed_of(inputs).normal((batch_size(images), *images.shape[1:])), self.compute_dtype)

    def _seen(self, images: tf.Tensor) -> tf.Tensor:
        """What h sees: levels within [−½, ½), both halves' channels side by side."""
        levels = self.add(images, tf.zeros([], self.compute_dtype)) - 0.5
        return tf.concat(self.mask.split(levels), axis=-1)

    def _given(self, context: tf.Tensor, inputs: Inputs) -> Inputs:
        """The inputs of g."""
        return dataclasses.replace(inputs.fold_in(2), condition=tf.cast(context, self.compute_dtype))

    def _dequantized(self, images: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        return self.add(images, tf.clip_by_value(tf.sigmoid(logits), EDGE, 1.0 - EDGE))


def _named(part: str | Mapping[str, Any]) -> dict[str, Any]:
    """A part's name and its settings."""
    return {"name": part} if isinstance(part, str) else dict(part)


def _settings(part: Mapping[str, Any]) -> dict[str, Any]:
    """A part's settings without its name."""
    return {name: value for name, value in part.items() if name != "name"}
