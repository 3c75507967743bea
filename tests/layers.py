"""Layers that tests are made of."""

import numpy as np
import tensorflow as tf

from flowconv.bijectors import (
    NONE,
    ActNorm,
    Additive,
    Affine,
    Autoregressive,
    Bijector,
    Chain,
    CheckerboardMask,
    Conv1x1,
    Coupling,
    Gaussian,
    Halves,
    InvertibleShift,
    Logit,
    MultiScale,
    PackedMask,
    Rearranged,
    Repeated,
    Residual,
    ShiftConvolution,
    ShuffledChannelMask,
    Split,
    Squeeze,
    StripeMask,
)
from flowconv.conditions.class_ import ClassCondition
from flowconv.models import Flow, StandardNormal
from flowconv.networks.convolution import ConvolutionNetwork
from flowconv.networks.glow import GlowNetwork
from flowconv.networks.lipschitz_convolution import LipschitzConvolutionNetwork
from flowconv.networks.masked_convolution import MaskedConvolutionNetwork
from flowconv.ops.shapes import batch_size, per_example, pixels
from flowconv.surjections.uniform import UniformDequantization
from flowconv.testing import perturb


def affine_coupling(width, mask=None, *, dtype=None, network_dtype=None, transform=None):
    """A coupling with Glow's network, whose dtype is that of the layer unless it has its own."""
    return Coupling(transform or Affine(), GlowNetwork(width, dtype=network_dtype or dtype), mask, dtype=dtype)


def additive_coupling(width, mask=None, *, dtype=None):
    """A coupling that keeps volumes."""
    return affine_coupling(width, mask, dtype=dtype, transform=Additive())


def autoregressive(transform=None, network=None, *, dtype=None, **settings):
    """An autoregressive layer with masked convolutions, unless it is given another network."""
    network = network or MaskedConvolutionNetwork(8, dtype=dtype)
    return Autoregressive(transform or Gaussian(), network, dtype=dtype, **settings)


def residual(dtype=None):
    """A residual layer with convolutions."""
    return Residual(LipschitzConvolutionNetwork(8, dtype=dtype), dtype=dtype)


def learned_split(dtype=None):
    """A split with openai/glow's prior."""
    return Split(Gaussian(), ConvolutionNetwork(dtype=dtype), dtype=dtype)


def halves(mask, dtype=None):
    """Layers on each half: a normalization and a matrix."""
    return Halves(ActNorm("position", dtype=dtype), Conv1x1("near_identity", dtype=dtype), mask, dtype=dtype)


def rearranged(masks=None, dtype=None):
    """Couplings of one mask after another."""
    masks = masks or [ShuffledChannelMask(3), PackedMask(CheckerboardMask(0)), PackedMask(StripeMask(1, "rows"))]
    return Rearranged(affine_coupling(8, dtype=dtype), masks, dtype=dtype)


def step(dtype=None, convolution=ShiftConvolution, coupling=affine_coupling):
    """A step of Glow."""
    return Chain([ActNorm(dtype=dtype), convolution(dtype=dtype), coupling(8, dtype=dtype)], dtype=dtype)


def a_condition(n, shape, dtype="float64", seed=0):
    """A condition of `Conditioned`: whole numbers and floats, in a nest."""
    generator = np.random.default_rng(seed)
    vector, image = generator.standard_normal((n, shape[-1])), generator.standard_normal((n, *shape[:2], 1))
    return {
        "label": tf.constant(generator.integers(0, Conditioned.labels, n)),
        "floats": [tf.constant(vector, dtype), tf.constant(image, dtype)],
    }


class Conditioned(Bijector):
    """y = x ⊙ exp(w_label + a·tanh(vector)) + image, of a condition as `a_condition` gives it."""

    labels = 4

    def build(self, input_shape):
        shape = (self.labels, input_shape[-1])
        self.log_scale = self.add_weight(shape=shape, initializer="zeros", name="log_scale")
        self.gain = self.add_weight(shape=(), initializer="ones", name="gain")

    def _scale_and_shift(self, inputs):
        vector, image = inputs.condition["floats"]
        log_scale = tf.gather(self.log_scale.value, inputs.condition["label"]) + self.gain.value * tf.tanh(vector)
        return log_scale[:, None, None, :], image

    def forward_and_log_det(self, x, inputs=NONE):
        log_scale, shift = self._scale_and_shift(inputs)
        return x * tf.exp(log_scale) + shift, pixels(x) * tf.reduce_sum(log_scale, [1, 2, 3])

    def inverse_and_log_det(self, y, inputs=NONE):
        log_scale, shift = self._scale_and_shift(inputs)
        return (y - shift) * tf.exp(-log_scale), -pixels(y) * tf.reduce_sum(log_scale, [1, 2, 3])


class OfLabels(Conditioned):
    """Of a condition of labels alone, `[B]`, whatever the size of the images."""

    def _scale_and_shift(self, inputs):
        log_scale = self.gain.value * tf.gather(self.log_scale.value, inputs.condition)[:, None, None, :]
        return log_scale, 0.1 * log_scale


def labelled_flow(image_shape=(8, 8, 3)):
    """A flow of images given their labels, of levels, a split and a loop over depth."""

    def level(name):
        return Chain([Squeeze(), Repeated(Chain([OfLabels(), affine_coupling(4)]), 2), OfLabels()], name=name)

    bijector = Chain([Logit(), MultiScale([level("one"), level("two")], [Split()])])
    flow = Flow(UniformDequantization(), bijector, StandardNormal(), image_shape, ClassCondition(OfLabels.labels))
    flow.reset_weights(0)
    perturb(flow, 0.1)
    return flow


class Noisy(Bijector):
    """y = x + w·u with u ~ U[0, 1) of the seed in its inputs."""

    def build(self, input_shape):
        self.weight = self.add_weight(shape=(), initializer="ones", name="weight")

    def _noise(self, x, inputs):
        noise = inputs.seed.uniform((batch_size(x), *x.shape[1:]))
        return self.weight.value * tf.cast(noise, x.dtype)

    def forward_and_log_det(self, x, inputs=NONE):
        return x + self._noise(x, inputs), per_example(0.0, x)

    def inverse_and_log_det(self, y, inputs=NONE):
        return y - self._noise(y, inputs), per_example(0.0, y)


class Counting(InvertibleShift):
    """Counts how often it was called, either way, and keeps the mean of what it saw last."""

    def build(self, input_shape):
        super().build(input_shape)
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False, name="calls")
        self.mean = self.add_weight(shape=(), initializer="zeros", trainable=False, name="mean")

    def _count(self, x):
        self.calls.assign(self.calls + 1)
        self.mean.assign(tf.reduce_mean(x))

    def forward_and_log_det(self, x, inputs=NONE):
        self._count(x)
        return super().forward_and_log_det(x, inputs)

    def inverse_and_log_det(self, y, inputs=NONE):
        self._count(y)
        return super().inverse_and_log_det(y, inputs)


class OfBatch(Bijector):
    """(a, b) → (a, b + w·mean(tanh a)), the mean over the images of a batch, which is kept."""

    def build(self, input_shape):
        half = (*input_shape[1:-1], input_shape[-1] // 2)
        self.weight = self.add_weight(shape=(), initializer="ones", name="weight")
        self.mean = self.add_weight(shape=half, initializer="zeros", trainable=False, name="mean")

    def _add(self, sign, x):
        a, b = tf.split(x, 2, axis=-1)
        mean = tf.reduce_mean(tf.tanh(a), axis=0)
        self.mean.assign(mean)
        return tf.concat([a, b + sign * self.weight.value * mean], axis=-1), per_example(0.0, x)

    def forward_and_log_det(self, x, inputs=NONE):
        return self._add(1.0, x)

    def inverse_and_log_det(self, y, inputs=NONE):
        return self._add(-1.0, y)
